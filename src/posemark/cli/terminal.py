"""What leaves the program as text: readable in every encoding, and never an order to the terminal.

Everything that a command prints goes through say() or a console() of this module.
"""

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from posemark.core.errors import PoseMarkError, UsageError
from posemark.core.text import code_of, escaped

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN = {
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MIDDLE DOT}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{ALMOST EQUAL TO}": "~",
    "\N{MICRO SIGN}": "u",
    "\N{CHECK MARK}": "+",
    "\N{BALLOT X}": "x",
    "\N{DEGREE SIGN}": "deg ",
    "\N{DAGGER}": "+",
    "\N{DOUBLE DAGGER}": "++",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{BULLET}": "-",
    "\N{FULL BLOCK}": "#",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
}
"""Of characters whose decomposition says nothing."""

ERRORS = "posemark-plain"


def say(text: str, err: bool = False) -> None:
    """Print a line. err: to stderr."""
    typer.echo(escaped(text), err=err)


def console(stderr: bool = False, soft_wrap: bool = False) -> "Console":
    """Where styled text and tables are printed; nothing in a text is taken as markup."""
    from rich.console import Console, RenderableType
    from rich.segment import Segment

    class Escaping(Console):
        def render(self, renderable: RenderableType, options: Any = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                is_text = not segment.control
                yield segment._replace(text=escaped(segment.text)) if is_text else segment

    return Escaping(stderr=stderr, soft_wrap=soft_wrap, highlight=False, markup=False)


def prepare() -> None:
    """Let stdout and stderr write what they cannot encode as readable ASCII, or say why not."""
    codecs.register_error(ERRORS, _plain)
    # They are None where they were closed before the start (`>&-`).
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    old = sys.stdout
    if type(old) is io.TextIOWrapper:  # a test may have put another there
        buffered, direct = old.line_buffering, old.write_through
        encoding = old.encoding
        sys.stdout = _Output(old.detach(), encoding, ERRORS, None, buffered, direct)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr.reconfigure(errors=ERRORS)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(_readable, characters)), error.end


def _readable(character: str) -> str:
    """é -> e, ² -> 2; what has no such form by its number."""
    simple = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _PLAIN.get(character) or simple or code_of(character)


def give_up_output() -> None:
    """Let stdout lead nowhere if it takes nothing, so that nothing fails when the process ends."""
    try:
        sys.stdout.flush()
    except (PoseMarkError, OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class _Output(io.TextIOWrapper):
    """stdout that explains why it cannot be written; a closed pipe (`| head`) is no mistake."""

    def write(self, text: str) -> int:
        with _explained():
            return super().write(text)

    def flush(self) -> None:
        with _explained():
            super().flush()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(
            f"The output cannot be written ({error.strerror}). Make room, or send it elsewhere."
        ) from error
