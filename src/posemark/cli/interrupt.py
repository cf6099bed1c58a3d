"""Ctrl-C, once or several times: the command ends in order and prints one line."""

import signal
from collections.abc import Generator
from contextlib import contextmanager

import typer

from posemark.cli import terminal

EXIT_STATUS = 130
"""Exit code of a command that Ctrl-C ended: 128 plus the number of SIGINT, as shells define it."""


@contextmanager
def message_on_interrupt(line: str) -> Generator[None]:
    """Print a line and exit if Ctrl-C ends the block; further Ctrl-C are then ignored.

    Raises:
        typer.Exit: With EXIT_STATUS, after Ctrl-C.
    """
    try:
        yield
    except KeyboardInterrupt:
        ignore_from_here()
        terminal.say(f"\n{line}", err=True)
        raise typer.Exit(EXIT_STATUS) from None


def ignore_from_here() -> None:
    """Ignore Ctrl-C from now on: it must not interrupt what libraries do at exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
