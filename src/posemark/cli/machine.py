"""`posemark machine`: what this machine attains, against which every result is held."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posemark.cli import terminal
from posemark.cli.run_options import MachineOption

if TYPE_CHECKING:
    from posemark.machine.peak import Ceiling

EXAMPLE = "hrnet-w32-256x192"


def machine(
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads. Default: all usable cores.")
    ] = None,
    machine: MachineOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say which machine this is, and measure what its CPU attains: arithmetic and memory.

    Takes about 15 seconds, with nothing else running: while other programs use the machine it is
    measured again, up to three times in all, and then not kept. What is kept serves later runs,
    whose results say which share of it the network reaches.

    The identity is what records keep: the name that POSEMARK_MACHINE gives, board, processor,
    GPUs, memory and operating system.

    Examples:

        posemark machine

        posemark machine --threads 1 --json
    """
    from posemark.machine.peak import ATTEMPTS, SECONDS
    from posemark.measure.environment import environment, usable_cores

    identity = environment(machine)  # first: a name that it refuses must not cost the measurement
    ceiling = _measured(threads or usable_cores(), SECONDS, json, machine, ATTEMPTS)
    if json:
        _print_json(identity, ceiling)
    else:
        _print(identity, ceiling)


def _print_json(identity: dict[str, Any], ceiling: "Ceiling") -> None:
    from posemark.report import json_outputs

    terminal.say(
        json_outputs.printed(
            json_outputs.MachinePeaks,
            machine=identity,
            threads=ceiling.threads,
            peak=ceiling.rates,
            bandwidth=ceiling.bandwidth,
            taken=ceiling.taken,
            disturbed=ceiling.disturbed,
            measured=ceiling.measured,
        )
    )


def attained(
    threads: int, quiet: bool, label: str | None = None, may_measure: bool = True
) -> dict[str, float] | None:
    """For records: what is kept for this machine; measured in seconds where nothing is.

    quiet: say and show nothing unless something is wrong. may_measure: there is time for it.
    None, and a line that says so, where it cannot be measured: that is no reason not to measure
    networks.
    """
    from posemark.core.errors import RunError
    from posemark.machine import peak

    known = _kept(threads, label)
    if known:
        return known.figures()
    if not may_measure:
        terminal.say(
            "The peak of this machine is not known, and the time too short to measure it: "
            "`posemark machine` does. Results will not show what share of it they reach.",
            err=True,
        )
        return None
    try:
        # Once: whoever wants to run three frames on a busy machine should not wait for its rest.
        found = _measured(threads, peak.SHORT_SECONDS, quiet, label, most=1)
    except RunError as error:
        terminal.say(f"{error} Results will not show what share of it they reach.", err=True)
        return None
    if found.disturbed:
        terminal.say("Results will not show what share of its peak they reach.", err=True)
        return None
    if not quiet:
        terminal.say(f"this machine attains {_sentence(found)}", err=True)
    return found.figures()


def _kept(threads: int, label: str | None) -> "Ceiling | None":
    """What is kept, if it can be used; why not, if not."""
    from posemark.core.errors import DataError
    from posemark.machine import peak

    try:
        known = peak.load(threads, label)
    except DataError as error:
        terminal.say(f"{error} Measuring anew.", err=True)
        return None
    if known and known.disturbed:
        path = peak.path_of(threads, label)
        terminal.say(
            f"{path}: measured while other programs used the machine ({known.disturbed}). "
            "Measuring anew.",
            err=True,
        )
        return None
    return known


def _measured(threads: int, seconds: float, quiet: bool, label: str | None, most: int) -> "Ceiling":
    """Measured now, `most` times at most; kept if the machine did nothing else meanwhile."""
    from posemark.machine import peak

    with _bar(quiet) as told:
        for number, found in enumerate(peak.attempts(threads, seconds, told, label, most), 1):
            if found.disturbed:
                attempt = f", attempt {number} of {most}" if most > 1 else ""
                terminal.say(f"measuring this machine{attempt}: {found.disturbed}", err=True)
    if found.disturbed:
        terminal.say(
            "The peak of this machine was not kept. Close other programs and run "
            f"`posemark machine{_options(threads, label)}`.",
            err=True,
        )
        return found
    try:
        peak.save(found)
    except OSError as error:
        terminal.say(
            f"{peak.path_of(threads, label)}: not kept for later runs ({error}).", err=True
        )
    return found


def _options(threads: int, label: str | None) -> str:
    """Of the command that measures the same, as they are typed."""
    from posemark.measure.environment import usable_cores

    typed = [] if threads == usable_cores() else ["--threads", str(threads)]
    typed += ["--machine", label] if label else []
    return "".join(f" {shlex.quote(word)}" for word in typed)


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
    from posemark.report.formats import three_digits

    told = (f"{three_digits(r.per_second / 1e9)} {name}" for name, r in ceiling.rates.items())
    memory = three_digits(ceiling.bandwidth.per_second / 1e9)
    threads = f"{ceiling.threads} thread{'s' if ceiling.threads > 1 else ''}"
    return f"{', '.join(told)} GMAC/s and {memory} GB/s with {threads} (posemark machine)"


def _identity_lines(identity: dict[str, Any]) -> list[str]:
    """What tells this machine from others, one line for each."""
    from posemark.report.formats import counted

    cores, cpus = identity["cores"], identity["cpus"]
    usable = f", {cores} of them usable" if cores != cpus else ""
    lines = (
        ("name", identity["label"] or "none; posemark run --machine NAME gives one"),
        ("board", identity["board"] or "not known"),
        ("processor", f"{identity['cpu']}, {counted(cpus, 'core')}{usable}"),
        ("GPU", ", ".join(identity["gpus"]) or "none found (NVIDIA only)"),
        ("memory", f"{identity['memory_gib']:.1f} GiB"),
        ("system", identity["os"]),
    )
    return [f"{what:<11}{text}" for what, text in lines]


def _print(identity: dict[str, Any], ceiling: "Ceiling") -> None:
    from rich.table import Table

    from posemark.report.formats import counted, percent, three_digits

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
    for line in _identity_lines(identity):
        console.print(line, markup=False)
    console.print(f"\nwith {counted(ceiling.threads, 'thread')}:", markup=False)
    console.print(table)
    console.print(f"\n{_meaning(ceiling)}", markup=False)
    if ceiling.disturbed:
        told = f"These figures are too low, because the machine was not idle: {ceiling.disturbed}."
        console.print(f"\n{told}", style="yellow", markup=False)


def _meaning(ceiling: "Ceiling") -> str:
    """What the figures are, and what they would give."""
    from posemark.models import spec_of
    from posemark.report.formats import three_digits

    lines = [
        "attained: the median of all samples. spread: from quartile to quartile.",
        "1 MAC (multiply-accumulate) is 2 FLOP.",
        "A precision that attains no more than fp32 makes no network faster here.",
    ]
    best = ceiling.rates.get("fp32")
    if best:
        persons = three_digits(best.per_second / spec_of(EXAMPLE).macs)
        balance = three_digits(best.per_second / ceiling.bandwidth.per_second)
        lines += [
            f"For {EXAMPLE}, fp32 arithmetic sets a limit of {persons} persons a second.",
            f"Layers with fewer than {balance} MACs per byte of memory stay below that limit,",
            "because they wait for memory.",
        ]
    return "\n".join(lines)
