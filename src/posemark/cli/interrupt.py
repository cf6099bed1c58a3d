"""Ctrl-C, once or often: what runs is ended in order, and one line is said."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from posemark.cli import terminal

EXIT_STATUS = 130
"""Of a command that Ctrl-C ended, as shells have it: 128 and the number of the signal."""


@contextmanager
def said_on_stop(line: str) -> Iterator[None]:
    """Where Ctrl-C ends the block, say the line and exit; a second Ctrl-C changes nothing then."""
    try:
        yield
    except KeyboardInterrupt:
        ignore_from_here()
        terminal.say(f"\n{line}", err=True)
        raise typer.Exit(EXIT_STATUS) from None


def ignore_from_here() -> None:
    """The command is over: let no further Ctrl-C break into what libraries do at the exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
