"""What the CPU of this machine can attain: measured once, kept, and noted in every record."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from posemark.artefacts import fingerprint
from posemark.core.errors import DataError, RunError
from posemark.core.places import user_cache, write_whole
from posemark.machine import kernels as work
from posemark.machine.processes import process_context
from posemark.machine.rates import Rate, fastest, rates
from posemark.measure.clock import utc_now
from posemark.measure.contention import MOST_TAKEN, TAKEN, shares
from posemark.measure.environment import environment, free_memory, last_level_cache
from posemark.measure.watch import Watch

VERSION = 1
"""Of the way to measure; files of another one are not used."""

SECONDS, SHORT_SECONDS = 10.0, 1.5
"""Of sampling, for the command and before a run; choosing the work takes another 2."""

SMALLEST_ARRAY = 128 * 2**20
LARGEST_SHARE = 1 / 8
"""Of the free memory, an array; there are two."""

BANDWIDTH = "bandwidth"

MOST_SPREAD = 0.1
"""Between the quartiles of a rate. Measured on a machine that did nothing else: 1 to 4 %; beside
other programs up to 34 %, and then the median is that of a slower machine."""

ATTEMPTS = 3
"""At measuring while other programs use the machine, before it is given up."""


class Ceiling(msgspec.Struct, frozen=True):
    """What so many threads of a processor attain.

    rates: multiply-accumulates a second (one is two floating-point operations), by precision;
    one that torch has no kernels for is absent. bandwidth: bytes a second. facts: what it
    depends on. measured: when.
    """

    rates: dict[str, Rate]
    bandwidth: Rate
    threads: int
    facts: dict[str, str | int]
    measured: str
    taken: dict[str, float] = {}

    @property
    def disturbed(self) -> str:
        """What shows that the machine did other things meanwhile; "" if nothing does."""
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
        """What a record keeps of it."""
        found = {name: rate.per_second for name, rate in self.rates.items()}
        return {**found, BANDWIDTH: self.bandwidth.per_second, "threads": self.threads}


def attempts(
    threads: int,
    seconds: float,
    told: Callable[[float], object] = lambda _: None,
    label: str | None = None,
    most: int = ATTEMPTS,
) -> Iterator[Ceiling]:
    """Measure until the machine did nothing else meanwhile, `most` times at most.

    All but the last one are disturbed; so may the last one be. Arguments and errors: as measure().
    """
    for _ in range(most):
        found = measure(threads, seconds, told, label)
        yield found
        if not found.disturbed:
            return


def measure(
    threads: int,
    seconds: float,
    told: Callable[[float], object] = lambda _: None,
    label: str | None = None,
) -> Ceiling:
    """Measure in a process of its own, which gives all its memory back.

    In this one, the long arrays would count into the peak memory of an entry that runs here.
    told: is given the share that is done, 0..1. label: the user's name for the machine.

    Raises:
        RunError: if that process cannot be started or fails.
    """
    context = process_context()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, threads, seconds, label), daemon=True)
    try:
        process.start()
    except (EOFError, OSError) as error:
        ours.close()
        why = str(error) or type(error).__name__
        raise _unmeasured(f"no process could be started ({why})") from error
    finally:
        theirs.close()
    answer = _answer(process, ours, told)
    if isinstance(answer, str):
        raise _unmeasured(answer)
    return answer


def _answer(process: Any, ours: Connection, told: Callable[[float], object]) -> Ceiling | str:
    """What the process found, or why it found nothing; it has ended afterwards."""
    try:
        while isinstance(answer := ours.recv(), float):
            told(answer)
        return answer
    except EOFError:
        return "its process ended, out of memory as a rule"
    finally:
        ours.close()
        process.terminate()
        process.join()


def _unmeasured(why: str) -> RunError:
    return RunError(
        f"what this machine attains could not be measured: {why}. Close other programs "
        "and run `posemark machine`."
    )


def _work(pipe: Connection, threads: int, seconds: float, label: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side decides what Ctrl-C means
    with suppress(BrokenPipeError):  # the other side was killed: nobody waits for an answer
        try:
            answer = measure_here(threads, seconds, pipe.send, array_bytes(), label)
        except BrokenPipeError:
            raise
        except Exception as error:  # reported on the other side
            answer = f"{type(error).__name__}: {error}"
        pipe.send(answer)


def measure_here(
    threads: int,
    seconds: float,
    told: Callable[[float], object],
    array: int,
    label: str | None = None,
) -> Ceiling:
    """The same in this process. array: bytes of each long array."""
    work.use_threads(threads)
    chosen = {name: fastest(work.sums(name)) for name in work.PRECISIONS}
    works = {name: each for name, each in chosen.items() if each}
    arrays = work.stream(array)
    watch = Watch(counters=())
    found = rates(works | {BANDWIDTH: arrays}, seconds, told)
    taken = shares(watch.stop(), environment()["cpus"])
    own = {name: found[name] for name in works}
    return Ceiling(own, found[BANDWIDTH], threads, facts(threads, label), utc_now(), taken)


def array_bytes() -> int:
    """As large as all last-level caches together, so that two arrays never fit into them."""
    wanted = max(SMALLEST_ARRAY, last_level_cache() or 0)
    return int(min(wanted, free_memory() * LARGEST_SHARE))


def facts(threads: int, label: str | None = None) -> dict[str, str | int]:
    """What a ceiling depends on: measured under others, it is of no use.

    The name of the machine is among them: one board in two power modes, or twins with one home
    folder, are told apart by nothing else. So is how threads wait, which costs them time.
    """
    here: dict[str, Any] = environment(label)
    kept = {name: here[name] for name in ("cpu", "cores", "cpus", "machine")}
    return kept | {
        "board": here["board"] or "",
        "label": here["label"] or "",
        "waiting": ", ".join(f"{name}={value}" for name, value in here["waiting"].items()),
        "torch": here["libraries"]["torch"] or "",
        "threads": threads,
        "version": VERSION,
    }


def path_of(threads: int, label: str | None = None) -> Path:
    """Where the ceiling of this machine is kept."""
    return _path(facts(threads, label))


def _path(known: dict[str, str | int]) -> Path:
    return user_cache() / "machine" / f"ceiling-{fingerprint(known)}.json"


def load(threads: int, label: str | None = None) -> Ceiling | None:
    """The ceiling kept for this machine and so many threads; None if there is none.

    One that an older version kept may be disturbed: it must not be used.

    Raises:
        DataError: if its file is damaged.
    """
    path = path_of(threads, label)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ceiling)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: expected what `posemark machine` keeps, but it cannot be read ({error})."
        ) from error


def save(ceiling: Ceiling) -> None:
    """Keep it for later runs; the file appears whole or not at all.

    Raises:
        OSError: if it cannot be written.
        ValueError: for a disturbed one, which would be held against every later run.
    """
    if ceiling.disturbed:
        raise ValueError(ceiling.disturbed)
    content = msgspec.json.format(msgspec.json.encode(ceiling), indent=1)
    write_whole(_path(ceiling.facts), content)
