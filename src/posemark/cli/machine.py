"""`posemark machine`: what this machine attains, against which every result is held."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.jobs.ceiling import Ceiling

EXAMPLE = "hrnet-w32-256x192"


def machine(
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads. Default: all usable cores.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure what this machine's CPU attains: arithmetic by precision, and memory.

    Takes about 15 seconds, best with nothing else running. Kept for later runs, whose results
    tell which share of it the network reaches.

    Examples:

        posemark machine

        posemark machine --threads 1 --json
    """
    import msgspec

    from posemark.jobs.ceiling import SECONDS
    from posemark.measure.environment import usable_cores

    ceiling = _measured(threads or usable_cores(), SECONDS, quiet=json)
    if json:
        terminal.say(msgspec.json.encode(ceiling).decode())
    else:
        _print(ceiling)


def attained(threads: int, quiet: bool) -> dict[str, float] | None:
    """For records: what is kept for this machine; measured in seconds where nothing is.

    quiet: say and show nothing unless something is wrong. None, and a line that says so, where
    it cannot be measured: that is no reason not to measure networks.
    """
    from posemark.core.errors import DataError, RunError
    from posemark.jobs import ceiling

    try:
        known = ceiling.load(threads)
    except DataError as error:
        terminal.say(f"{error} Measuring anew.", err=True)
        known = None
    if known:
        return known.figures()
    try:
        found = _measured(threads, ceiling.SHORT_SECONDS, quiet)
    except RunError as error:
        terminal.say(f"{error} Results will not tell their share of it.", err=True)
        return None
    if not quiet:
        terminal.say(f"this machine attains {_sentence(found)}", err=True)
    return found.figures()


def _measured(threads: int, seconds: float, quiet: bool) -> "Ceiling":
    """Measured now, and kept."""
    from posemark.jobs import ceiling

    with _bar(quiet) as told:
        found = ceiling.measure(threads, seconds, told)
    try:
        ceiling.save(found)
    except OSError as error:
        terminal.say(f"{ceiling.path_of(threads)}: not kept for later runs ({error}).", err=True)
    return found


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[float], None]]:
    """A progress bar on the terminal; what it gives takes the share that is done."""
    from rich.progress import Progress

    shown = terminal.console(stderr=True)
    hidden = quiet or not shown.is_terminal
    with Progress(console=shown, disable=hidden, transient=True) as progress:
        task = progress.add_task("measuring this machine", total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _sentence(ceiling: "Ceiling") -> str:
    from posemark.report.figures import three_digits

    told = (f"{three_digits(r.per_second / 1e9)} {name}" for name, r in ceiling.rates.items())
    memory = three_digits(ceiling.bandwidth.per_second / 1e9)
    threads = f"{ceiling.threads} thread{'s' if ceiling.threads > 1 else ''}"
    return f"{', '.join(told)} GMAC/s and {memory} GB/s with {threads} (posemark machine)"


def _print(ceiling: "Ceiling") -> None:
    from rich.table import Table

    from posemark.report.figures import counted, percent, three_digits

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for title in ("attained", "spread"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("by")
    for name, rate in ceiling.rates.items():
        speed = f"{three_digits(rate.per_second / 1e9)} GMAC/s"
        table.add_row(name, speed, percent(rate.spread), rate.how)
    memory = ceiling.bandwidth
    speed = f"{three_digits(memory.per_second / 1e9)} GB/s"
    table.add_row("memory", speed, percent(memory.spread), memory.how)
    console = terminal.console()
    threads = counted(ceiling.threads, "thread")
    console.print(f"{ceiling.facts['cpu']}, {threads}\n", markup=False)
    console.print(table)
    console.print(f"\n{_meaning(ceiling)}", markup=False)


def _meaning(ceiling: "Ceiling") -> str:
    """What the figures are, and what they would give."""
    from posemark.models import spec_of
    from posemark.report.figures import three_digits

    lines = [
        "Medians; spread: between the quartiles. 1 MAC (multiply-accumulate) = 2 FLOP.",
        "A precision that is no faster than fp32 has no fast path here.",
    ]
    best = ceiling.rates.get("fp32")
    if best:
        persons = three_digits(best.per_second / spec_of(EXAMPLE).macs)
        balance = three_digits(best.per_second / ceiling.bandwidth.per_second)
        lines += [
            f"{EXAMPLE} could at best run {persons} persons/s at fp32.",
            f"Below {balance} MACs a byte from memory, fp32 waits for memory.",
        ]
    return "\n".join(lines)
