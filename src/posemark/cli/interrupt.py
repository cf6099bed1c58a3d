"""Ctrl-C, once or several times: the command ends in order and prints one line."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

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


@contextmanager
def first_stop() -> Generator[Callable[[], bool]]:
    """Let the first Ctrl-C end the block in order; the second one raises KeyboardInterrupt.

    Yields:
        A function that returns whether Ctrl-C was pressed; the block is to ask it, and to end.
    """
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (as signal calls it)
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def delayed() -> Generator[None]:
    """Let a first Ctrl-C take effect when the block has ended; a second one does so at once.

    It is for work of libraries that they cannot end properly when it is half done.

    Raises:
        KeyboardInterrupt: After Ctrl-C.
    """
    with first_stop() as stopped:
        yield
    if stopped():
        raise KeyboardInterrupt


def ignore_from_here() -> None:
    """Ignore Ctrl-C from now on: it must not interrupt what libraries do at exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
