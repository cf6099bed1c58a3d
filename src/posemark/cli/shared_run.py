"""`posemark run --engine ray`: the part of the command that lets workers of Ray do the work."""

from pathlib import Path
from typing import TYPE_CHECKING

from posemark.cli import expected_time, terminal
from posemark.cli.console import PlainProgress, print_rows, progress_bar, scoring_bar
from posemark.cli.interrupt import message_on_interrupt
from posemark.cli.run_options import Engine
from posemark.core.counting import counted
from posemark.core.errors import UsageError
from posemark.measure.clock import now_ns
from posemark.run.options import Mode

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.run.prepare import Prepared
    from posemark.scale.session import Measured


def require_engine(engine: Engine, address: str | None, mode: Mode) -> None:
    """Check that options of Ray are only used with Ray, and that it is installed.

    Raises:
        UsageError: If they are used without it, or it is not.
    """
    from posemark.scale.cluster import require_installed

    given = [f"--address {address}"] * (address is not None)
    given += ["--mode accuracy"] * (mode == "accuracy")
    if engine != "ray" and given:
        raise UsageError(
            f"{given[0]} only applies with --engine ray. Add --engine ray, or leave it out."
        )
    if engine == "ray" and mode != "accuracy":
        raise UsageError(
            f"--engine ray measures accuracy, which contradicts --mode {mode}. Leave one of them "
            "out."
        )
    if engine == "ray":
        require_installed()


def require_no_turns(within: float | None, interleave: bool | None, isolate: bool) -> None:
    """Check that nothing is asked for that has no meaning if workers share the images.

    Raises:
        UsageError: If it is.
    """
    given = ["--within"] * (within is not None)
    given += ["--interleave"] * (interleave is not None) + ["--no-isolate"] * (not isolate)
    if given:
        raise UsageError(
            f"{given[0]} does not apply with --mode accuracy, in which workers share the images of "
            "one entry after the other and no speed is measured. Leave it out, or use another "
            "--mode."
        )


def share(
    prepared: "list[Prepared]", out: Path, resume: bool, address: str | None, json: bool
) -> list[Path]:
    """Measure the accuracy of all jobs on the workers of a cluster; return their records.

    Raises:
        PoseMarkError: As scale.accuracy.run_in_shards does.
    """
    from posemark.scale.accuracy import require_shareable, run_in_shards
    from posemark.scale.cluster import connected
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
    return display.records


def print_shared(records: list[Path], out: Path, json: bool) -> None:
    """Print the results of records whose images were shared by workers."""
    from posemark.report import tables
    from posemark.report.results import in_order, rows_of

    rows = in_order(rows_of(records, iter if json else scoring_bar))
    if json:
        terminal.say(tables.json_lines(rows).rstrip())
        return
    print_rows(rows)
    terminal.say(f"\nrecords in {out}\nthe report: posemark report {out} -o {out}/report.html")


class _Display:
    """Shows the progress: one bar over all images, and a line per finished entry.

    Attributes:
        records: The records of the finished entries.
    """

    def __init__(self, progress: "Progress", jobs: "list[Prepared]", json: bool) -> None:
        self._progress, self._jobs, self._json = progress, jobs, json
        self._lines = PlainProgress(progress)
        self._task = progress.add_task("", total=1.0, text="")
        self._images, self._done, self._failed, self._began_ns = 0, 0, 0, 0
        self.records: list[Path] = []

    def begin(self, place: int, images: int) -> None:
        self._images, self._done, self._failed, self._began_ns = images, 0, 0, now_ns()
        name = f"{place + 1}/{len(self._jobs)} {self._jobs[place].key}"
        self._progress.reset(self._task, total=float(max(1, images)), description=name)
        self._progress.update(self._task, text="starting workers")

    def finished(self, place: int, shard: "Measured", workers: int) -> None:
        self._done += shard.frames
        self._failed += len(shard.failures)
        rate = self._done / (now_ns() - self._began_ns) * 1e9
        left = expected_time.in_words((self._images - self._done) / rate)
        text = (
            f"{self._done:,} of {counted(self._images, 'image')}, {rate:.3g} images/s, "
            f"{counted(workers, 'worker')}, about {left} left"
        )
        self._progress.update(self._task, completed=float(self._done), text=text)
        if not self._json:
            self._lines.show(f"{self._jobs[place].key}: {text}")

    def over(self, place: int, path: Path) -> None:
        self.records.append(path)
        seconds = expected_time.in_words((now_ns() - self._began_ns) / 1e9)
        failed = f", {self._failed:,} of them failed" if self._failed else ""
        self.say(f"{self._jobs[place].key}: {counted(self._done, 'image')}{failed}, in {seconds}")

    def say(self, sentence: str) -> None:
        if not self._json:
            self._progress.console.print(sentence, markup=False, soft_wrap=True)
