"""What several commands read and print in the same way."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli import terminal
from posemark.core.errors import RecordError
from posemark.report.rows import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def percentage(text: str) -> float:
    """2% or 2 -> 0.02."""
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise typer.BadParameter(f"expected a percentage such as 2%, got {text!r}.")
    return share


def load_rows(runs: list[Path]) -> list[Row]:
    """The rows of all records, with a bar on the terminal while they are read and scored."""
    from rich.progress import track

    from posemark.report import derive

    def watched(records: list[Path]) -> Iterable[Path]:
        shown = terminal.console(stderr=True)
        quiet = not shown.is_terminal  # or an empty line would stand in a log
        title = "reading and scoring"
        return track(records, title, console=shown, transient=True, disable=quiet)

    return derive.load_rows(runs, watched, say_left_out)


def say_left_out(error: RecordError) -> None:
    """That a record is not among those shown, and why."""
    terminal.say(f"left out: {error}", err=True)


def print_rows(rows: list[Row]) -> None:
    """The table of results, then every note of every row."""
    from posemark.report import tables

    console = terminal.console()
    console.print(tables.console(rows, console.width))
    for row in rows:
        for note in row.notes:
            console.print(f"{row.entry}: {note}", style="yellow", markup=False)


def print_indented(console: "Console", text: str, indent: int = 2) -> None:
    """Wrapped lines stand as far in as the first one."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text), (0, 0, 0, indent), expand=False))


def fresh_folder(prefix: str = "") -> Path:
    """Where the records of this very run go: runs/DATE-TIME."""
    from posemark.measure.clock import utc_now

    return Path("runs") / (prefix + utc_now()[:19].replace(":", "").replace("T", "-"))


def progress_bar(quiet: bool) -> "Progress":
    """On the terminal only: lines printed through it go to stderr, above the bar."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    shown = terminal.console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
        console=shown,
        disable=quiet or not shown.is_terminal,
        transient=True,
    )
