"""Paths as people type them."""

from pathlib import Path
from typing import Any

from typer import Context
from typer.core import TyperCommand


class Command(TyperCommand):
    """A command whose path options and arguments may begin with ~, the home folder.

    Shells expand it only where it begins a word: not in quotes, not after an option's "=".
    """

    def invoke(self, ctx: Context) -> Any:
        """Run the command with these paths expanded."""
        ctx.params = {name: expanded(value) for name, value in ctx.params.items()}
        return super().invoke(ctx)


def expanded(value: Any) -> Any:
    """A path, or a list of them, with the home folder in place of ~; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return [expanded(each) for each in value]
    return value.expanduser() if isinstance(value, Path) else value
