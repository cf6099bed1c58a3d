"""A command line that cannot be understood, explained as every other mistake is."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from enum import EnumType
from inspect import unwrap
from types import NoneType
from typing import Any, get_args, get_type_hints

from typer import BadParameter, Context
from typer.core import TyperGroup

from posemark.core.errors import UsageError

_Refusal: type[Exception] = BadParameter.__mro__[1]
"""What typer raises for a command line, from whichever package it takes its parser."""


class Group(TyperGroup):
    """Commands under one name; a word that is none of them is explained."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """As typer does.

        Raises:
            UsageError: for an option that there is not.
        """
        with explained(ctx, args):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Context, args: list[str]) -> Any:
        """As typer does.

        Raises:
            UsageError: for a command that there is not.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = _near(name, self.commands)
            raise UsageError(
                f"{ctx.command_path}: expected a command, {_either(self.commands)}, got {name!r}. "
                f"{near}{_help(ctx, 'says what each does')}"
            )
        with explained(ctx, args):
            return super().resolve_command(ctx, args)


@contextmanager
def explained(ctx: Context, args: Sequence[str]) -> Iterator[None]:
    """Say what is wrong with a command line in the words of this program.

    Args:
        ctx: of the command.
        args: what was typed behind its name.

    Raises:
        UsageError: in place of what typer raises.
    """
    typed = list(args)
    try:
        yield
    except _Refusal as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # it prints the help
            raise
        raise UsageError(_words(error, ctx, typed)) from error


def require_nothing_besides(ctx: Context) -> None:
    """Refuse words behind a command that it does not take.

    Raises:
        UsageError: naming the first of them.
    """
    if ctx.args and not ctx.resilient_parsing:
        takes = [_name(each) for each in ctx.command.params if _is_argument(each)]
        raise UsageError(
            f"{ctx.command_path}: expected {' and '.join(takes) or 'options only'}, got "
            f"{ctx.args[0]!r} besides. Leave it out, or put quotes around a value with spaces. "
            f"{_help(ctx)}"
        )


def _words(error: Any, ctx: Context, args: list[str]) -> str:
    """One paragraph on what typer refused: what was expected, what came, what to do."""
    if hasattr(error, "possibilities"):
        near = _near(error.option_name, error.possibilities or ())
        return (
            f"{ctx.command_path}: expected one of its options, got {error.option_name}. "
            f"{near}{_help(ctx, 'lists them')}"
        )
    if hasattr(error, "option_name"):
        return _without_value(error.option_name, ctx)
    if error.param is None:
        return f"{ctx.command_path}: {error.message} {_help(ctx)}"
    if hasattr(error, "param_type"):
        return f"{ctx.command_path}: expected {_name(error.param)}, got nothing. {_help(ctx)}"
    return _refused(error, ctx, args)


def _without_value(option: str, ctx: Context) -> str:
    """Of an option that ends the line, and of a flag with a value."""
    parameter = next((each for each in ctx.command.params if option in each.opts), None)
    if parameter is None or getattr(parameter, "is_flag", False):
        return f"{option}: expected no value, got one. Give {option} alone. {_help(ctx)}"
    wanted = _wanted(parameter, ctx) or "a value"
    return f"{option}: expected {wanted} behind it, got nothing. {_remedy(parameter, ctx)}"


def _refused(error: Any, ctx: Context, args: list[str]) -> str:
    """Of a value. Parsers of our own say themselves what they expect and what came."""
    wanted, said = _wanted(error.param, ctx), error.message
    if wanted:
        said = f"expected {wanted}, got {_came(error.param, ctx, args)!r}."
    return f"{_name(error.param)}: {said} {_remedy(error.param, ctx)}"


def _came(parameter: Any, ctx: Context, args: list[str]) -> str:
    """The value that was typed for a parameter, the last of several."""
    typed = ctx.command.make_parser(ctx).parse_args(args=list(args))[0].get(parameter.name)
    return str(typed[-1] if isinstance(typed, (list, tuple)) else typed)


_KINDS = {int: "a whole number", float: "a number"}


def _wanted(parameter: Any, ctx: Context) -> str:
    """What a parameter takes; "" where only its own parser says it."""
    kind, info = _declared(parameter, ctx)
    if isinstance(kind, EnumType):
        return _either(str(each.value) for each in kind)
    noun = _KINDS.get(kind, "") if info and not info.parser else ""
    if not noun or info.min is None:
        return noun
    return (
        f"{noun}, {info.min:g} or more"
        if info.max is None
        else (f"{noun} from {info.min:g} to {info.max:g}")
    )


def _declared(parameter: Any, ctx: Context) -> tuple[Any, Any]:
    """The type in the signature of the command, None left out, and what typer was told of it."""
    hints = get_type_hints(unwrap(ctx.command.callback), include_extras=True)
    base, info, *_ = *get_args(hints.get(parameter.name)), None, None
    kinds = [each for each in get_args(base) if each is not NoneType] or [base]
    return kinds[0], info


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _near(typed: str, known: Iterable[str]) -> str:
    """A question, where what was typed looks like something that there is; else nothing."""
    near = get_close_matches(typed, list(known), 1)
    return f"Did you mean {near[0]}? " if near else ""


def _is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


def _name(parameter: Any) -> str:
    """As the help calls it: --output rather than -o, or an argument in capitals."""
    if _is_argument(parameter):
        return str(parameter.metavar or parameter.name.upper())
    return max(parameter.opts, key=len)


def _remedy(parameter: Any, ctx: Context) -> str:
    if _is_argument(parameter):
        return _help(ctx)
    name = _name(parameter)
    told = _help(ctx, "says what it is for")
    return f"Give {name} such a value, or leave it out. {told}"


def _help(ctx: Context, says: str = "has examples") -> str:
    return f"`{ctx.command_path} --help` {says}."
