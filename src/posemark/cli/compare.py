"""`posemark compare`: whether a change made entries slower or faster."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal
from posemark.cli.console import percentage, print_indented, say_left_out
from posemark.core.text import escaped

if TYPE_CHECKING:
    from posemark.report.compare import Comparison

FAILED, UNDECIDED = 1, 3
"""Exit codes; 2 is a user's mistake."""


def compare(
    base: Annotated[Path, typer.Argument(help="The run to compare with: a folder or a .jsonl.")],
    new: Annotated[Path, typer.Argument(help="The run after the change.")],
    gate: Annotated[
        float | None,
        typer.Option(
            parser=percentage,
            metavar="PERCENT",
            help="Exit with 1 where an entry is proven slower by this much (5%); from 2% on.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, nothing else.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write a Markdown table (.md).")
    ] = None,
) -> None:
    """Compare two runs of the same entries, frame by frame.

    An entry is called slower or faster where the 95% interval of the change of its pose time
    excludes no change, the change is at least 2%, and the machine was in the same state.
    Runs on other data, boxes, machines, threads or modes are refused; another runtime, precision,
    decoder or version is what is compared, and shown.

    Exit codes with --gate: 1 if any entry is called slower and its measured change is at least
    the gate; else 3 if of any entry in both runs it cannot be said: it was refused, half its
    interval is as wide as the gate, or the machine had changed; else 0. Without --gate: 0. In
    either case 3 if nothing at all could be compared.

    Examples:

        posemark compare runs/before runs/after

        posemark compare runs/before runs/after --gate 5% -o comparison.md
    """
    from posemark.report import compare as report
    from posemark.report.write import put

    _require_gate(gate)
    _require_place(output)
    comparison = report.compare(
        report.load(base, say_left_out),
        report.load(new, say_left_out),
        report.ALIKE if gate is None else gate,
    )
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
            f"--gate {100 * gate:g}%: changes below {100 * SMALLEST:g}% are never called, since "
            f"where a process lies in memory moves its speed by as much. Give {100 * SMALLEST:g}% "
            "or more."
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
        raise UsageError(f"-o {path}: a comparison is written as Markdown; give a name in .md.")
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
"""Characters of the columns beside the entry, which has a line of its own: 80 with the indent."""


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
        console.print(_gate_words(comparison, gate), style="bold", markup=False)
    console.print(report.LEGEND, style="dim")


def _line(cells: list[str]) -> str:
    call, *rest = cells
    figures = (f"{cell:>{width}}" for cell, width in zip(rest, _WIDTHS[1:], strict=True))
    return f"  {call:<{_WIDTHS[0]}}{''.join(figures)}"


def _gate_words(comparison: "Comparison", gate: float) -> str:
    from posemark.report import compare as report

    slower, undecided = report.slower_by(comparison, gate), report.undecided(comparison, gate)
    told = [f"slower: {', '.join(slower)}"] if slower else []
    told += [f"cannot be said: {', '.join(undecided)}"] if undecided else []
    return f"gate {100 * gate:g}%: {'; '.join(told) or 'passed'}"
