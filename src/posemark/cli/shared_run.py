"""`posemark run --engine ray`: the part of the command that lets workers of Ray do the work."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli import expected_time, terminal
from posemark.cli.cluster import connected
from posemark.cli.console import (
    PlainProgress,
    print_rows,
    progress_bar,
    scoring_bar,
    typed,
)
from posemark.cli.interrupt import message_on_interrupt
from posemark.core.counting import counted
from posemark.core.errors import UsageError
from posemark.measure.clock import now_ns
from posemark.run.options import Mode

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.run.prepare import Prepared
    from posemark.scale.accuracy import Failed
    from posemark.scale.session import Measured
    from posemark.scale.timing_worker import Progress as MachineProgress


def require_engine(mode: Mode, context: typer.Context) -> None:
    """Check that options fit the engine, and that Ray is installed if it is the engine.

    Args:
        mode: The mode of the run.
        context: The context of the running command, with all its options.

    Raises:
        UsageError: If an option does not fit, or Ray is missing.
    """
    from posemark.scale.cluster import require_installed

    address = context.params["address"]
    if context.params["engine"] != "ray":
        given = [f"--address {address}"] * (address is not None)
        given += ["--mode accuracy"] * (mode == "accuracy")
        if given:
            raise UsageError(
                f"{given[0]} only applies with --engine ray. Add --engine ray, or leave it out."
            )
        return
    names, why = (
        (("within", "interleave", "isolate"), _SHARED)
        if mode == "accuracy"
        else (("resume", "isolate", "machine", "save_boxes"), _EVERY_MACHINE)
    )
    unfit = next((name for name in names if typed(context, name)), None)
    if unfit:
        raise UsageError(f"--{unfit.replace('_', '-')} does not apply {why}")
    require_installed()


_SHARED = (
    "with --mode accuracy, in which workers share the images of one entry after the other and no "
    "speed is measured. Leave it out, or use another --mode."
)
_EVERY_MACHINE = (
    "if every machine of a cluster measures its speed (--engine ray with a --mode other than "
    "accuracy). Leave it out; the name of a machine is in its variable POSEMARK_MACHINE."
)


def measure_machines(
    prepared: "list[Prepared]",
    out: Path,
    address: str | None,
    json: bool,
    threads: int | None,
    interleave: bool | None,
    within: float | None,
) -> list[Path]:
    """Measure the speed of all jobs on every machine of a cluster; return a folder for each.

    Raises:
        PoseMarkError: As scale.timing.run_on_machines does.
    """
    from posemark.scale.timing import run_on_machines

    hint = "stopped. Nothing is kept of machines that had not finished."
    with message_on_interrupt(hint), progress_bar(quiet=json) as progress:
        display = _MachineDisplay(progress, len(prepared), json)
        display.say("starting Ray")
        with connected(address) as cluster:
            return run_on_machines(prepared, threads, interleave, within, cluster, out, display)


def print_machines(folders: list[Path], json: bool) -> None:
    """Print the results of all machines, one row per entry and machine."""
    from posemark.report import tables
    from posemark.report.results import load_rows

    rows = load_rows(folders, iter if json else scoring_bar)
    if json:
        terminal.say(tables.json_lines(rows).rstrip())
        return
    print_rows(rows)
    words = shlex.join(map(str, folders))
    terminal.say(f"\nrecords in {words}\nthe chart: posemark report {words} -o report.html")


def share(
    prepared: "list[Prepared]", out: Path, resume: bool, address: str | None, json: bool
) -> "tuple[list[Path], dict[int, Failed]]":
    """Measure the accuracy of all jobs on the workers of a cluster.

    Returns:
        The records of the finished jobs, and why others did not finish, by place in `prepared`.

    Raises:
        PoseMarkError: As scale.accuracy.run_in_shards does.
    """
    from posemark.scale.accuracy import require_shareable, run_in_shards
    from posemark.scale.layout import unfinished

    for each in prepared:
        require_shareable(each)
        unfinished(each, out, resume)
    hint = (
        f"stopped. Every finished shard is kept in {out}. To continue, run the same command with "
        f"--out {out} --resume."
    )
    with message_on_interrupt(hint), progress_bar(quiet=json) as progress:
        display = _Display(progress, prepared, json)
        display.say("starting Ray")
        with connected(address) as cluster:
            nodes = cluster.nodes()
            cpus = sum(node.cpus for node in nodes)
            display.say(f"{counted(len(nodes), 'node')} with {counted(cpus, 'CPU')}")
            run_in_shards(prepared, out, resume, cluster, display)
    return display.records, display.deaths


def print_shared(records: list[Path], out: Path, json: bool) -> None:
    """Print the results of records whose images were shared by workers."""
    if not records:
        return
    from posemark.report import tables
    from posemark.report.results import in_order, rows_of

    rows = in_order(rows_of(records, iter if json else scoring_bar))
    if json:
        terminal.say(tables.json_lines(rows).rstrip())
        return
    print_rows(rows)
    terminal.say(f"\nrecords in {out}\nthe report: posemark report {out} -o {out}/report.html")


class _MachineDisplay:
    """Shows the progress of machines: one bar over all entries of all of them."""

    def __init__(self, progress: "Progress", entries: int, json: bool) -> None:
        self._progress, self._entries, self._json = progress, entries, json
        self._lines = PlainProgress(progress)
        self._task = progress.add_task("", total=1.0, text="starting")
        self._shares: dict[str, float] = {}

    def progress(self, machine: str, progress: "MachineProgress") -> None:
        self._shares[machine] = progress.share
        share = sum(self._shares.values()) / len(self._shares)
        text = (
            f"{progress.finished} of {counted(self._entries, 'entry', 'entries')} finished, "
            f"{100 * share:.0f}%"
        )
        self._progress.update(
            self._task, completed=share, description=f"{machine}: {progress.entry}", text=text
        )
        if not self._json:
            self._lines.show(f"{machine}: {progress.entry}: {text}")

    def say(self, sentence: str) -> None:
        if not self._json:
            self._progress.console.print(sentence, markup=False, soft_wrap=True)


class _Display:
    """Shows the progress: one bar over all images, and a line per finished entry.

    Attributes:
        records: The records of the finished entries.
        deaths: Why entries did not finish, by place in `jobs`.
    """

    def __init__(self, progress: "Progress", jobs: "list[Prepared]", json: bool) -> None:
        self.deaths: dict[int, Failed] = {}
        self._progress, self._jobs, self._json = progress, jobs, json
        self._lines = PlainProgress(progress)
        self._task = progress.add_task("", total=1.0, text="")
        self._images, self._done, self._failed, self._began_ns = 0, 0, 0, 0
        self._pace = expected_time.Pace()
        self.records: list[Path] = []

    def begin(self, place: int, images: int) -> None:
        self._images, self._done, self._failed, self._began_ns = images, 0, 0, now_ns()
        self._pace = expected_time.Pace()
        name = f"{place + 1}/{len(self._jobs)} {self._jobs[place].key}"
        self._progress.reset(self._task, total=float(max(1, images)), description=name)
        self._progress.update(self._task, text="starting workers")

    def finished(self, place: int, shard: "Measured", workers: int) -> None:
        self._done += shard.frames
        self._failed += len(shard.failures)
        pace = self._pace.after(self._done, self._images - self._done)
        text = (
            f"{self._done:,} of {counted(self._images, 'image')}, {counted(workers, 'worker')}, "
            f"{pace}"
        )
        self._progress.update(self._task, completed=float(self._done), text=text)
        if not self._json:
            self._lines.show(f"{self._jobs[place].key}: {text}")

    def over(self, place: int, path: Path) -> None:
        self.records.append(path)
        if not self._images:
            self.say(f"{self._jobs[place].key}: every image had been measured before")
            return
        seconds = expected_time.in_words((now_ns() - self._began_ns) / 1e9)
        failed = f", {self._failed:,} of them failed" if self._failed else ""
        self.say(f"{self._jobs[place].key}: {counted(self._done, 'image')}{failed}, in {seconds}")

    def died(self, place: int, error: "Failed") -> None:
        self.deaths[place] = error
        self.say(f"{self._jobs[place].key}: it did not finish; the other entries continue")

    def say(self, sentence: str) -> None:
        if not self._json:
            self._progress.console.print(sentence, markup=False, soft_wrap=True)
