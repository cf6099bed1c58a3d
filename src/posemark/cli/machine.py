"""`posemark machine`: measures the peak rates of this machine's CPU.

Results are compared with these rates, to show how much of the machine a network uses.
"""

import shlex
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posemark.cli import terminal
from posemark.cli.run_options import MachineOption

if TYPE_CHECKING:
    from posemark.machine.peak import MachinePeak

EXAMPLE = "hrnet-w32-256x192"
"""The model for which the output says what speed the peak rates would allow."""


def machine(
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Number of CPU threads. Default: one for each usable core."),
    ] = None,
    machine: MachineOption = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Identify this machine, and measure the peak rates of its CPU: arithmetic and memory.

    The measurement takes about 15 seconds if no other program is running. If other programs use
    the machine, it is repeated, up to three times in all; if they still do, the result is printed
    but not stored. Later runs use the stored rates to report which share of the peak a network
    reaches.

    The identity is what records store: the name from --machine or the variable POSEMARK_MACHINE,
    the board, the processor, the GPUs, the memory and the operating system.

    Examples:

        posemark machine

        posemark machine --threads 1 --json
    """
    from posemark.machine.peak import ATTEMPTS, SECONDS
    from posemark.measure.environment import environment, usable_cores
    from posemark.runtimes.registry import distributions

    identity = environment(
        machine, distributions()
    )  # first: it may refuse the name, and measuring takes long
    peak = _measured(threads or usable_cores(), SECONDS, json, machine, ATTEMPTS)
    if json:
        _print_json(identity, peak)
    else:
        _print(identity, peak)


def _print_json(identity: dict[str, Any], peak: "MachinePeak") -> None:
    from posemark.report import json_outputs

    terminal.say(
        json_outputs.printed(
            json_outputs.MachinePeaks,
            machine=identity,
            threads=peak.threads,
            peak=peak.rates,
            bandwidth=peak.bandwidth,
            taken=peak.taken,
            disturbed=peak.disturbed,
            measured=peak.measured,
        )
    )


def peak_figures(
    threads: int, quiet: bool, label: str | None = None, may_measure: bool = True
) -> dict[str, float] | None:
    """The peak rates that a record stores; measured in a few seconds if none are stored yet.

    Args:
        threads: Number of CPU threads of the run.
        quiet: Whether to print and show nothing unless something is wrong.
        label: The user's name for this machine.
        may_measure: Whether the run has time for a measurement.

    Returns:
        Multiply-accumulates per second by precision, bytes per second as "bandwidth", and
        "threads". None if the rates are unknown and could not be measured: a line on stderr then
        says why, and the run continues without them.
    """
    from posemark.core.errors import RunError
    from posemark.machine import peak

    known = _stored(threads, label)
    if known:
        return known.figures()
    if not may_measure:
        terminal.say(
            "The peak rates of this machine are unknown, and --within is too short to measure "
            f"them. Results will not show which share of the peak they reach. {_MEASURE_IT}",
            err=True,
        )
        return None
    try:
        # Only once: a run of three frames on a busy machine must not wait until it is idle.
        found = _measured(threads, peak.SHORT_SECONDS, quiet, label, most=1)
    except RunError as error:
        terminal.say(f"{error} {_NO_SHARE}", err=True)
        return None
    if found.disturbed:
        terminal.say(_NO_SHARE, err=True)
        return None
    if not quiet:
        terminal.say(f"peak rates of this machine: {_summary(found)}", err=True)
    return found.figures()


_NO_SHARE = "Results will not show which share of the machine's peak they reach."
_MEASURE_IT = "Run `posemark machine` to measure them."


def _stored(threads: int, label: str | None) -> "MachinePeak | None":
    """The stored peak; None if there is none, or it is unusable, which is reported on stderr."""
    from posemark.core.errors import DataError
    from posemark.machine import peak

    try:
        known = peak.load(threads, label)
    except DataError as error:
        terminal.say(f"{error} Measuring again.", err=True)
        return None
    if known and known.disturbed:
        path = peak.path_of(threads, label)
        terminal.say(
            f"{path}: measured while other programs used the machine ({known.disturbed}). "
            "Measuring again.",
            err=True,
        )
        return None
    return known


def _measured(
    threads: int, seconds: float, quiet: bool, label: str | None, most: int
) -> "MachinePeak":
    """Measure now, at most `most` times, and store the result if the machine was idle."""
    from posemark.machine import peak

    def report(number: int, found: "MachinePeak") -> None:
        if found.disturbed:
            attempt = f", attempt {number} of {most}" if most > 1 else ""
            terminal.say(f"measuring this machine{attempt}: {found.disturbed}", err=True)

    with _bar(quiet) as progress:
        found = peak.measure_undisturbed(threads, seconds, progress, label, most, report)
    if found.disturbed:
        terminal.say(
            "The peak rates of this machine were not stored. Close other programs and run "
            f"`posemark machine{_options(threads, label)}`.",
            err=True,
        )
        return found
    try:
        peak.save(found)
    except OSError as error:
        terminal.say(
            f"{peak.path_of(threads, label)}: the peak rates could not be stored for later runs "
            f"({error}).",
            err=True,
        )
    return found


def _options(threads: int, label: str | None) -> str:
    """The options of the `posemark machine` command that measures the same."""
    from posemark.measure.environment import usable_cores

    typed = [] if threads == usable_cores() else ["--threads", str(threads)]
    typed += ["--machine", label] if label else []
    return "".join(f" {shlex.quote(word)}" for word in typed)


@contextmanager
def _bar(quiet: bool) -> Generator[Callable[[float], None]]:
    """Show a progress bar on the terminal; yields a function that takes the finished share."""
    from rich.progress import Progress

    shown = terminal.console(stderr=True)
    hidden = quiet or not shown.is_terminal
    with Progress(console=shown, disable=hidden, transient=True) as progress:
        task = progress.add_task("measuring this machine", total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _summary(peak: "MachinePeak") -> str:
    from posemark.report.formats import three_digits

    rates = (f"{three_digits(r.per_second / 1e9)} {name}" for name, r in peak.rates.items())
    memory = three_digits(peak.bandwidth.per_second / 1e9)
    threads = f"{peak.threads} thread{'s' if peak.threads > 1 else ''}"
    return f"{', '.join(rates)} GMAC/s and {memory} GB/s with {threads} (posemark machine)"


def _identity_lines(identity: dict[str, Any]) -> list[str]:
    """The properties that identify this machine, one line each."""
    from posemark.report.formats import counted

    cores, cpus = identity["cores"], identity["cpus"]
    usable = f", {cores} of them usable" if cores != cpus else ""
    lines = (
        ("name", identity["label"] or "none (--machine NAME sets one)"),
        ("board", identity["board"] or "unknown"),
        ("processor", f"{identity['cpu']}, {counted(cpus, 'core')}{usable}"),
        ("GPU", ", ".join(identity["gpus"]) or "none found (NVIDIA only)"),
        ("memory", f"{identity['memory_gib']:.1f} GiB"),
        ("system", identity["os"]),
        ("power mode", identity.get("power_mode")),
        ("warning", identity.get("contradiction")),
    )
    return [f"{what:<11}{text}" for what, text in lines if text is not None]


def _print(identity: dict[str, Any], peak: "MachinePeak") -> None:
    from rich.table import Table

    from posemark.report.formats import counted, percent, three_digits

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    for title in ("peak", "spread"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("fastest work")
    for name, rate in peak.rates.items():
        speed = f"{three_digits(rate.per_second / 1e9)} GMAC/s"
        table.add_row(name, speed, percent(rate.spread), rate.how)
    memory = peak.bandwidth
    speed = f"{three_digits(memory.per_second / 1e9)} GB/s"
    table.add_row("memory", speed, percent(memory.spread), memory.how)
    console = terminal.console()
    for line in _identity_lines(identity):
        console.print(line, markup=False)
    console.print(f"\nwith {counted(peak.threads, 'thread')}:", markup=False)
    console.print(table)
    console.print(f"\n{_explanation(peak)}", markup=False)
    if peak.disturbed:
        warning = f"These figures are too low, because the machine was not idle: {peak.disturbed}."
        console.print(f"\n{warning}", style="yellow", markup=False)


def _explanation(peak: "MachinePeak") -> str:
    """Lines that define the figures, and say what they mean for the example model."""
    from posemark.models import spec_of
    from posemark.report.formats import three_digits

    lines = [
        "peak: the median of all samples. spread: the distance between their quartiles.",
        "1 MAC (multiply-accumulate) is 2 FLOP.",
        "A precision whose peak is no higher than that of fp32 makes no network faster",
        "on this machine.",
    ]
    best, macs = peak.rates.get("fp32"), spec_of(EXAMPLE).macs
    if best and macs:
        persons = three_digits(best.per_second / macs)
        balance = three_digits(best.per_second / peak.bandwidth.per_second)
        lines += [
            f"For {EXAMPLE}, fp32 arithmetic sets a limit of {persons} persons per second.",
            f"Layers with fewer than {balance} MACs per byte of memory stay below that limit,",
            "because they wait for memory.",
        ]
    return "\n".join(lines)
