"""Explains a command line that cannot be understood, in the way of every other mistake."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from inspect import unwrap
from types import NoneType
from typing import Any, Literal, Protocol, cast, get_args, get_origin, get_type_hints

from typer import BadParameter, Context
from typer.core import TyperGroup

from posemark.core.errors import UsageError

_Refusal: type[Exception] = BadParameter.__mro__[1]
"""The base of all errors that typer raises for a command line.

It is reached through its subclass, because typer imports it from different packages in different
versions.
"""


class Parameter(Protocol):
    """An option or argument of a command; typer's own class for it is private."""

    @property
    def name(self) -> str | None:
        """The name of the parameter in the command's function."""
        ...

    @property
    def opts(self) -> list[str]:
        """The words that give the option, such as -o and --output."""
        ...

    @property
    def secondary_opts(self) -> list[str]:
        """The words that switch a flag off, such as --no-isolate."""
        ...

    @property
    def param_type_name(self) -> str:
        """Either "option" or "argument"."""
        ...

    @property
    def metavar(self) -> str | None:
        """The name that the help shows for the value."""
        ...


class Group(TyperGroup):
    """A group of commands that explains a word which is not one of its commands."""

    # typer passes its public Context, whose base class is the parameter of the parent's method.
    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride] # see above
        self, ctx: Context, args: list[str]
    ) -> list[str]:
        """Parse as typer does.

        Raises:
            UsageError: If the group has no such option.
        """
        with explained(ctx, args):
            return super().parse_args(ctx, args)

    def resolve_command(  # pyright: ignore[reportIncompatibleMethodOverride] # as parse_args
        self, ctx: Context, args: list[str]
    ) -> Any:
        """Find the command as typer does.

        Raises:
            UsageError: If the group has no such command.
        """
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            similar = _suggestion(name, self.commands)
            raise UsageError(
                f"{ctx.command_path}: expected a command ({_alternatives(self.commands)}), got "
                f"{name!r}. {similar}{_help_hint(ctx, 'says what each does')}"
            )
        with explained(ctx, args):
            return super().resolve_command(ctx, args)


@contextmanager
def explained(ctx: Context, args: Sequence[str]) -> Generator[None]:
    """Replace typer's messages about a command line by messages of this program.

    Args:
        ctx: The context of the command.
        args: The words that were typed after its name.

    Raises:
        UsageError: In place of any error that typer raises for the command line.
    """
    typed = list(args)
    try:
        yield
    except _Refusal as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # it prints the help
            raise
        raise UsageError(_explanation(error, ctx, typed)) from error


def refuse_extra_words(ctx: Context) -> None:
    """Check that no words are left which the command does not take.

    Raises:
        UsageError: If there are such words. The message names the first of them.
    """
    if ctx.args and not ctx.resilient_parsing:
        arguments = [_name(each) for each in ctx.command.params if _is_argument(each)]
        raise UsageError(
            f"{ctx.command_path}: expected {' and '.join(arguments) or 'options only'}, got "
            f"{ctx.args[0]!r} as well. Remove it, or put quotes around a value that contains "
            f"spaces. {_help_hint(ctx)}"
        )


def _explanation(error: Any, ctx: Context, args: list[str]) -> str:
    """One paragraph on an error of typer: what was expected, what came, what to do.

    The classes of these errors are private, so their attributes distinguish them.
    """
    if hasattr(error, "possibilities"):
        similar = _suggestion(error.option_name, error.possibilities or ())
        return (
            f"{ctx.command_path}: expected one of its options, got {error.option_name}. "
            f"{similar}{_help_hint(ctx, 'lists them')}"
        )
    if hasattr(error, "option_name"):
        return _wrong_number_of_values(error.option_name, ctx)
    if error.param is None:
        return f"{ctx.command_path}: {error.message} {_help_hint(ctx)}"
    if hasattr(error, "param_type"):
        return f"{ctx.command_path}: expected {_name(error.param)}, got nothing. {_help_hint(ctx)}"
    return _refused_value(error, ctx, args)


def _wrong_number_of_values(option: str, ctx: Context) -> str:
    """The message for an option without its value, or for a flag with a value."""
    parameter = next((each for each in ctx.command.params if option in each.opts), None)
    if parameter is None or getattr(parameter, "is_flag", False):
        return f"{option}: expected no value, got one. Give {option} alone. {_help_hint(ctx)}"
    wanted = _expected(parameter, ctx) or "a value"
    return f"{option}: expected {wanted} after it, got nothing. {_remedy(parameter, ctx)}"


def _refused_value(error: Any, ctx: Context, args: list[str]) -> str:
    """The message for a bad value; our own parsers have already said what they expect."""
    wanted, message = _expected(error.param, ctx), error.message
    if wanted:
        message = f"expected {wanted}, got {_typed_value(error.param, ctx, args)!r}."
    return f"{_name(error.param)}: {message} {_remedy(error.param, ctx)}"


def _typed_value(parameter: Parameter, ctx: Context, args: list[str]) -> str:
    """The value that was typed for a parameter; the last one if there are several."""
    parsed = ctx.command.make_parser(ctx).parse_args(args=list(args))[0]
    typed: object = parsed.get(parameter.name or "")
    is_repeated = isinstance(typed, (list, tuple))
    return str(cast("Sequence[object]", typed)[-1] if is_repeated else typed)


_KINDS = {int: "a whole number", float: "a number"}


def _expected(parameter: Parameter, ctx: Context) -> str:
    """The values that a parameter takes, in words; "" if only its own parser knows them."""
    kind, info = _declared(parameter, ctx)
    if get_origin(kind) is Literal:
        return _alternatives(str(each) for each in get_args(kind))
    noun = _KINDS.get(kind, "") if info and not info.parser else ""
    if not noun or info.min is None:
        return noun
    return (
        f"{noun}, {info.min:g} or more"
        if info.max is None
        else (f"{noun} from {info.min:g} to {info.max:g}")
    )


def _declared(parameter: Parameter, ctx: Context) -> tuple[Any, Any]:
    """The type of a parameter without None, and its typer.Option or typer.Argument."""
    if ctx.command.callback is None:
        return None, None
    hints = get_type_hints(unwrap(ctx.command.callback), include_extras=True)
    base, info, *_ = *get_args(hints.get(parameter.name or "")), None, None
    optional = get_origin(base) is not Literal
    kinds = [each for each in get_args(base) if optional and each is not NoneType] or [base]
    return kinds[0], info


def _alternatives(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _suggestion(typed: str, known: Iterable[str]) -> str:
    """A question that suggests the most similar known word; "" if no word is similar."""
    similar = get_close_matches(typed, list(known), 1)
    return f"Did you mean {similar[0]}? " if similar else ""


def _is_argument(parameter: Parameter) -> bool:
    return parameter.param_type_name == "argument"


def _name(parameter: Parameter) -> str:
    """The name that the help uses: --output rather than -o, or an argument in capitals."""
    if _is_argument(parameter):
        return parameter.metavar or (parameter.name or "").upper()
    return max(parameter.opts, key=len)


def _remedy(parameter: Parameter, ctx: Context) -> str:
    if _is_argument(parameter):
        return _help_hint(ctx)
    name = _name(parameter)
    hint = _help_hint(ctx, "says what it is for")
    return f"Give {name} such a value, or leave it out. {hint}"


def _help_hint(ctx: Context, says: str = "has examples") -> str:
    return f"`{ctx.command_path} --help` {says}."
