"""Parsers and output that several commands share."""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from posemark.cli import terminal
from posemark.cli.usage import Parameter
from posemark.core.errors import RecordError
from posemark.measure.clock import Budget
from posemark.report.result_row import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


PLAIN_SECONDS = 60.0
"""Seconds between two lines of progress if stderr is not a terminal."""


def percentage(text: str) -> float:
    """Parse a percentage: "2%" or "2" -> 0.02.

    Raises:
        typer.BadParameter: If the text is not a number above 0 and below 100.
    """
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise typer.BadParameter(f"expected a percentage such as 2%, got {text!r}.")
    return share


_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}


def duration(text: str) -> float:
    """Parse a duration into seconds: "7m" -> 420, "1h30m" -> 5400, "90s" or "90" -> 90.

    Raises:
        typer.BadParameter: If the text is not a duration above zero.
    """
    lower = text.strip().lower()
    with_unit = lower + "s" if re.fullmatch(r"[\d.]+", lower) else lower
    found = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?", with_unit)
    try:
        numbers: tuple[str | None, ...] = found.groups() if found else (None, None, None)
        parts = zip(numbers, _UNIT_SECONDS.values(), strict=True)
        seconds = sum(float(number) * size for number, size in parts if number)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise typer.BadParameter(f"expected a time such as 7m, 90s or 1h30m, got {text!r}.")
    return seconds


def time_of_video(text: str) -> float:
    """Parse a place in a video into seconds: "1:30" -> 90, "0:01:02.5" -> 62.5, "1m30s", "12.5".

    Raises:
        typer.BadParameter: If the text is not a time of 0 or more.
    """
    found = re.fullmatch(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", text.strip())
    if found:
        hours, minutes, seconds = (float(each or 0) for each in found.groups())
        return 3600 * hours + 60 * minutes + seconds
    if re.fullmatch(r"0+(?:\.0+)?s?", text.strip()):
        return 0.0
    try:
        return duration(text)
    except typer.BadParameter:
        raise typer.BadParameter(
            f"expected a time in the video such as 12.5 (seconds), 1m30s or 1:30, got {text!r}."
        ) from None


def command_with(context: typer.Context, changes: Mapping[str, object]) -> str:
    """The command line that the user typed, with other values for some parameters.

    Args:
        context: The context of the running command.
        changes: New values by parameter name, as in the command's function; None removes the
            parameter.

    Returns:
        One line, quoted for a shell.
    """
    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.params[name] if typed(context, name) else None
        words += _words_of(parameter, changes.get(name, given))
    return shlex.join(words)


def typed(context: typer.Context, name: str) -> bool:
    """Whether the user typed this option, so that its value is not the default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _words_of(parameter: Parameter, value: object) -> list[str]:
    """The words that a user types for a parameter; booleans are flags."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [(parameter.opts if value else parameter.secondary_opts)[0]]
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    words = [str(getattr(each, "value", each)) for each in values]
    return words if parameter.param_type_name == "argument" else [parameter.opts[0], *words]


def load_rows(runs: list[Path]) -> list[Row]:
    """Read and score all records, with a progress bar on the terminal.

    Args:
        runs: Folders of runs, or single records.

    Returns:
        One row per record. A record of a folder that cannot be read is left out, with a line on
        stderr that says why.
    """
    from posemark.report import results

    return results.load_rows(runs, scoring_bar, say_left_out)


def scoring_bar(records: list[Path]) -> Iterable[Path]:
    """Yield the records one by one, and show on the terminal how many were yielded."""
    from rich.progress import track

    shown = terminal.console(stderr=True)
    quiet = not shown.is_terminal  # otherwise rich would write an empty line into a log
    title = "reading and scoring"
    return track(records, title, console=shown, transient=True, disable=quiet)


def say_left_out(error: RecordError) -> None:
    """Print that a record was left out, and why."""
    terminal.say(f"left out: {error}", err=True)


def print_rows(rows: list[Row]) -> None:
    """Print the table of results, then measured against published AP, then the notes.

    A note that concerns several entries is printed once, with their names.
    """
    from posemark.report import reproduced, tables

    console = terminal.console()
    console.print(tables.console(rows, console.width))
    if against := reproduced.console(rows):
        console.print()
        console.print(against)
    entries: dict[str, dict[str, None]] = {}
    for row in rows:
        for note in row.notes:
            entries.setdefault(note, {})[row.entry] = None
    total = len({row.entry for row in rows})
    for note, concerned in entries.items():
        names = f"all {total} entries" if 1 < len(concerned) == total else ", ".join(concerned)
        console.print(f"{names}: {note}", style="yellow", markup=False)


def print_indented(console: "Console", text: str, indent: int = 2) -> None:
    """Print a paragraph with every line indented, the wrapped ones too."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text), (0, 0, 0, indent), expand=False))


def fresh_folder(prefix: str = "") -> Path:
    """The default folder for the records of a new run: runs/DATE-TIME, in UTC."""
    from posemark.measure.clock import utc_now

    return Path("runs") / (prefix + utc_now()[:19].replace(":", "").replace("T", "-"))


class PlainProgress:
    """Prints progress as lines if there is no terminal for a bar, one every PLAIN_SECONDS."""

    def __init__(self, progress: "Progress") -> None:
        self._progress, self._pause = progress, Budget(PLAIN_SECONDS)

    def show(self, line: str) -> None:
        """Print the line, unless a bar is shown or the last line is too recent."""
        if self._progress.disable and self._pause.used_up():
            self._pause = Budget(PLAIN_SECONDS)
            self._progress.console.print(line)


def progress_bar(quiet: bool) -> "Progress":
    """A progress bar on stderr, which is shown only if stderr is a terminal.

    Lines that are printed through its console go to stderr, above the bar.

    Args:
        quiet: Whether to hide the bar in any case.
    """
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
