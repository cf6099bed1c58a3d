"""The peak rates of this machine's CPU: measured once, stored, and copied into every record."""

import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from posemark.artefacts import fingerprint
from posemark.core.errors import DataError, RunError
from posemark.core.memory import be_ended_first
from posemark.core.places import user_cache, write_whole
from posemark.core.text import shortened
from posemark.machine import kernels as work
from posemark.machine.processes import process_context
from posemark.machine.rates import Rate, fastest, rates
from posemark.measure.clock import utc_now
from posemark.measure.contention import MOST_TAKEN, TAKEN, Taken, shares
from posemark.measure.environment import environment, free_memory, last_level_cache
from posemark.measure.watch import Watch

VERSION = 1
"""Version of the measuring method. Files of other versions are not used."""

SECONDS, SHORT_SECONDS = 10.0, 1.5
"""Seconds of sampling: in `posemark machine`, and before a run. Choosing the work takes 2 more."""

SMALLEST_ARRAY = 128 * 2**20
"""Smallest size in bytes of each of the two long arrays, if memory allows."""

LARGEST_SHARE = 1 / 8
"""Each of the two long arrays may take this share of the free memory."""

BANDWIDTH = "bandwidth"
"""Name of the memory rate among the rates."""

MOST_SPREAD = 0.1
"""Largest spread (distance of the quartiles / median) of a rate on an undisturbed machine.

On an idle machine it was 1 to 4%. Beside other programs it was up to 34%, and then the median is
that of a slower machine.
"""

ATTEMPTS = 3
"""Number of measurements on a machine that other programs use, before we give up."""


class MachinePeak(msgspec.Struct, frozen=True):
    """The peak rates of a processor with a given number of threads.

    Attributes:
        rates: Multiply-accumulates per second (each is two floating-point operations), by
            precision. A precision for which torch has no kernels is absent.
        bandwidth: Bytes per second that the memory delivers.
        threads: Number of CPU threads.
        facts: What the rates depend on; see facts().
        measured: Time of the measurement, in UTC.
        taken: Share of the machine, 0..1, that others took during the measurement, by counter.
    """

    rates: dict[str, Rate]
    bandwidth: Rate
    threads: Annotated[int, Meta(ge=1, le=10**9)]
    facts: dict[str, str | int]
    measured: str
    taken: dict[Taken, float] = {}

    @property
    def disturbed(self) -> str:
        """Why the machine was not idle during the measurement; "" if it was idle."""
        found = [
            f"{TAKEN[name].format(f'{100 * share:.0f}%')}, limit {100 * MOST_TAKEN[name]:g}%"
            for name, share in self.taken.items()
            if share > MOST_TAKEN[name]
        ]
        name, rate = max(self._all_rates(), key=lambda pair: pair[1].spread)
        if rate.spread > MOST_SPREAD:
            spread = f"{100 * rate.spread:.0f}%"
            found.append(f"the rates of {name} spread by {spread}, limit {100 * MOST_SPREAD:g}%")
        return "; ".join(found)

    def _all_rates(self) -> list[tuple[str, Rate]]:
        return [*self.rates.items(), (BANDWIDTH, self.bandwidth)]

    def figures(self) -> dict[str, float]:
        """The figures that a record stores: rates per second by name, and "threads"."""
        found = {name: rate.per_second for name, rate in self.rates.items()}
        return {**found, BANDWIDTH: self.bandwidth.per_second, "threads": self.threads}


def measure_undisturbed(
    threads: int,
    seconds: float,
    progress: Callable[[float], object] = lambda _: None,
    label: str | None = None,
    most: int = ATTEMPTS,
    attempted: Callable[[int, MachinePeak], object] = lambda _number, _found: None,
) -> MachinePeak:
    """Measure until the machine is idle during a measurement, at most `most` times.

    Args:
        threads: As for measure().
        seconds: As for measure(), for each attempt.
        progress: As for measure().
        label: As for measure().
        most: Largest number of attempts, at least 1.
        attempted: Called after each attempt with its number, from 1, and its result.

    Returns:
        The result of the last attempt, which may be disturbed, too.

    Raises:
        RunError: As for measure().
    """
    number = 0
    while True:
        number += 1
        found = measure(threads, seconds, progress, label)
        attempted(number, found)
        if number >= most or not found.disturbed:
            return found


def measure(
    threads: int,
    seconds: float,
    progress: Callable[[float], object] = lambda _: None,
    label: str | None = None,
) -> MachinePeak:
    """Measure in a child process, which returns all its memory when it ends.

    In this process, the long arrays would add to the peak memory of an entry that runs here.

    Args:
        threads: Number of CPU threads.
        seconds: Seconds of sampling; choosing the work takes about 2 more.
        progress: Called now and then with the finished share, 0..1.
        label: The user's name for the machine.

    Raises:
        RunError: If the process cannot be started, or fails.
    """
    context = process_context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, threads, seconds, label), daemon=True)
    try:
        process.start()
    except (EOFError, OSError) as error:
        receiver.close()
        why = str(error) or type(error).__name__
        raise _unmeasured(f"no process could be started ({why})") from error
    finally:
        sender.close()
    answer = _answer(process, receiver, progress)
    if isinstance(answer, str):
        raise _unmeasured(answer)
    return answer


class _Receiver(Protocol):
    """The receiving end of the pipe; its class depends on the operating system."""

    def recv(self) -> MachinePeak | float | str: ...
    def close(self) -> None: ...


def _answer(
    process: BaseProcess, receiver: _Receiver, progress: Callable[[float], object]
) -> MachinePeak | str:
    """The result of the process, or the reason why it failed. The process has then ended."""
    try:
        while not isinstance(answer := receiver.recv(), (MachinePeak, str)):
            progress(answer)
        return answer
    except EOFError:
        return "its process ended without an answer, usually because memory ran out"
    finally:
        receiver.close()
        process.terminate()
        process.join()


def _unmeasured(why: str) -> RunError:
    return RunError(
        f"the peak rates of this machine could not be measured: {why}. Close other programs "
        "and run `posemark machine`."
    )


def _work(pipe: Connection, threads: int, seconds: float, label: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C does
    be_ended_first()
    with suppress(BrokenPipeError):  # the parent was killed: nobody waits for an answer
        try:
            answer = measure_here(threads, seconds, pipe.send, array_bytes(), label)
        except BrokenPipeError:
            raise
        except Exception as error:  # the parent reports it
            answer = f"{type(error).__name__}: {error}"
        pipe.send(answer)


def measure_here(
    threads: int,
    seconds: float,
    progress: Callable[[float], object],
    array: int,
    label: str | None = None,
) -> MachinePeak:
    """Measure in this process.

    Args:
        threads: Number of CPU threads; torch keeps it afterwards.
        seconds: Seconds of sampling.
        progress: Called after each round of samples with the finished share, 0..1.
        array: Size of each long array in bytes.
        label: The user's name for the machine.
    """
    work.use_threads(threads)
    chosen = {name: fastest(work.sums(name)) for name in work.PRECISIONS}
    works = {name: each for name, each in chosen.items() if each}
    arrays = work.stream(array)
    watch = Watch(counters=())
    found = rates(works | {BANDWIDTH: arrays}, seconds, progress)
    taken = shares(watch.stop(), environment()["cpus"])
    own = {name: found[name] for name in works}
    return MachinePeak(own, found[BANDWIDTH], threads, facts(threads, label), utc_now(), taken)


def array_bytes() -> int:
    """Size of each long array in bytes: that of all last-level caches together, or more.

    Two such arrays never fit into the caches. Little free memory makes them smaller.
    """
    wanted = max(SMALLEST_ARRAY, last_level_cache() or 0)
    return int(min(wanted, free_memory() * LARGEST_SHARE))


def facts(threads: int, label: str | None = None) -> dict[str, str | int]:
    """The facts that peak rates depend on; rates measured under other facts are not used.

    The user's name for the machine is among them: nothing else distinguishes two equal machines
    that share a home folder. So are the power mode of a board, if it has any, and the way in
    which threads wait, because they affect the speed.
    """
    here: dict[str, Any] = environment(label)
    names = ("cpu", "cores", "cpus", "machine", "power_mode")
    kept = {name: here[name] for name in names if name in here}
    return kept | {
        "board": here["board"] or "",
        "label": here["label"] or "",
        "waiting": ", ".join(f"{name}={value}" for name, value in here["waiting"].items()),
        "torch": here["libraries"]["torch"] or "",
        "threads": threads,
        "version": VERSION,
    }


def path_of(threads: int, label: str | None = None) -> Path:
    """The file that stores the peak rates of this machine."""
    return _path(facts(threads, label))


def _path(known: dict[str, str | int]) -> Path:
    return user_cache() / "machine" / f"ceiling-{fingerprint(known)}.json"


def load(threads: int, label: str | None = None) -> MachinePeak | None:
    """The stored peak rates of this machine with this number of threads.

    Returns:
        The rates; None if none are stored. Rates that an older version stored may be disturbed,
        and must then not be used.

    Raises:
        DataError: If the file is damaged.
    """
    path = path_of(threads, label)
    try:
        return msgspec.json.decode(path.read_bytes(), type=MachinePeak)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: expected the peak rates that `posemark machine` stores, but the file cannot "
            f"be read ({shortened(str(error))})."
        ) from error


def save(peak: MachinePeak) -> None:
    """Store peak rates for later runs. The file appears whole or not at all.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the measurement was disturbed: every later run would be compared with it.
    """
    if peak.disturbed:
        raise ValueError(peak.disturbed)
    content = msgspec.json.format(msgspec.json.encode(peak), indent=1)
    write_whole(_path(peak.facts), content)
