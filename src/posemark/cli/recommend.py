"""`posemark recommend`: finds the entries that fit the requirements of an app."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posemark.cli import terminal
from posemark.cli.console import load_rows, print_indented
from posemark.core.counting import counted

if TYPE_CHECKING:
    from rich.console import Console

    from posemark.report.recommend.answer import Answer, Choice, Wishes
    from posemark.report.result_row import Row


Licence = Literal["any", "commercial"]
"""Which licences are acceptable."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def _size(text: str) -> int:
    """Parse a size into bytes: 800M and 1.5GB count in powers of 1,000, 1Gi and 1GiB of 1,024."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?|)b?\s*", text, re.IGNORECASE)
    size = round(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if not size:
        raise typer.BadParameter(f"expected a size such as 800M, 1G or 1GiB, got {text!r}.")
    return size


def recommend(
    runs: Annotated[
        list[Path], typer.Argument(help="Folders of runs, or single records (.jsonl).")
    ],
    min_fps: Annotated[
        float | None, typer.Option(min=0.001, help="Lowest pose FPS that the app needs.")
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of people per frame at which the FPS is judged. Default: the people in "
            "the frames of the run.",
        ),
    ] = None,
    max_ap_loss: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="POINTS",
            help="AP points that an entry may be below the most accurate entry.",
        ),
    ] = None,
    licence: Annotated[
        Licence,
        typer.Option(
            help="commercial: only entries whose code and weights may be used commercially."
        ),
    ] = "any",
    max_memory: Annotated[
        int | None,
        typer.Option(
            parser=_size,
            metavar="SIZE",
            help="Highest peak memory that the app allows, such as 800M, 1G or 1GiB.",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Find the entries of your runs that fit an app, and explain why the others do not.

    The shortlist holds the fitting entries that no other entry beats in both AP and FPS. For each
    requirement, the answer lists the entries that it excludes, and the entries that the
    shortlist would gain without it. Measured and published APs are never mixed, and neither are
    results of several machines, data sets or modes.

    Examples:

        posemark recommend runs/first --min-fps 30 --people 5

        posemark recommend runs/first --max-ap-loss 2 --licence commercial

        posemark recommend runs/* --min-fps 10 --max-memory 1G --json
    """
    from posemark.report.recommend.answer import Wishes, recommend

    commercial = licence == "commercial"
    wishes = Wishes(min_fps, people, max_ap_loss, commercial, max_memory)
    rows = load_rows(runs)
    answer = recommend(rows, wishes)
    if json:
        _print_json(answer, wishes)
    else:
        _print(answer, wishes, rows)


def _print_json(answer: "Answer", wishes: "Wishes") -> None:
    from posemark.report import json_outputs

    parts = vars(answer)
    terminal.say(json_outputs.printed(json_outputs.Recommendation, wishes=wishes, **parts))


def _print(answer: "Answer", wishes: "Wishes", rows: "list[Row]") -> None:
    console = terminal.console()
    fitting = len(answer.fitting)
    verb = "fits" if fitting == 1 else "fit"
    waiting = len({each.name for each in answer.undecided})
    open_ones = f", {waiting} undecided" if waiting else ""
    said = f"{fitting} of {counted(len(rows), 'entry', 'entries')} {verb}{open_ones}"
    console.print(said, style="bold")
    for heading, choices in answer.lists.items():
        if heading:
            console.print(f"\n{heading}", style="bold")
        _print_fitting(console, choices)
    titles = _titles(wishes)
    _print_undecided(console, answer, titles)
    _print_nearest(console, answer, titles)
    if answer.faster:
        _print_faster(console, answer, rows)
    for name, title in titles.items():
        _print_excluded(console, answer, name, title)
    console.print()
    for note in answer.notes:
        console.print(note, style="dim", markup=False)


def _print_nearest(console: "Console", answer: "Answer", titles: dict[str, str]) -> None:
    if answer.nearest:
        console.print("\nWhat comes nearest", style="bold")
    for name, text in answer.nearest.items():
        print_indented(console, f"{titles[name]}: {text}")


_FASTER_ON_DEVICE = (
    "On the device, `python3 run.py --list` shows the engines that it has; --engine, --precision "
    "and --threads of run.py choose others."
)
"""What to try for the entries of a bundle, which the runtimes of this machine do not concern."""


def _print_faster(console: "Console", answer: "Answer", rows: "list[Row]") -> None:
    """Print what was measured, what else is available, and how to find a faster setting."""
    from posemark.report.common_settings import distinct
    from posemark.run.settings_folder import saved
    from posemark.runtimes.registry import installed

    console.print("\nWhat may be faster", style="bold")
    if all(row.bundled for row in rows):
        for each in (*answer.faster, _FASTER_ON_DEVICE):
            print_indented(console, each)
        return
    names = distinct(row.entry.partition("+")[0] for row in rows)
    used = {row.runtime for row in rows}
    others = [name for name in installed() if name not in used]
    here = f" Runtimes that are installed but not measured: {', '.join(others)}." if others else ""
    said = [*answer.faster, f"`posemark tune ENTRY` looks for a faster setting.{here}"]
    kept = [(name, each) for name in names for each in saved(name)]
    said += [f"Saved by tune: posemark run {name} --setting {each.stem}" for name, each in kept]
    for each in said:
        print_indented(console, each)


def _print_fitting(console: "Console", choices: "Sequence[Choice]") -> None:
    """Print entries by falling AP; one that another beats has a dash in place of its rank."""
    rank = 0
    for choice in choices:
        rank += not choice.beaten_by
        bullet, style = ("  - ", "dim") if choice.beaten_by else (f"{rank:>2}. ", "bold green")
        _print_choice(console, choice, bullet, style)


def _print_undecided(console: "Console", answer: "Answer", titles: dict[str, str]) -> None:
    """Print the undecided entries by requirement, as the excluded ones."""
    from posemark.report.missing_evidence import AGAIN

    for name, title in titles.items():
        found = [each for each in answer.undecided if each.constraint == name]
        if found:
            said = f"\n{title} leaves {len(found)} undecided; these commands decide them:"
            console.print(said, style="bold", markup=False)
        for each in found:
            print_indented(console, f"{each.name}: {each.why}")
            # The terminal wraps the line. If we did, the command could not be pasted.
            console.print(f"    {each.command}", soft_wrap=True)
    if any(AGAIN in each.command for each in answer.undecided):
        hint = (
            f"A command with a new folder (...{AGAIN}) starts a new run. Afterwards, give that "
            "folder to recommend, too."
        )
        console.print(hint)


def _print_choice(console: "Console", choice: "Choice", bullet: str, style: str) -> None:
    console.print(f"\n{bullet}{choice.name}", style=style, markup=False)
    print_indented(console, " · ".join(choice.reasons), len(bullet))


def _titles(wishes: "Wishes") -> dict[str, str]:
    """The headings by constraint; requirements appear as they would be typed."""
    from posemark.report import formats
    from posemark.report.recommend.answer import AP, COMPARABLE, FPS, LICENCE, MEMORY

    fps, loss = wishes.min_fps, wishes.max_ap_loss
    return {
        COMPARABLE: "not comparable with the others",
        FPS: "unknown FPS" if fps is None else f"--min-fps {fps:g}",
        AP: "unknown AP" if loss is None else f"--max-ap-loss {loss:g}",
        LICENCE: "--licence commercial",
        MEMORY: f"--max-memory {formats.size_of(wishes.max_memory)}",
    }


def _print_excluded(console: "Console", answer: "Answer", constraint: str, title: str) -> None:
    """Print the entries that a constraint excludes; many with the same reason share one line."""
    found = [each for each in answer.excluded if each.constraint == constraint]
    gain = answer.gains.get(constraint)
    if not found and gain is None:
        return
    console.print(f"\n{title} excludes {len(found)}", style="bold", markup=False)
    names: dict[str, list[str]] = {}
    for each in found:
        names.setdefault(each.why, []).append(each.name)
    _print_reasons(
        console, [(each.name, each.why) for each in found if len(names[each.why]) < _SHARED]
    )
    for why, same in names.items():
        if len(same) >= _SHARED:
            _print_names(console, why, same)
    if gain is not None:
        more = counted(len(gain), "entry", "entries") if gain else "no entry"
        _print_names(console, f"without it, the shortlist gains {more}", gain)


_SHARED = 5
"""If at least this many entries share a reason, it is printed once for all of them."""


def _print_names(console: "Console", what: str, names: Sequence[str]) -> None:
    from rich.columns import Columns
    from rich.padding import Padding
    from rich.text import Text

    print_indented(console, f"{what}:" if names else what)
    columns = Columns([Text(name) for name in names], padding=(0, 2))
    console.print(Padding(columns, (0, 0, 0, 4), expand=False))


def _print_reasons(console: "Console", pairs: list[tuple[str, str]]) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=40)
    for name, why in pairs:
        table.add_row(Text(name), Text(why))
    if pairs:
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
