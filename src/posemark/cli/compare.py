"""`posemark compare`: decides whether a change made entries slower or faster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal
from posemark.cli.console import percentage, print_indented, say_left_out
from posemark.core.text import escaped

if TYPE_CHECKING:
    from posemark.report.compare import Comparison

FAILED, UNDECIDED = 1, 3
"""Exit codes of the command. Code 2 means a mistake in the command line or in the input files."""


def compare(
    base: Annotated[
        Path, typer.Argument(help="The run before the change: a folder or one record (.jsonl).")
    ],
    new: Annotated[Path, typer.Argument(help="The run after the change, likewise.")],
    gate: Annotated[
        float | None,
        typer.Option(
            parser=percentage,
            metavar="PERCENT",
            help="Exit with code 1 if an entry is slower by at least this much, such as 5%. The "
            "smallest gate is 2%.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write a Markdown table (.md).")
    ] = None,
) -> None:
    """Compare two runs of the same entries, frame by frame.

    An entry is called slower or faster if the 95% interval of the change of its pose time
    excludes zero, the change is at least 2%, and the machine was in the same state in both runs.
    Entries are matched by their names, of which runtime, precision and decoder are parts.
    Entries with other data, boxes, machines, threads or modes are not compared. The versions of
    PoseMark and of the runtimes may differ; the differences are listed.

    Exit codes with --gate: 1 if any entry is called slower and its measured change is at least
    the gate; otherwise 3 if any shared entry is undecided (it could not be compared, half its
    interval is as wide as the gate, or the machine had changed), or if there is none; otherwise 0.
    Exit codes without --gate: 3 if no entry could be compared; otherwise 0. Exit code 2 always
    means a mistake in the command line or in a file.

    Examples:

        posemark compare runs/before runs/after

        posemark compare runs/before runs/after --gate 5% -o comparison.md
    """
    from posemark.report import compare as report
    from posemark.report.write import put

    _require_gate(gate)
    _require_place(output)
    before, after = (report.load(side, say_left_out) for side in (base, new))
    for sentence in report.copies(before, after):
        terminal.say(sentence, err=True)
    comparison = report.compare(before, after, report.ALIKE if gate is None else gate)
    if output:
        put(output, escaped(report.markdown(comparison)).encode())
    if json:
        _print_json(comparison, gate)
    else:
        _print(comparison, gate)
    raise typer.Exit(_exit_code(comparison, gate))


def _require_gate(gate: float | None) -> None:
    from posemark.core.errors import UsageError
    from posemark.measure.paired_frames import SMALLEST

    if gate is not None and gate < SMALLEST:
        raise UsageError(
            f"--gate {100 * gate:g}%: expected {100 * SMALLEST:g}% or more. Smaller changes are "
            "never called slower or faster, because memory layout alone can cause them."
        )


def _exit_code(comparison: "Comparison", gate: float | None) -> int:
    from posemark.report import compare as report

    if all(each.call == report.INCOMPARABLE for each in comparison.changes):
        return UNDECIDED
    if gate is None:
        return 0
    if report.slower_by(comparison, gate):
        return FAILED
    return UNDECIDED if report.undecided(comparison, gate) else 0


def _require_place(path: Path | None) -> None:
    from posemark.core.errors import UsageError
    from posemark.report.write import require_place

    if path is None:
        return
    if path.suffix != ".md":
        raise UsageError(
            f"-o {path}: a comparison is written as Markdown. Give a name that ends in .md."
        )
    require_place(path)


def _print_json(comparison: "Comparison", gate: float | None) -> None:
    from posemark.report import compare as report
    from posemark.report import json_outputs

    found = None
    if gate is not None:
        slower, undecided = (of(comparison, gate) for of in (report.slower_by, report.undecided))
        found = json_outputs.Gate(gate, slower, undecided)
    terminal.say(json_outputs.printed(json_outputs.ComparedRuns, gate=found, **vars(comparison)))


_STYLES = {"slower": "bold red", "faster": "bold green", "no change": "dim"}
_WIDTHS = (13, 9, 19, 18, 14)
"""Widths in characters of all columns but the first; with the indent they fit into 80.

The first column, the entry, is printed on a line of its own above the others.
"""


def _print(comparison: "Comparison", gate: float | None) -> None:
    from posemark.report import compare as report

    console = terminal.console()
    if comparison.changes:
        console.print(_line([title for title, _ in report.COLUMNS[1:]]), style="bold")
    else:
        console.print("No entry is in both runs, so there is nothing to compare.", style="bold")
    for change in comparison.changes:
        cells = [write(change) for _, write in report.COLUMNS]
        console.print(f"\n{cells[0]}", style="bold", markup=False)
        console.print(_line(cells[1:]), style=_STYLES.get(change.call, "yellow"))
        for fact in report.remarks(change):
            print_indented(console, fact, 4)
    console.print()
    for line in report.alone(comparison):
        console.print(line, markup=False)
    if gate is not None:
        console.print(_gate_line(comparison, gate), style="bold", markup=False)
    console.print(report.LEGEND, style="dim")


def _line(cells: list[str]) -> str:
    call, *rest = cells
    figures = (f"{cell:>{width}}" for cell, width in zip(rest, _WIDTHS[1:], strict=True))
    return f"  {call:<{_WIDTHS[0]}}{''.join(figures)}"


def _gate_line(comparison: "Comparison", gate: float) -> str:
    from posemark.report import compare as report

    slower, undecided = report.slower_by(comparison, gate), report.undecided(comparison, gate)
    parts = [f"slower: {', '.join(slower)}"] if slower else []
    parts += [f"undecided: {', '.join(undecided)}"] if undecided else []
    parts += [] if comparison.changes else ["undecided: no entry is in both runs"]
    return f"gate {100 * gate:g}%: {'; '.join(parts) or 'passed'}"
