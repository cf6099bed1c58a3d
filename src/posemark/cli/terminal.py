"""All text output: readable in every encoding, with control characters escaped.

Everything that a command prints goes through say() or a console() of this module.
"""

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

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
"""ASCII text for characters that Unicode does not decompose into ASCII."""

ERRORS = "posemark-plain"
"""Name of the codec error handler that writes readable ASCII."""


def say(text: str, err: bool = False) -> None:
    """Print a line to stdout, or to stderr if `err` is set."""
    typer.echo(escaped(text), err=err)


def console(stderr: bool = False, soft_wrap: bool = False) -> "Console":
    """A rich console for styled text and tables.

    It escapes control characters, and does not interpret text as markup.

    Args:
        stderr: Whether to print to stderr.
        soft_wrap: Whether to leave the wrapping of long lines to the terminal.
    """
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Escaping(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                is_text = not segment.control
                yield segment._replace(text=escaped(segment.text)) if is_text else segment

    return Escaping(stderr=stderr, soft_wrap=soft_wrap, highlight=False, markup=False)


def prepare() -> None:
    """Prepare stdout and stderr for text that they may be unable to encode or write.

    Characters that the encoding lacks are written as readable ASCII. Afterwards a stdout that
    cannot be written raises a UsageError that says why.
    """
    codecs.register_error(ERRORS, _plain)
    # They are None if they were closed before the start (`>&-`).
    sys.stdout = sys.stdout or _null_device()
    sys.stderr = sys.stderr or _null_device()
    old = sys.stdout
    if type(old) is io.TextIOWrapper:  # a test may have replaced it by another type
        buffered, direct = old.line_buffering, old.write_through
        encoding = old.encoding
        sys.stdout = _Output(old.detach(), encoding, ERRORS, None, buffered, direct)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr.reconfigure(errors=ERRORS)


def _null_device() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(map(_readable, characters)), error.end


def _readable(character: str) -> str:
    """ASCII for a character: é -> e, ² -> 2; its code if it has no such form."""
    simple = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return _PLAIN.get(character) or simple or code_of(character)


def give_up_output() -> None:
    """Redirect stdout to the null device if it cannot be written.

    Otherwise Python would fail again when it flushes stdout at exit.
    """
    try:
        sys.stdout.flush()
    except (PoseMarkError, OSError):
        null_device = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null_device, sys.stdout.fileno())
        os.close(null_device)


class _Output(io.TextIOWrapper):
    """A stdout that explains why it cannot be written; a closed pipe (`| head`) is no mistake."""

    def write(self, text: str) -> int:
        with _explained():
            return super().write(text)

    def flush(self) -> None:
        with _explained():
            super().flush()


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(
            f"The output cannot be written ({error.strerror}). Free some space, or redirect the "
            "output to another place."
        ) from error
