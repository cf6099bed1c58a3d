"""What several commands read and print in the same way."""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from posemark.cli import terminal
from posemark.core.errors import RecordError
from posemark.measure.clock import Budget
from posemark.report.result_row import Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


PLAIN_SECONDS = 60.0
"""Between two lines of progress where there is no terminal."""


def percentage(text: str) -> float:
    """2% or 2 -> 0.02."""
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise typer.BadParameter(f"expected a percentage such as 2%, got {text!r}.")
    return share


_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}


def duration(text: str) -> float:
    """Seconds: 7m -> 420, 1h30m -> 5400, 90s or 90 -> 90."""
    typed = text.strip().lower()
    with_unit = typed + "s" if re.fullmatch(r"[\d.]+", typed) else typed
    found = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?", with_unit)
    try:
        parts = zip(found.groups(), _UNIT_SECONDS.values(), strict=True) if found else []
        seconds = sum(float(number) * size for number, size in parts if number)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise typer.BadParameter(f"expected a time such as 7m, 90s or 1h30m, got {text!r}.")
    return seconds


def command_again(context: typer.Context, changes: Mapping[str, object]) -> str:
    """The command that was given, with other values of some parameters.

    changes: by the name of the parameter in the program; None leaves it out.
    """
    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.params[name] if typed(context, name) else None
        words += _words_of(parameter, changes.get(name, given))
    return shlex.join(words)


def typed(context: typer.Context, name: str) -> bool:
    """Whether the user gave an option, and not its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _words_of(parameter: Any, value: Any) -> list[str]:
    """A parameter of the command line as it is typed; booleans are flags."""
    if value is None:
        return []
    if isinstance(value, bool):
        return [(parameter.opts if value else parameter.secondary_opts)[0]]
    values = value if isinstance(value, list) else [value]
    words = [str(getattr(each, "value", each)) for each in values]
    return words if parameter.param_type_name == "argument" else [parameter.opts[0], *words]


def load_rows(runs: list[Path]) -> list[Row]:
    """The rows of all records, with a bar on the terminal while they are read and scored."""
    from posemark.report import results

    return results.load_rows(runs, scoring_bar, say_left_out)


def scoring_bar(records: list[Path]) -> Iterable[Path]:
    """Hands on records one by one, and shows on the terminal how many have been."""
    from rich.progress import track

    shown = terminal.console(stderr=True)
    quiet = not shown.is_terminal  # or an empty line would stand in a log
    title = "reading and scoring"
    return track(records, title, console=shown, transient=True, disable=quiet)


def say_left_out(error: RecordError) -> None:
    """That a record is not among those shown, and why."""
    terminal.say(f"left out: {error}", err=True)


def print_rows(rows: list[Row]) -> None:
    """The table of results, measured against published AP, then every note with its entries."""
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
    every = len({row.entry for row in rows})
    for note, about in entries.items():
        whom = f"all {every} entries" if 1 < len(about) == every else ", ".join(about)
        console.print(f"{whom}: {note}", style="yellow", markup=False)


def print_indented(console: "Console", text: str, indent: int = 2) -> None:
    """Wrapped lines stand as far in as the first one."""
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text), (0, 0, 0, indent), expand=False))


def fresh_folder(prefix: str = "") -> Path:
    """Where the records of this very run go: runs/DATE-TIME."""
    from posemark.measure.clock import utc_now

    return Path("runs") / (prefix + utc_now()[:19].replace(":", "").replace("T", "-"))


class Reports:
    """Lines of progress where no bar shows it: in a log, one every PLAIN_SECONDS."""

    def __init__(self, progress: "Progress") -> None:
        self._progress, self._pause = progress, Budget(PLAIN_SECONDS)

    def show(self, line: str) -> None:
        """Print it, unless a bar is on or the last line is too recent."""
        if self._progress.disable and self._pause.used_up():
            self._pause = Budget(PLAIN_SECONDS)
            self._progress.console.print(line)


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
