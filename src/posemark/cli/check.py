"""`posemark check`: a card against its file."""

from typing import Annotated

import typer

from posemark.cli import terminal

_MARKS = {"ok": ("✓", "green"), "wrong": ("✗", "red"), "hint": ("!", "yellow")}
_WIDTH = 7
"""Of the longest name of a check."""


def check(
    card: Annotated[
        str, typer.Argument(help="A card (.toml), or the name of one that PoseMark brings.")
    ],
) -> None:
    """Compare the card of an exported model with its file, and explain every mismatch.

    Opens the file, compares shapes, types and outputs, and runs it on a few drawn people.
    Exits with status 1 if anything is wrong; "!" marks what is only worth a look. Exits with
    status 2 if there is no card to check.

    Examples:

        posemark check my-model.toml

        posemark check tinypose-256x192
    """
    from rich.table import Table
    from rich.text import Text

    from posemark import cards
    from posemark.cards.check import check as findings_of
    from posemark.core.places import with_home
    from posemark.measure.environment import usable_cores

    path = cards.built_in().get(card, with_home(card))
    cards.require_there(path)
    console, verdicts = terminal.console(), set[str]()
    for finding in findings_of(path, usable_cores()):
        mark, colour = _MARKS[finding.verdict]
        line = Table.grid(padding=(0, 1))
        line.add_column(width=1)
        line.add_column(width=_WIDTH)
        line.add_row(Text(mark, style=colour), finding.check, Text(finding.says))
        console.print(line)  # at once: opening a file may take long
        verdicts.add(finding.verdict)
    if "wrong" in verdicts:
        raise typer.Exit(1)
