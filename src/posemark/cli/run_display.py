"""What a run shows while it goes on: one bar over all entries, a line for each that is over."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from posemark.cli import expecting, terminal
from posemark.cli.console import PLAIN_SECONDS
from posemark.core.counting import counted
from posemark.measure.clock import POSE_STAGES, Budget, now_ns

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.jobs.measurement import Standing, Step
    from posemark.jobs.prepare import Prepared
    from posemark.report.derive import Derived, Truths
    from posemark.report.rows import Row


class Display:
    """What a run shows, and the figures of its entries that are over. jobs: of the run."""

    def __init__(
        self,
        progress: "Progress",
        jobs: "list[Prepared]",
        json: bool,
        within: float | None,
        time: Budget | None,
    ) -> None:
        """json: whether objects are printed and nothing else. time: what is left of within."""
        self._derived: dict[int, Derived] = {}
        self._opened, self._opening_ns, self._began_ns = 0, 0, 0
        self._progress, self.jobs, self._json = progress, jobs, json
        self._time, self._plan = time, _plan_of(jobs, within)
        self._truths: Truths = {}
        self._shares, self._pose_ns = [0.0] * len(jobs), [0] * len(jobs)
        self._frames = [0] * len(jobs)
        self._left: dict[int, float | None] = {}
        self._plain = Budget(PLAIN_SECONDS)
        self._task = progress.add_task("", total=float(len(jobs)), text="")

    def rows_by_place(self) -> "dict[int, Row]":
        """The rows of the entries that are over, by place in jobs; evidence is shared anew."""
        from posemark.report.derive import with_shared_evidence

        rows = with_shared_evidence(list(self._derived.values()))
        return dict(zip(self._derived, rows, strict=True))

    @property
    def opening_seconds(self) -> float:
        """That an entry took, on average, until its network was built and warm."""
        return self._opening_ns / 1e9 / max(1, self._opened)

    def opening(self, place: int) -> None:
        """The network of an entry is about to be built."""
        self._began_ns = self._began_ns or now_ns()
        self._show(place, "building the network")

    def ready(self, standings: "Mapping[int, Standing]", unable: Collection[int]) -> None:
        """Networks are built: say how long the run takes. unable: places without an interval."""
        self._opened += len(standings)
        self._opening_ns += now_ns() - self._began_ns
        self._began_ns = 0
        self._left |= {place: each.seconds_left for place, each in standings.items()}
        names = [self.jobs[place].key for place in sorted(unable)]
        for line in expecting.announcement(self._plan, standings, names):
            self._say(line)

    def step(self, place: int, step: "Step") -> None:
        """A frame of an entry was measured."""
        self._shares[place] = step.share
        self._left[place] = step.seconds_left
        self._frames[place] += step.line.error is None
        self._pose_ns[place] += sum(step.line.stages.get(stage, 0) for stage in POSE_STAGES)
        spent_ns = self._pose_ns[place]
        speed = self._frames[place] / spent_ns * 1e9 if spent_ns else 0  # of this process alone
        done = counted(step.done, "frame")
        self._show(place, f"{done}, {speed:.3g} FPS{self._time_left()}")

    def _time_left(self) -> str:
        """Of the common time, or of all entries that have been opened."""
        if self._time:
            return f", {expecting.in_words(self._time.left)} left"
        known = [seconds for seconds in self._left.values() if seconds is not None]
        if len(known) < len(self._left):
            return ""
        return f", about {expecting.in_words(sum(known))} left"

    def _show(self, place: int, text: str) -> None:
        description = f"{place + 1}/{len(self.jobs)} {self.jobs[place].key}"
        self._progress.update(
            self._task, completed=self._completed(), description=description, text=text
        )
        if self._progress.disable and self._plain.used_up():
            self._plain = Budget(PLAIN_SECONDS)
            self._say(f"{description}: {text}")

    def _completed(self) -> float:
        """Of as many entries as there are; by the clock where they share a time."""
        if self._time and self._plan.time:
            return len(self.jobs) * min(1.0, 1 - self._time.left / self._plan.time)
        return sum(self._shares)

    def _say(self, line: str) -> None:
        if not self._json:
            self._progress.console.print(line)

    def over(self, place: int, path: Path) -> None:
        """An entry has its last frame: say its figures. path: of its record."""
        from posemark.records import files
        from posemark.report import figures, tables
        from posemark.report.derive import derived

        self._derived[place] = derived(files.read(path), self._truths)
        row = self._derived[place].row
        self._shares[place], self._left[place] = 1.0, 0.0
        if self._json:
            terminal.say(tables.json_lines([row]).rstrip())
        else:
            frames, speed = figures.counted(row.frames, "frame"), figures.fps(row)
            self._say(f"{row.entry}: {frames}, {speed} pose FPS, {row.verdict.kind}")


def _plan_of(jobs: "list[Prepared]", within: float | None) -> expecting.Plan:
    options = jobs[0].job.options
    return expecting.Plan(
        entries=len(jobs),
        frames=len(jobs[0].frames) * options.repeat,
        ends=bool(options.limit or options.budget),
        until=options.until is not None,
        time=within,
    )
