"""What the process does that measures speed on one machine of a cluster, which it has for itself.

Every entry runs in a child of this process, as in `posemark run`, because this process also belongs
to Ray. What goes wrong is returned, as in worker.py.
"""

import platform
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from posemark.core.errors import PoseMarkError
from posemark.machine import peak
from posemark.measure.clock import Budget
from posemark.measure.environment import free_memory, usable_cores
from posemark.run.interleave import Failed, groups, run_jobs
from posemark.run.measurement import Standing, Step
from posemark.run.prepare import Prepared
from posemark.scale.node_inputs import Expected, Fetch, at_this_node
from posemark.scale.worker import Failure

BOOT = Path("/proc/sys/kernel/random/boot_id")
"""Where Linux has a number that all processes of a machine share, in all containers."""

POLL_SECONDS = 2.0
"""Longest time until poll() returns."""


@dataclass(frozen=True)
class TimingTask:
    """What the process is started with.

    Attributes:
        jobs: the jobs, each with what it depends on.
        threads: the number of threads; None for one for each core of the machine.
        interleave: whether entries take turns; None lets the memory decide.
        within: seconds that all entries share; None without limit.
    """

    jobs: tuple[tuple[Prepared, Expected], ...] = field(repr=False)
    threads: int | None
    interleave: bool | None
    within: float | None


@dataclass(frozen=True)
class Progress:
    """How far the process is.

    Attributes:
        share: the finished share of all entries, 0..1.
        entry: the entry that was measured last.
        finished: the number of finished entries.
    """

    share: float
    entry: str
    finished: int


@dataclass(frozen=True)
class Timings:
    """The result of a machine.

    Attributes:
        files: content of all files of the run folder, by name.
        notes: sentences on entries that did not finish, and on peak rates.
    """

    files: Mapping[str, bytes] = field(repr=False)
    notes: tuple[str, ...]


class TimingWorker:
    """A process that measures all entries on its machine.

    Args:
        task: what is measured.
        fetch: returns the content of a file that this machine lacks.
    """

    def __init__(self, task: TimingTask, fetch: Fetch) -> None:
        self._task, self._fetch = task, fetch
        self._watcher = _Watcher([job.key for job, _ in task.jobs])
        self._answer: Timings | Failure | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def machine(self) -> str:
        """Return what tells this machine from all others; several nodes may be on one machine."""
        try:
            return BOOT.read_text(encoding="ascii").strip()
        except OSError:  # no Linux
            return platform.node()

    def begin(self) -> None:
        """Begin to measure."""
        self._thread.start()

    def poll(self) -> Progress | Timings | Failure:
        """Wait a little; return the result, or how far it is."""
        self._thread.join(POLL_SECONDS)
        return self._answer or self._watcher.progress

    def _run(self) -> None:
        try:
            with TemporaryDirectory(prefix="posemark-timing-") as folder:
                self._measure(Path(folder))
                content = {each.name: each.read_bytes() for each in Path(folder).iterdir()}
            self._answer = Timings(content, tuple(self._watcher.notes))
        except PoseMarkError as error:
            self._answer = Failure(str(error))
        except Exception:  # a bug; the caller shows where it is
            self._answer = Failure(traceback.format_exc())

    def _measure(self, out: Path) -> None:
        task = self._task
        jobs = [self._here(job, expected) for job, expected in task.jobs]
        turns = groups(jobs, task.interleave, True, free_memory())
        ceilings = {number: self._peak(number) for number in {j.job.options.threads for j in jobs}}
        known = {number: figures for number, figures in ceilings.items() if figures}
        time = Budget(task.within) if task.within else None
        run_jobs(turns, out, False, True, self._watcher, known, time, alone=False)

    def _here(self, job: Prepared, expected: Expected) -> Prepared:
        """Return a job with the files of this machine, and as many threads as it has cores."""
        found = at_this_node(job, expected, self._fetch, platform.node())
        threads = self._task.threads or usable_cores()
        options = replace(found.job.options, threads=threads)
        return replace(found, job=replace(found.job, options=options))

    def _peak(self, threads: int) -> dict[str, float] | None:
        """Return the peak rates of this machine, measured now if necessary; None if unknown."""
        label = self._task.jobs[0][0].job.options.machine
        try:
            found = peak.load(threads, label)
            if found is None or found.disturbed:
                found = peak.measure_undisturbed(threads, peak.SHORT_SECONDS, label=label, most=1)
                if not found.disturbed:
                    peak.save(found)
        except (PoseMarkError, OSError) as error:
            self._watcher.notes.append(f"the peak rates are unknown: {error}")
            return None
        if found.disturbed:
            self._watcher.notes.append(f"the peak rates are unknown: {found.disturbed}")
            return None
        return found.figures()


class _Watcher:
    """Keeps how far the run is; it is called in the thread that measures.

    Attributes:
        progress: how far it is.
        notes: what the user should know.
    """

    def __init__(self, keys: list[str]) -> None:
        self._keys, self._shares = keys, [0.0] * len(keys)
        self.progress = Progress(0.0, keys[0], 0)
        self.notes: list[str] = []

    def opening(self, place: int) -> None:
        """Note which entry is opened."""
        self.progress = replace(self.progress, entry=self._keys[place])

    def ready(self, standings: Mapping[int, Standing], unable: Collection[int]) -> None:
        """Note nothing: the run goes on."""

    def step(self, place: int, step: Step) -> None:
        """Note how far an entry is."""
        self._shares[place] = step.share
        share = sum(self._shares) / len(self._shares)
        self.progress = Progress(share, self._keys[place], self.progress.finished)

    def over(self, place: int, path: Path) -> None:  # noqa: ARG002 (as run_jobs calls it)
        """Note that an entry has finished."""
        self._shares[place] = 1.0
        self.progress = replace(self.progress, finished=self.progress.finished + 1)

    def died(self, place: int, error: Failed) -> None:  # noqa: ARG002 (see over)
        """Note why an entry did not finish."""
        self.notes.append(str(error))
