"""`posemark run`: measure entries and print what came out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli import best_weights, expected_time, terminal
from posemark.cli import run_options as asked
from posemark.cli.console import Reports, fresh_folder, progress_bar, scoring_bar, typed
from posemark.cli.interrupt import said_on_stop
from posemark.cli.run_options import DEFAULT_SECONDS, Mode, Persons
from posemark.core.counting import counted
from posemark.measure.clock import POSE_STAGES, Budget, now_ns

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.report.result_row import Row
    from posemark.report.results import Truths
    from posemark.run.measurement import Standing, Step
    from posemark.run.plan import Job
    from posemark.run.prepare import Prepared


def run(
    context: typer.Context,
    entries: asked.Entries,
    data: asked.Data = "sample",
    boxes: asked.BoxesOption = None,
    weights: asked.WeightsOption = None,
    trained_only: asked.TrainedOnly = False,
    codec: asked.CodecOption = None,
    flip: asked.Flip = False,
    persons: asked.PersonsOption = Persons.serial,
    max_batch: asked.MaxBatch = None,
    runtime: asked.Runtime = None,
    precision: asked.Precision = None,
    device: asked.Device = "cpu",
    layout: asked.Layout = None,
    calibrate: asked.Calibrate = None,
    setting: asked.SettingOption = None,
    min_score: asked.MinScore = 0.0,
    threads: asked.Threads = None,
    limit: asked.Limit = None,
    budget: asked.BudgetOption = None,
    within: asked.Within = None,
    until: asked.Until = None,
    repeat: asked.Repeat = 1,
    mode: asked.ModeOption = Mode.burst,
    fps: asked.Fps = None,
    interleave: asked.Interleave = None,
    isolate: asked.Isolate = True,
    machine: asked.MachineOption = None,
    out: asked.Out = None,
    resume: asked.Resume = False,
    json: asked.Json = False,
) -> None:
    """Measure speed and accuracy of entries, frame by frame, entries taking turns.

    Records are written frame by frame: a run killed at any moment keeps every finished frame,
    and --resume goes on from there.

    Examples:

        posemark run seed --within 10m

        posemark run seed --data coco:~/coco --boxes file:detections.json --trained-only

        posemark run hrnet-w32-256x192.official --data coco:~/coco

        posemark run 'lite*@detected' --data coco:~/coco --boxes file:detections.json

        posemark run dark-w32-256x192 --flip --persons batched --limit 50 --json

        posemark run 'lite*' --until 2%

        posemark run hrnet-w32-256x192 --runtime openvino --precision bf16

        posemark run hrnet-w32-256x192 --setting best

        posemark run litehrnet-18-256x192 --mode paced --fps 30
    """
    from posemark.measure.environment import usable_cores
    from posemark.run.best_weights import default_weights
    from posemark.run.plan import MAX_BATCH, Options, plan

    time = Budget(within) if within else None
    _require_together(persons, max_batch, precision, calibrate)
    _require_burst(mode, within, repeat)
    options = Options(
        data=data,
        boxes=boxes,
        weights=weights or default_weights(data),
        codec=codec,
        flip=flip,
        persons=persons.value,
        max_batch=max_batch or MAX_BATCH,
        runtime=runtime,
        precision=precision,
        device=device,
        layout=layout,
        calibrate=calibrate,
        min_score=min_score,
        threads=threads or usable_cores(),
        limit=limit,
        budget=budget or DEFAULT_SECONDS.get(mode),
        mode=mode.value,
        camera_fps=_camera(mode, fps),
        until=until,
        repeat=repeat,
        machine=machine,
    )
    earlier = out if resume else None
    jobs, chosen = best_weights.with_weights(plan(entries, options), earlier, trained_only)
    jobs = _with_setting(jobs, setting, context)
    folder = out or _fresh_folder(resume)
    how = _How(folder, resume, json, interleave, isolate, within, time, tuple(chosen))
    display, rows = _run_all(jobs, how)
    if not json:
        _print_undecided(display, rows, context, how.out)


def _with_setting(jobs: "list[Job]", setting: str | None, context: typer.Context) -> "list[Job]":
    """The jobs, each under its own setting of that name."""
    from posemark.run.setting import FIELDS, with_setting

    if setting is None:
        return jobs
    given = {name for name in FIELDS if typed(context, name)}
    return [with_setting(job, setting, given) for job in jobs]


def _require_together(
    persons: Persons, max_batch: int | None, precision: str | None, calibrate: str | None
) -> None:
    from posemark.core.errors import UsageError

    if max_batch and persons is not Persons.batched:
        raise UsageError("--max-batch is about --persons batched: add that, or leave it out.")
    if calibrate and precision != "int8":
        raise UsageError("--calibrate chooses the ranges of --precision int8: add that.")


def _require_burst(mode: Mode, within: float | None, repeat: int) -> None:
    from posemark.core.errors import UsageError

    if mode is not Mode.burst and within:
        raise UsageError(
            f"--within is shared by entries that take turns, but a {mode.value} run needs the "
            "device for itself. Give each entry its --budget in seconds, or use --mode burst."
        )
    if mode is not Mode.burst and repeat > 1:
        raise UsageError(
            f"--repeat is about --mode burst: a {mode.value} run goes through its frames over and "
            "over anyhow. Leave it out."
        )


def _camera(mode: Mode, fps: float | None) -> float | None:
    from posemark.core.errors import UsageError

    if (mode is Mode.paced) != (fps is not None):
        raise UsageError(
            "--mode paced and --fps go together: the camera's rate is what a paced run is about. "
            "For example: --mode paced --fps 30."
        )
    return fps


def _fresh_folder(resume: bool) -> Path:
    from posemark.core.errors import UsageError

    if resume:
        raise UsageError("--resume needs --out DIR, the folder of the run to go on with.")
    return fresh_folder()


@dataclass(frozen=True)
class _How:
    """How a run is done, beside what is measured.

    time: what is left of `within`. chosen: lines on the weights, said once all inputs are found.
    """

    out: Path
    resume: bool
    json: bool
    interleave: bool | None
    isolate: bool
    within: float | None
    time: Budget | None
    chosen: tuple[str, ...] = ()


def _run_all(jobs: "list[Job]", how: _How) -> "tuple[_Display, dict[int, Row]]":
    """All inputs are checked before the first frame is measured, then the rounds begin.

    Returns:
        What was shown, and the rows of all entries that are over, by place in jobs; none where
        they were printed as JSON when they were over.
    """
    from posemark.cli.console import print_rows
    from posemark.core.places import require_writable
    from posemark.datasets import open_dataset
    from posemark.measure.environment import free_memory
    from posemark.report.results import in_order
    from posemark.run.interleave import groups, run_jobs
    from posemark.run.measurement import existing_record
    from posemark.run.prepare import prepare_job

    out, resume, isolate = how.out, how.resume, how.isolate
    require_writable(out, "Choose another --out folder, or make room.")
    dataset = open_dataset(jobs[0].options.data)
    frames = dataset.frames()
    prepared = [prepare_job(job, dataset, frames) for job in jobs]
    for each in prepared:
        existing_record(each, out, resume)
    say_notes(note for each in prepared for note in each.data_notes)
    say_all(how.chosen)
    turns = groups(prepared, how.interleave, isolate, free_memory())
    ceilings = _ceilings(jobs, how)
    with said_on_stop(_to_go_on(out)):
        with progress_bar(quiet=how.json) as progress:
            display = _Display(progress, prepared, how)
            run_jobs(turns, out, resume, isolate, display, ceilings, how.time)
        rows = {} if how.json else display.scored()
    if not how.json:
        print_rows(in_order(rows.values()))
        terminal.say(f"\nrecords in {out}\nthe chart: posemark report {out} -o {out}/report.html")
    return display, rows


def say_all(lines: Iterable[str]) -> None:
    """Lines beside the results."""
    for line in lines:
        terminal.say(line, err=True)


def say_notes(notes: Iterable[str]) -> None:
    """What was left out of the data or filled in, each sentence once."""
    say_all(f"data: {note}" for note in dict.fromkeys(notes))


def _print_undecided(
    display: "_Display", rows: "dict[int, Row]", context: typer.Context, out: Path
) -> None:
    from posemark.cli import undecided

    found = undecided.undecided(display.jobs, rows)
    said = undecided.lines(found, len(display.jobs), display.opening_seconds, context, out)
    if said:
        terminal.say("\n" + "\n".join(said))


PEAK_WITHIN = 120.0
"""Seconds: a shorter common time is for the entries; the peak would take a good part of it."""


def _ceilings(jobs: "list[Job]", how: _How) -> dict[int, dict[str, float]]:
    """What the CPU attains, for each number of threads that an entry runs with."""
    from posemark.cli.machine import attained

    threads = sorted({job.options.threads for job in jobs if job.options.device == "cpu"})
    label = jobs[0].options.machine
    enough = how.within is None or how.within >= PEAK_WITHIN
    found = {number: attained(number, how.json, label, enough) for number in threads}
    return {number: figures for number, figures in found.items() if figures}


def _to_go_on(out: Path) -> str:
    return (
        f"stopped. Every finished frame is kept in {out}; to go on, run the same command "
        f"with --out {out} --resume."
    )


class _Display:
    """What a run shows: one bar over all entries, a line for each that is over.

    An entry may be over long before the others, which wait while its line is made: so that shows
    its speed alone, and the poses are scored when nothing is measured any more. Only --json, whose
    line holds everything, cannot wait.

    jobs: of the run.
    """

    def __init__(self, progress: "Progress", jobs: "list[Prepared]", how: _How) -> None:
        self._records: dict[int, Path] = {}
        self._opened, self._opening_ns, self._began_ns = 0, 0, 0
        self._progress, self.jobs, self._json = progress, jobs, how.json
        self._time, self._plan = how.time, _plan_of(jobs, how.within)
        self._truths: Truths = {}
        self._shares, self._pose_ns = [0.0] * len(jobs), [0] * len(jobs)
        self._frames = [0] * len(jobs)
        self._left: dict[int, float | None] = {}
        self._reports = Reports(progress)
        self._task = progress.add_task("", total=float(len(jobs)), text="")

    def scored(self) -> "dict[int, Row]":
        """The rows of the entries that are over, by place in jobs; evidence is shared."""
        from posemark.report.results import rows_of

        rows = rows_of(list(self._records.values()), scoring_bar)
        return dict(zip(self._records, rows, strict=True))

    @property
    def opening_seconds(self) -> float:
        """That an entry took, on average, until its network was built and warm."""
        return self._opening_ns / 1e9 / max(1, self._opened)

    def opening(self, place: int) -> None:
        self._began_ns = self._began_ns or now_ns()
        self._show(place, "building the network")

    def ready(self, standings: "Mapping[int, Standing]", unable: Collection[int]) -> None:
        self._opened += len(standings)
        self._opening_ns += now_ns() - self._began_ns
        self._began_ns = 0
        self._left |= {place: each.seconds_left for place, each in standings.items()}
        names = [self.jobs[place].key for place in sorted(unable)]
        for line in expected_time.announcement(self._plan, standings, names):
            self._say(line)

    def step(self, place: int, step: "Step") -> None:
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
            return f", {expected_time.in_words(self._time.left)} left"
        known = [seconds for seconds in self._left.values() if seconds is not None]
        if len(known) < len(self._left):
            return ""
        return f", about {expected_time.in_words(sum(known))} left"

    def _show(self, place: int, text: str) -> None:
        description = f"{place + 1}/{len(self.jobs)} {self.jobs[place].key}"
        self._progress.update(
            self._task, completed=self._completed(), description=description, text=text
        )
        if not self._json:
            self._reports.show(f"{description}: {text}")

    def _completed(self) -> float:
        """Of as many entries as there are; by the clock where they share a time."""
        if self._time and self._plan.time:
            return len(self.jobs) * min(1.0, 1 - self._time.left / self._plan.time)
        return sum(self._shares)

    def _say(self, line: str) -> None:
        if not self._json:
            self._progress.console.print(line)

    def over(self, place: int, path: Path) -> None:
        from posemark.records import files
        from posemark.report import formats, tables
        from posemark.report.results import row_of, speed_of

        self._records[place] = path
        self._shares[place], self._left[place] = 1.0, 0.0
        record = files.read(path)
        if self._json:
            terminal.say(tables.json_lines([row_of(record, self._truths)]).rstrip())
        else:
            row = speed_of(record)
            frames, speed = formats.counted(row.frames, "frame"), formats.fps(row)
            self._say(f"{row.entry}: {frames}, {speed} pose FPS, {row.verdict.kind}")


def _plan_of(jobs: "list[Prepared]", within: float | None) -> expected_time.Plan:
    options = jobs[0].job.options
    return expected_time.Plan(
        entries=len(jobs),
        frames=len(jobs[0].frames) * options.repeat,
        ends=bool(options.limit or options.budget),
        until=options.until is not None,
        time=within,
    )
