"""Checks and conversions of paths and numbers that users type."""

from math import isfinite
from pathlib import Path
from typing import Any, cast

from typer import BadParameter, Context
from typer.core import TyperCommand

from posemark.cli import usage
from posemark.core.places import with_home


class Command(TyperCommand):
    """A command that expands ~ in paths, and accepts no empty values and only finite numbers.

    Shells expand ~ only at the beginning of a word: not in quotes, and not after the "=" of an
    option. Python reads words such as nan and inf as numbers, and nan passes every range check. An
    empty path would be the current folder, which an unset variable in a script does not mean.
    """

    # typer passes its public Context, whose base class is the parameter of the parent's method.
    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride] # see above
        self, ctx: Context, args: list[str]
    ) -> list[str]:
        """Parse as typer does, and explain mistakes in this program's words.

        Raises:
            UsageError: If the command does not take these words.
        """
        ctx.allow_extra_args = True  # typer's own message does not name the command
        words = list(args)
        with usage.explained(ctx, args):
            left = super().parse_args(ctx, args)
            self._require_values(ctx, words)
            self._require_finite(ctx)
        usage.refuse_extra_words(ctx)
        return left

    def _require_values(self, ctx: Context, words: list[str]) -> None:
        typed = self.make_parser(ctx).parse_args(args=words)[0]
        for parameter in self.params:
            value: object = typed.get(parameter.name or "")
            if "" in (value if isinstance(value, (list, tuple)) else (value,)):
                raise BadParameter(
                    "expected a value, got an empty one.",
                    ctx,
                    parameter,  # pyright: ignore[reportArgumentType] # as in _require_finite
                )

    def _require_finite(self, ctx: Context) -> None:
        for parameter in self.params:
            value = ctx.params.get(parameter.name or "")
            if isinstance(value, float) and not isfinite(value):
                raise BadParameter(
                    f"expected a finite number, got {value}.",
                    ctx,
                    parameter,  # pyright: ignore[reportArgumentType] # a private base class of typer
                )

    def invoke(  # pyright: ignore[reportIncompatibleMethodOverride] # as parse_args
        self, ctx: Context
    ) -> Any:
        """Run the command with ~ expanded in its paths."""
        ctx.params = {name: expanded(value) for name, value in ctx.params.items()}
        return super().invoke(ctx)


def expanded(value: object) -> object:
    """Replace ~ by the home folder in a path or a list of paths; return other values unchanged."""
    if isinstance(value, (list, tuple)):
        return [expanded(each) for each in cast("list[object]", value)]
    return with_home(value) if isinstance(value, Path) else value
