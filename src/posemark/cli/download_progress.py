"""Shows the progress of downloads: a bar with rate and remaining time, and lines of text."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from posemark.cli import terminal
from posemark.cli.console import PlainProgress
from posemark.cli.interrupt import message_on_interrupt

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class _Bars:
    """Shows a bar for the current file; without a terminal, prints lines instead.

    The lines are one per file, and one per minute while a file is being fetched.
    """

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._shown: TaskID | None = None
        self._lines = PlainProgress(bars)

    def began(self, name: str, url: str, done: int, total: int | None) -> None:
        from posemark.downloads.wanted import host_of

        if self._shown is not None:
            self._bars.remove_task(self._shown)
        self._shown = self._bars.add_task(name, total=total, completed=done)
        if self._bars.disable and url:
            size = "of unknown size" if total is None else f"{total / 1e6:,.1f} MB"
            kept = f", {done / 1e6:,.1f} MB of which are already here" if done else ""
            self.said(f"{name}: from {host_of(url)}, {size}{kept}")

    def moved(self, count: int) -> None:
        if self._shown is None:
            return
        self._bars.advance(self._shown, count)
        task = self._bars.tasks[0]
        of = f" of {task.total / 1e6:,.1f}" if task.total else ""
        self._lines.show(f"{task.description}: {task.completed / 1e6:,.1f}{of} MB")

    def said(self, sentence: str) -> None:
        self._bars.console.print(sentence)


@contextmanager
def shown() -> Generator[_Bars]:
    """Show downloads on stderr while the block runs.

    Ctrl-C ends the command with exit code 130 and a line that says how to resume.

    Yields:
        The watcher to pass to functions that download.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = terminal.console(stderr=True, soft_wrap=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    stopped = "stopped. What was downloaded is kept; run the same command to resume."
    with message_on_interrupt(stopped), bars:
        yield _Bars(bars)
