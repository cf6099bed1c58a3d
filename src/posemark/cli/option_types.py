"""Paths and numbers as people type them."""

from math import isfinite
from pathlib import Path
from typing import Any

from typer import BadParameter, Context
from typer.core import TyperCommand

from posemark.cli import usage
from posemark.core.places import with_home


class Command(TyperCommand):
    """A command whose paths may begin with ~, the home folder, and whose numbers are finite.

    Shells expand ~ only where it begins a word: not in quotes, not after an option's "=". Words
    such as nan and inf are numbers to Python, and nan is within any range.
    """

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """As typer does.

        Raises:
            UsageError: for words that the command does not take, in the words of this program.
        """
        ctx.allow_extra_args = True  # typer's own refusal names no command
        with usage.explained(ctx, args):
            left = super().parse_args(ctx, args)
            self._require_finite(ctx)
        usage.require_nothing_besides(ctx)
        return left

    def _require_finite(self, ctx: Context) -> None:
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            if isinstance(value, float) and not isfinite(value):
                raise BadParameter(f"expected a finite number, got {value}.", ctx, parameter)

    def invoke(self, ctx: Context) -> Any:
        """Run the command with these paths expanded."""
        ctx.params = {name: expanded(value) for name, value in ctx.params.items()}
        return super().invoke(ctx)


def expanded(value: Any) -> Any:
    """A path, or a list of them, with the home folder in place of ~; anything else as it is."""
    if isinstance(value, (list, tuple)):
        return [expanded(each) for each in value]
    return with_home(value) if isinstance(value, Path) else value
