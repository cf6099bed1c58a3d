"""Prints for a serial console: plain ASCII, at most 80 columns, one line that is rewritten."""

import sys
import textwrap
from time import monotonic
from typing import TextIO

from posemark.core.text import escaped

WIDTH = 79
"""Columns of text: many terminals break a line that fills all 80."""

_TTY_SECONDS, _PLAIN_SECONDS = 0.2, 15.0
"""Seconds between two states of progress, on a terminal and in a file."""


def ascii_text(text: str) -> str:
    """Return a text whose characters every console shows, without control characters."""
    return escaped(text).encode("ascii", "backslashreplace").decode("ascii")


class Console:
    """Prints lines, and one line of progress below them.

    Args:
        out: where to print; None for the standard output.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out: TextIO = sys.stdout if out is None else out
        self._tty = self._out.isatty()
        self._shown = ""
        self._next = 0.0 if self._tty else monotonic() + _PLAIN_SECONDS

    def say(self, text: str, hanging: str = "") -> None:
        """Print a paragraph.

        Args:
            text: the paragraph; it is broken at spaces, but long words stay whole, so that a path
                can be copied.
            hanging: what further lines begin with.
        """
        self.clear()
        lines = textwrap.wrap(
            ascii_text(text),
            WIDTH,
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
        self._write("".join(line + "\n" for line in lines or [""]))

    def line(self, text: str) -> None:
        """Print a line as it is, such as that of a table."""
        self.clear()
        self._write(ascii_text(text) + "\n")

    def progress(self, text: str) -> None:
        """Show the state of the work: rewritten on a terminal, else a line now and then."""
        now = monotonic()
        if now < self._next:
            return
        self._next = now + (_TTY_SECONDS if self._tty else _PLAIN_SECONDS)
        shown = ascii_text(text)[:WIDTH]
        if self._tty:
            self._write("\r" + shown.ljust(len(self._shown)))
            self._shown = shown
        else:
            self._write(shown + "\n")

    def leave_line(self) -> None:
        """Begin a new line on a terminal, if another process has shown its progress there."""
        if self._tty:
            self._write("\n")

    def clear(self) -> None:
        """Remove the line of progress."""
        if self._shown:
            self._write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def duration(seconds: float) -> str:
    """Return a duration in words, such as 45 s, 3 min 20 s or 2 h 5 min."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
