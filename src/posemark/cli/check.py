"""`posemark check`: compares a card with its model file."""

from typing import Annotated

import typer

from posemark.cli import terminal

_MARKS = {"ok": ("✓", "green"), "wrong": ("✗", "red"), "hint": ("!", "yellow")}
_WIDTH = 7
"""Characters of the longest name of a check."""


def check(
    card: Annotated[
        str, typer.Argument(help="A card (.toml), or the name of a card that PoseMark includes.")
    ],
) -> None:
    """Compare the card of an exported model with the model's file, and explain every mismatch.

    The card may be that of a pose model or of a person detector. The command opens the file,
    compares shapes, types and outputs with the card, and runs the model on a few drawn people. "✓"
    marks what is right, "✗" a mistake, "!" a hint.

    Exit code: 0 if there is no mistake, 1 if there is one, 2 if the card does not exist.

    Examples:

        posemark check my-model.toml

        posemark check tinypose-256x192

        posemark check rtmdet-nano
    """
    from rich.table import Table
    from rich.text import Text

    from posemark import cards
    from posemark.cards.check import check as findings_of
    from posemark.core.places import with_home
    from posemark.measure.environment import usable_cores

    path = (cards.built_in() | cards.built_in_detectors()).get(card, with_home(card))
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
