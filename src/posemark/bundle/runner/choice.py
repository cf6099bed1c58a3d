"""The command line of run.py."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from posemark.bundle.runner.bundled import Bundle
from posemark.core.errors import UsageError

_DESCRIPTION = """\
Measure pose models on this device, and write records for PoseMark at home.
Needs Python 3.6 or later, numpy and one engine, and nothing of the network.
"""

_EXAMPLES = """\
examples:
  python3 run.py                      every entry, on the first engine found
  python3 run.py --list               what is in the bundle, and what was found
  python3 run.py NAME --engine opencv --threads 2
  python3 run.py NAME --sustained     ten minutes, for devices that heat up;
                                      the name comes before --sustained

Ctrl-C stops cleanly. Run again to continue; finished entries are left alone.
Afterwards copy the folder results home and type: posemark report results

exit codes: 0 done, 1 some entry failed, 2 wrong usage or a damaged bundle,
130 stopped by Ctrl-C
"""

SUSTAINED_MINUTES = 10.0
"""Minutes of a sustained run: long enough for a board to reach its final temperature."""

_SHORTEST, _LONGEST = 0.1, 7 * 24 * 3600.0
"""Seconds of a run of one entry."""

_MOST_THREADS, _MOST_PASSES = 1024, 10_000


@dataclass(frozen=True)
class Choice:
    """What the user chose; None leaves the choice to the bundle and to what is installed.

    Attributes:
        entries: names of entries; () for all of them.
        engine: the name of the engine.
        precision: fp32, fp16 or int8.
        threads: number of CPU threads.
        device: the engine's name of the device.
        seconds: the time of the blocks of each entry.
        repeat: how many times a run goes through its frames; None for enough passes for a speed.
        sustained: whether frames repeat until the time is over.
        out: the folder of the records.
        only_list: whether nothing is to be measured.
        worker: the entry that this process measures; None in the process that the user started.
        probe: the engine whose version this process prints; None in all other processes.
        version: the version of the engine, which the first process has found out.
    """

    entries: tuple[str, ...]
    engine: str | None
    precision: str | None
    threads: int | None
    device: str | None
    seconds: float | None
    repeat: int | None
    sustained: bool
    out: Path
    only_list: bool
    worker: str | None
    probe: str | None
    version: str


def parsed(bundle: Bundle, arguments: Sequence[str]) -> Choice:
    """Parse the arguments of run.py.

    Raises:
        UsageError: if options contradict each other or do not exist, or a value is none.
        SystemExit: from argparse, after --help.
    """
    given: Any = _parser(bundle).parse_args(list(arguments))
    if given.sustained is not None and given.seconds is not None:
        raise UsageError(
            "--sustained and --seconds contradict each other. Say --sustained MINUTES alone, or "
            "leave --sustained out."
        )
    minutes: float | None = given.sustained
    sustained = minutes is not None
    seconds: float | None = given.seconds if minutes is None else minutes * 60
    option = "--sustained" if sustained else "--seconds"
    if seconds is not None and not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError(f"{option}: expected {_SHORTEST:g} s to 7 days, got {seconds:g} s.")
    _require_within("--threads", given.threads, _MOST_THREADS)
    _require_within("--repeat", given.repeat, _MOST_PASSES)
    if sustained and given.repeat is not None:
        raise UsageError(
            "--sustained and --repeat contradict each other: in a sustained run the frames repeat "
            "anyway. Leave --repeat out."
        )
    return Choice(
        entries=tuple(given.entries),
        engine=given.engine,
        precision=given.precision,
        threads=given.threads,
        device=given.device,
        seconds=seconds,
        repeat=given.repeat,
        sustained=sustained,
        out=Path(given.out),
        only_list=given.list,
        worker=given.worker,
        probe=given.probe,
        version=given.engine_version,
    )


def _require_within(option: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise UsageError(f"{option}: expected 1 to {most}, got {value}.")


class _Parser(argparse.ArgumentParser):
    """Raises its errors, which are then printed as all others."""

    def error(self, message: str) -> NoReturn:
        """Raise the error.

        Raises:
            UsageError: always.
        """
        start = "argument "
        what = message[len(start) :] if message.startswith(start) else message
        raise UsageError(f"{what}. python3 run.py --help names all options.")


NumberT = TypeVar("NumberT", int, float)


def _as(kind: Callable[[str], NumberT], expected: str, hint: str = "") -> Callable[[str], NumberT]:
    """Return what argparse converts a number with; `expected` and `hint` are in its message."""

    def convert(text: str) -> NumberT:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}{hint}") from None

    return convert


_whole = _as(int, "a whole number, such as 4")
_seconds = _as(float, "a number of seconds, such as 60")
_minutes = _as(
    float,
    "a number of minutes, such as 20",
    ". The names of entries come before --sustained: python3 run.py NAME --sustained",
)


def _parser(bundle: Bundle) -> argparse.ArgumentParser:
    parser = _Parser(
        usage="python3 run.py [options] [ENTRY ...]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("entries", nargs="*", metavar="ENTRY", help="entries to run; default: all")
    engines = ", ".join(bundle.engines)
    add("--engine", choices=bundle.engines, metavar="NAME", help=f"the first found of {engines}")
    precisions = ("fp32", "fp16", "int8")
    add("--precision", choices=precisions, help="default: that of the target, or of the file")
    add("--threads", type=_whole, metavar="N", help="CPU threads; default: all cores")
    add("--device", metavar="NAME", help="as the engine calls it; default: cpu, cuda (tensorrt)")
    add(
        "--repeat",
        type=_whole,
        metavar="N",
        help="passes over the frames; default: for 6 s or more",
    )
    add("--seconds", type=_seconds, metavar="S", help="most time for each entry")
    add(
        "--sustained",
        type=_minutes,
        nargs="?",
        const=SUSTAINED_MINUTES,
        metavar="MINUTES",
        help=f"repeat the frames for some minutes; without a number {SUSTAINED_MINUTES:g}",
    )
    add("--out", default="results", metavar="DIR", help="folder of the records; default: results")
    add("--list", action="store_true", help="list entries and engines, and measure nothing")
    add("--worker", help=argparse.SUPPRESS)
    add("--probe", help=argparse.SUPPRESS)
    add("--engine-version", default="", help=argparse.SUPPRESS)
    return parser
