"""How downloads are shown: a bar with rate and time left, lines for what a person should know."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from posemark.cli import terminal
from posemark.cli.console import Reports
from posemark.cli.interrupt import said_on_stop

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class _Bars:
    """One bar for the file that comes; without a terminal, a line for each and one a minute."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._shown: TaskID | None = None
        self._reports = Reports(bars)

    def began(self, name: str, url: str, done: int, total: int | None) -> None:
        from posemark.downloads.wanted import host_of

        if self._shown is not None:
            self._bars.remove_task(self._shown)
        self._shown = self._bars.add_task(name, total=total, completed=done)
        if self._bars.disable and url:
            size = "of unknown size" if total is None else f"{total / 1e6:,.1f} MB"
            again = f", {done / 1e6:,.1f} MB of them here" if done else ""
            self.said(f"{name}: from {host_of(url)}, {size}{again}")

    def moved(self, count: int) -> None:
        if self._shown is None:
            return
        self._bars.advance(self._shown, count)
        task = self._bars.tasks[0]
        of = f" of {task.total / 1e6:,.1f}" if task.total else ""
        self._reports.show(f"{task.description}: {task.completed / 1e6:,.1f}{of} MB")

    def said(self, sentence: str) -> None:
        self._bars.console.print(sentence)


@contextmanager
def shown() -> Generator[_Bars]:
    """Who watches downloads for a person. Ctrl-C ends with exit code 130 and what to do."""
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
    with said_on_stop("stopped. What has come is kept; the same command goes on."), bars:
        yield _Bars(bars)
