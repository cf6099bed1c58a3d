"""`posemark run`: measures entries and prints their results."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli import best_weights, expected_time, run_options, shared_run, terminal
from posemark.cli.console import PlainProgress, fresh_folder, progress_bar, scoring_bar, typed
from posemark.cli.interrupt import message_on_interrupt
from posemark.cli.run_options import DEFAULT_SECONDS
from posemark.core.counting import counted
from posemark.measure.clock import POSE_STAGES, Budget, now_ns

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.records.schema import FrameLine
    from posemark.report.result_row import Row
    from posemark.report.results import Truths
    from posemark.run.interleave import Failed
    from posemark.run.measurement import Standing, Step
    from posemark.run.plan import Job
    from posemark.run.prepare import Prepared


def run(
    context: typer.Context,
    entries: run_options.Entries,
    data: run_options.Data = "sample",
    boxes: run_options.BoxesOption = None,
    weights: run_options.WeightsOption = None,
    trained_only: run_options.TrainedOnly = False,
    codec: run_options.CodecOption = None,
    flip: run_options.Flip = False,
    persons: run_options.PersonsOption = "serial",
    max_batch: run_options.MaxBatch = None,
    runtime: run_options.Runtime = None,
    precision: run_options.PrecisionOption = None,
    device: run_options.Device = "cpu",
    layout: run_options.Layout = None,
    calibrate: run_options.Calibrate = None,
    setting: run_options.SettingOption = None,
    min_score: run_options.MinScore = None,
    max_people: run_options.MaxPeople = None,
    detector_size: run_options.DetectorSize = None,
    detector_runtime: run_options.DetectorRuntime = None,
    detector_precision: run_options.DetectorPrecision = None,
    save_boxes: run_options.SaveBoxes = None,
    threads: run_options.Threads = None,
    limit: run_options.Limit = None,
    budget: run_options.BudgetOption = None,
    within: run_options.Within = None,
    until: run_options.Until = None,
    repeat: run_options.Repeat = 1,
    mode: run_options.ModeOption = "burst",
    fps: run_options.Fps = None,
    streams: run_options.Streams = None,
    smooth: run_options.Smooth = False,
    interleave: run_options.Interleave = None,
    isolate: run_options.Isolate = True,
    engine: run_options.EngineOption = "local",
    address: run_options.Address = None,
    machine: run_options.MachineOption = None,
    out: run_options.Out = None,
    resume: run_options.Resume = False,
    json: run_options.Json = False,
) -> None:
    """Measure the speed and the accuracy of entries, frame by frame.

    Several entries take turns, one block of frames each. Records are written frame by frame: if
    the run is stopped or killed, every finished frame is kept, and the same command with --out
    and --resume continues it. After each block the record is passed to the disk, so that a power
    failure costs one block; POSEMARK_SYNC=never in the environment leaves this out. If the process
    of an entry dies or cannot be started, the others continue. Mistakes in any entry are reported
    before the first one is measured.

    Examples:

        posemark run seed --within 10m

        posemark run seed --data coco:~/coco --boxes file:detections.json --trained-only

        posemark run hrnet-w32-256x192.official --data coco:~/coco

        posemark run 'lite*@detected' --data coco:~/coco --boxes file:detections.json

        posemark run tinypose-256x192 --data coco:~/coco --boxes detector:rtmdet-nano

        posemark run dark-w32-256x192 --flip --persons batched --limit 50 --json

        posemark run 'lite*' --until 2%

        posemark run hrnet-w32-256x192 --runtime openvino --precision bf16

        posemark run hrnet-w32-256x192 --setting best

        posemark run litehrnet-18-256x192 --mode paced --fps 30

        posemark run litehrnet-18-256x192 --runtime openvino --mode overlapped

        posemark run tinypose-256x192 --data coco:~/coco --engine ray --address 10.0.0.1:6379

        posemark run tinypose-256x192 --data motion --boxes detector:rtmdet-nano@every=5 --smooth
    """
    from posemark.measure.environment import usable_cores
    from posemark.run.best_weights import default_weights
    from posemark.run.options import Options
    from posemark.run.plan import plan
    from posemark.run.save_boxes import require_possible

    time = Budget(within) if within else None
    mode = "accuracy" if engine == "ray" and not typed(context, "mode") else mode
    shared_run.require_engine(mode, context)
    _require_turns(mode, within)
    options = Options(
        data=data,
        boxes=boxes,
        weights=weights or default_weights(data),
        codec=codec,
        flip=flip,
        persons=persons,
        max_batch=max_batch,
        runtime=runtime,
        precision=precision,
        device=device,
        layout=layout,
        calibrate=calibrate,
        min_score=min_score,
        max_people=max_people,
        detector_size=detector_size,
        detector_runtime=detector_runtime,
        detector_precision=detector_precision,
        threads=threads or (1 if mode == "accuracy" else usable_cores()),
        limit=limit,
        budget=budget or DEFAULT_SECONDS.get(mode),
        mode=mode,
        camera_fps=fps,
        streams=streams,
        smooth=smooth,
        until=until,
        repeat=repeat,
        machine=machine,
    )
    if save_boxes:
        require_possible(save_boxes, boxes)
    earlier = out if resume else None
    jobs, chosen = best_weights.with_weights(plan(entries, options), earlier, trained_only)
    jobs = _with_setting(jobs, setting, context)
    folder = out or _fresh_folder(resume)
    execution = _Execution(
        *(folder, resume, json, interleave, isolate, within, time, tuple(chosen)), save_boxes
    )
    if engine == "ray":
        _run_on_ray(jobs, execution, address, threads)
        return
    display, rows = _run_all(jobs, execution)
    if not json:
        _print_undecided(display, rows, context, execution.out)
    _require_all_alive(display.deaths, len(jobs))


def _require_all_alive(deaths: Mapping[int, Exception], jobs: int) -> None:
    """Raise an error that says why jobs did not finish, by their place."""
    from posemark.core.errors import RunError

    reasons = [str(error) for _, error in sorted(deaths.items())]
    if reasons:
        entries = f"{len(reasons)} of {counted(jobs, 'entry', 'entries')}"
        raise RunError(f"{entries} did not finish. " + " ".join(reasons))


def _with_setting(jobs: "list[Job]", setting: str | None, context: typer.Context) -> "list[Job]":
    """Apply to each job the setting that is saved under this name for its entry."""
    from posemark.run.setting import KEYS, with_setting

    if setting is None:
        return jobs
    given = {name for name in KEYS if typed(context, name)}
    given |= {"mode"} if jobs and jobs[0].options.mode == "accuracy" else set()
    return [with_setting(job, setting, given) for job in jobs]


def _require_turns(mode: run_options.Mode, within: float | None) -> None:
    from posemark.core.errors import UsageError
    from posemark.run.options import REPEATING

    if mode in REPEATING and within:
        raise UsageError(
            f"--within divides its time among entries that take turns, but a {mode} run "
            "needs the device for itself. Give each entry a --budget in seconds, or use "
            "--mode burst or overlapped."
        )


def _fresh_folder(resume: bool) -> Path:
    from posemark.core.errors import UsageError

    if resume:
        raise UsageError("--resume needs --out DIR, the folder of the run to continue.")
    return fresh_folder()


@dataclass(frozen=True)
class _Execution:
    """How a run is carried out, as opposed to what it measures.

    Attributes:
        out: Folder for the records.
        resume: Whether to continue the records in it.
        json: Whether to print JSON and nothing else.
        interleave: Whether entries take turns; None lets the memory decide.
        isolate: Whether each of several entries gets a process of its own.
        within: Seconds that all entries share.
        time: The part of `within` that is left.
        chosen: Lines that name the chosen weights. They are printed once all inputs are found.
        save_boxes: File for the boxes of the detector.
    """

    out: Path
    resume: bool
    json: bool
    interleave: bool | None
    isolate: bool
    within: float | None
    time: Budget | None
    chosen: tuple[str, ...] = ()
    save_boxes: Path | None = None


def _run_all(jobs: "list[Job]", execution: _Execution) -> "tuple[_Display, dict[int, Row]]":
    """Check all inputs, then measure all jobs, then print their results.

    Returns:
        The display of the run, and the rows of all finished entries by their place in `jobs`.
        There are no rows if they were printed as JSON when each entry finished.
    """
    from posemark.cli.console import print_rows
    from posemark.measure.environment import free_memory
    from posemark.report.results import in_order
    from posemark.run.interleave import groups, run_jobs
    from posemark.run.measurement import existing_record

    out, resume, isolate = execution.out, execution.resume, execution.isolate
    prepared = _all_prepared(jobs, out)
    records = [existing_record(each, out, resume) for each in prepared]
    say_notes(note for each in prepared for note in each.data_notes)
    say_all(note for record in records if record for note in record.repairs)
    say_all(execution.chosen)
    turns = groups(prepared, execution.interleave, isolate, free_memory())
    peaks = _machine_peaks(jobs, execution)
    with message_on_interrupt(_resume_hint(out)):
        with progress_bar(quiet=execution.json) as progress:
            display = _Display(progress, prepared, execution)
            run_jobs(turns, out, resume, isolate, display, peaks, execution.time)
        _save_boxes(execution.save_boxes, display.records)
        rows = {} if execution.json else display.scored()
    if not execution.json:
        print_rows(in_order(rows.values()))
        terminal.say(f"\nrecords in {out}\nthe chart: posemark report {out} -o {out}/report.html")
    return display, rows


def _all_prepared(jobs: "list[Job]", out: Path) -> "list[Prepared]":
    """Find and check the inputs of all jobs, and the folder for their records."""
    from posemark.core.places import require_writable
    from posemark.run.prepare import prepare_jobs

    require_writable(out, "Choose another --out folder, or free some space.")
    return prepare_jobs(jobs)


def _run_on_ray(
    jobs: "list[Job]", execution: _Execution, address: str | None, threads: int | None
) -> None:
    """Check all inputs, let the machines of a cluster do the work, and print the results."""
    out, json = execution.out, execution.json
    prepared = _all_prepared(jobs, out)
    say_notes(note for each in prepared for note in each.data_notes)
    say_all(execution.chosen)
    if jobs[0].options.mode == "accuracy":
        records, deaths = shared_run.share(prepared, out, execution.resume, address, json)
        _save_boxes(execution.save_boxes, records)
        shared_run.print_shared(records, out, json)
        _require_all_alive(deaths, len(jobs))
        return
    folders = shared_run.measure_machines(
        prepared, out, address, json, threads, execution.interleave, execution.within
    )
    shared_run.print_machines(folders, json)


def _save_boxes(path: Path | None, records: list[Path]) -> None:
    from posemark.run.save_boxes import save

    if path:
        boxes = save(path, records)
        say_all([f"{counted(boxes, 'box', 'boxes')} in {path}"])


def say_all(lines: Iterable[str]) -> None:
    """Print lines to stderr, beside the results on stdout."""
    for line in lines:
        terminal.say(line, err=True)


def say_notes(notes: Iterable[str]) -> None:
    """Print what was left out of the data or filled in, each sentence once."""
    say_all(f"data: {note}" for note in dict.fromkeys(notes))


def _print_undecided(
    display: "_Display", rows: "dict[int, Row]", context: typer.Context, out: Path
) -> None:
    from posemark.cli import undecided

    # The error message says what these need.
    dead = [display.jobs[place] for place in display.deaths]
    found = [each for each in undecided.undecided(display.jobs, rows) if each.job not in dead]
    lines = undecided.lines(found, len(display.jobs), display.opening_seconds, context, out)
    if lines:
        terminal.say("\n" + "\n".join(lines))


PEAK_WITHIN = 120.0
"""Shortest --within in seconds for which the machine's peak rates are measured first.

In a shorter run, this measurement would take too much of the time of the entries.
"""


def _machine_peaks(jobs: "list[Job]", execution: _Execution) -> dict[int, dict[str, float]]:
    """The peak rates of the CPU for each number of threads that an entry runs with."""
    from posemark.cli.machine import peak_figures

    threads = sorted({job.options.threads for job in jobs if job.options.device == "cpu"})
    label = jobs[0].options.machine
    enough = execution.within is None or execution.within >= PEAK_WITHIN
    found = {number: peak_figures(number, execution.json, label, enough) for number in threads}
    return {number: figures for number, figures in found.items() if figures}


def _resume_hint(out: Path) -> str:
    return (
        f"stopped. Every finished frame is kept in {out}. To continue, run the same command "
        f"with --out {out} --resume."
    )


class _Display:
    """Shows the progress of a run: one bar over all entries, and a line per finished entry.

    An entry may finish long before the others, which wait while its line is made. Therefore this
    line has its speed only, and the poses are scored when nothing is measured any more. With
    --json this is not possible, because a line holds all results of its entry.

    Attributes:
        jobs: The prepared jobs of the run.
        deaths: Why entries did not finish, by place in `jobs`.
    """

    def __init__(self, progress: "Progress", jobs: "list[Prepared]", execution: _Execution) -> None:
        self._records: dict[int, Path] = {}
        self.deaths: dict[int, Failed] = {}
        self._opened, self._opening_ns, self._began_ns = 0, 0, 0
        self._progress, self.jobs, self._json = progress, jobs, execution.json
        self._time, self._plan = execution.time, _plan_of(jobs, execution.within)
        self._truths: Truths = {}
        self._shares, self._spent_ns = [0.0] * len(jobs), [0] * len(jobs)
        self._frames = [0] * len(jobs)
        self._left: dict[int, float | None] = {}
        self._lines = PlainProgress(progress)
        self._task = progress.add_task("", total=float(len(jobs)), text="")

    def scored(self) -> "dict[int, Row]":
        """The rows of the finished entries, by place in `jobs`; entries share evidence."""
        from posemark.report.results import rows_of

        rows = rows_of(list(self._records.values()), scoring_bar)
        return dict(zip(self._records, rows, strict=True))

    @property
    def records(self) -> list[Path]:
        """The records of the finished entries."""
        return list(self._records.values())

    @property
    def opening_seconds(self) -> float:
        """Average seconds that an entry took to build its network and to warm it up."""
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
        self._spent_ns[place] += self._share_ns(place, step.line)
        spent_ns = self._spent_ns[place]
        # Only the frames of this process count, not those of the record that it continues.
        speed = self._frames[place] / spent_ns * 1e9 if spent_ns else 0
        done = counted(step.done, "frame")
        self._show(place, f"{done}, {speed:.3g} FPS{self._time_left()}")

    def _share_ns(self, place: int, line: "FrameLine") -> int:
        """The time of a frame that its speed is shown from while the run goes on."""
        options = self.jobs[place].job.options
        if options.mode == "overlapped":
            return line.frame_ns // options.frames_at_once
        return sum(line.stages.get(stage, 0) for stage in POSE_STAGES)

    def _time_left(self) -> str:
        """The rest of the shared time, or of all entries that have been opened."""
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
            self._lines.show(f"{description}: {text}")

    def _completed(self) -> float:
        """The finished part, in entries; the clock decides if they share a time."""
        if self._time and self._plan.time:
            return len(self.jobs) * min(1.0, 1 - self._time.left / self._plan.time)
        return sum(self._shares)

    def _say(self, line: str) -> None:
        if not self._json:
            self._progress.console.print(line)

    def died(self, place: int, error: "Failed") -> None:
        self._shares[place], self._left[place] = 1.0, 0.0
        self.deaths[place] = error
        if len(self.jobs) > 1:  # at the end all are said once more, below the results
            self._say(f"{self.jobs[place].key}: it did not finish; the other entries continue")

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
            name, kind = formats.speed_name(row), row.verdict.kind
            self._say(f"{row.entry}: {frames}, {speed} {name}, {kind}")


def _plan_of(jobs: "list[Prepared]", within: float | None) -> expected_time.Plan:
    options = jobs[0].job.options
    return expected_time.Plan(
        entries=len(jobs),
        frames=len(jobs[0].frames) * options.repeat,
        ends=bool(options.limit or options.budget),
        until=options.until is not None,
        time=within,
    )
