"""`posemark run`: measure entries and print what came out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import choosing, expecting, terminal
from posemark.cli.console import (
    Reports,
    duration,
    fresh_folder,
    percentage,
    progress_bar,
    typed,
)
from posemark.cli.stopping import said_on_stop
from posemark.core.counting import counted
from posemark.measure.clock import POSE_STAGES, Budget, now_ns

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.jobs.measurement import Standing, Step
    from posemark.jobs.plan import Job
    from posemark.jobs.prepare import Prepared
    from posemark.report.derive import Derived, Truths
    from posemark.report.rows import Row


class Persons(StrEnum):
    """How the people of a frame go through the network."""

    serial = "serial"
    batched = "batched"


class Mode(StrEnum):
    """How frames follow each other."""

    burst = "burst"
    sustained = "sustained"
    paced = "paced"


DEFAULT_SECONDS = {Mode.sustained: 120.0, Mode.paced: 30.0}
"""Frames repeat in these modes, so something must end them."""


Entries = Annotated[
    list[str],
    typer.Argument(
        metavar="ENTRY|GLOB|SUITE...",
        help="A model (hrnet-w32-256x192), with weights (MODEL.TAG), with boxes "
        "(MODEL@gt, MODEL@detected) or scales (MODEL@single, MODEL@multi), a glob ('lite*'), "
        "a letter of the blog post, a suite (seed, light, all), or an exported model's card.toml.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        help="sample (built-in scenes), coco (val2017 from `posemark get`) or coco:DIR (standard "
        "layout)."
    ),
]
BoxesOption = Annotated[
    str | None,
    typer.Option(
        help="Person boxes: gt, simulated (a detector's statistics, for sample), papers (from "
        "`posemark get`), or file:F (COCO results). Default: gt; of @detected entries "
        "simulated on sample, papers on coco."
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="A checkpoint file, an imported tag, best (of each model the best that is here), or "
        "none: formula weights. Default: best on photographs, none on sample."
    ),
]
TrainedOnly = Annotated[
    bool, typer.Option("--trained-only", help="Leave out entries without trained weights.")
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        help="argmax, quarter or dark:K; paf:gpu or paf:cpu for OpenPose. Default: the model's own."
    ),
]
Flip = Annotated[
    bool, typer.Option("--flip", help="Average with the mirrored crop (two forwards).")
]
PersonsOption = Annotated[
    Persons,
    typer.Option(
        help="serial: one crop per forward pass. batched: the crops of a frame together, "
        "--max-batch at most."
    ),
]
MaxBatch = Annotated[
    int | None, typer.Option(min=2, help="Crops in one forward, for --persons batched. Default: 8.")
]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="torch (eager), torch-compile, onnxruntime, openvino or tflite. Default: torch; of "
        "a card, what its file is for."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="fp32, bf16, fp16 or int8, where the runtime has it; never another. Default: fp32; "
        "of a card, its file's."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="As the runtime calls it: cpu, cuda, cuda:1; for onnxruntime an execution provider "
        "(cpu, cuda, tensorrt, coreml, ...); for openvino cpu, gpu, npu."
    ),
]
Layout = Annotated[
    str | None,
    typer.Option(help="channels-last: of maps in eager torch. Default: the runtime's own."),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Data that int8 ranges are chosen from: sample or coco:DIR, 100 images with people.",
    ),
]
MinScore = Annotated[float, typer.Option(min=0, max=1, help="Leave out boxes scored below this.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: all usable cores.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many frames per entry.")]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="Seconds per entry, its own blocks only. Default: none; sustained 120, paced 30.",
    ),
]
Within = Annotated[
    float | None,
    typer.Option(
        parser=duration,
        metavar="TIME",
        help="One time for the whole run (7m, 90s, 1h30m), shared out so that as many entries as "
        "possible have five blocks and ten frames.",
    ),
]
Repeat = Annotated[
    int,
    typer.Option(
        min=1, help="Go so many times through the frames; for small data, in --mode burst."
    ),
]
Until = Annotated[
    float | None,
    typer.Option(
        parser=percentage,
        metavar="PERCENT",
        help="Stop an entry once the 95% interval of its FPS is this narrow (2%: ±2%).",
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        help="burst: frames back to back, each once. sustained: for minutes, over and over; shows "
        "throttling. paced: from a camera of --fps; late frames are dropped."
    ),
]
Fps = Annotated[
    float | None, typer.Option(min=0.1, help="The camera's frames per second, for --mode paced.")
]
Interleave = Annotated[
    bool | None,
    typer.Option(
        "--interleave/--no-interleave",
        help="Entries take turns, a block of frames each, so that drift hits all alike. "
        "Default: as many as fit into memory.",
    ),
]
Isolate = Annotated[
    bool,
    typer.Option(
        "--isolate/--no-isolate",
        help="Several entries: a process of its own for each. In a common one they slow each "
        "other down, and none's memory is known.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="NAME",
        help="Your name for this machine, which tells it from others like it. "
        "Default: that of the variable POSEMARK_MACHINE.",
    ),
]
SettingOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        help="Run as `posemark tune` found best: a name that it saved for the entry, or a file.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="Folder for the records. Default: runs/DATE-TIME.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with stopped records in --out.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per entry, nothing else.")
]


def run(
    context: typer.Context,
    entries: Entries,
    data: Data = "sample",
    boxes: BoxesOption = None,
    weights: WeightsOption = None,
    trained_only: TrainedOnly = False,
    codec: CodecOption = None,
    flip: Flip = False,
    persons: PersonsOption = Persons.serial,
    max_batch: MaxBatch = None,
    runtime: Runtime = None,
    precision: Precision = None,
    device: Device = "cpu",
    layout: Layout = None,
    calibrate: Calibrate = None,
    setting: SettingOption = None,
    min_score: MinScore = 0.0,
    threads: Threads = None,
    limit: Limit = None,
    budget: BudgetOption = None,
    within: Within = None,
    until: Until = None,
    repeat: Repeat = 1,
    mode: ModeOption = Mode.burst,
    fps: Fps = None,
    interleave: Interleave = None,
    isolate: Isolate = True,
    machine: MachineOption = None,
    out: Out = None,
    resume: Resume = False,
    json: Json = False,
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
    from posemark.jobs.choice import default_weights
    from posemark.jobs.plan import MAX_BATCH, Options, plan
    from posemark.measure.environment import usable_cores

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
    jobs, chosen = choosing.with_weights(
        plan(entries, options), out if resume else None, trained_only
    )
    jobs = _with_setting(jobs, setting, context)
    folder = out or _fresh_folder(resume)
    how = _How(folder, resume, json, interleave, isolate, within, time, tuple(chosen))
    display = _run_all(jobs, how)
    if not json:
        _print_undecided(display, context, how.out)


def _with_setting(jobs: "list[Job]", setting: str | None, context: typer.Context) -> "list[Job]":
    """The jobs, each under its own setting of that name."""
    from posemark.jobs.setting import FIELDS, with_setting

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


def _run_all(jobs: "list[Job]", how: _How) -> "_Display":
    """All inputs are checked before the first frame is measured, then the rounds begin.

    Returns:
        What was shown, with the rows of all entries that are over.
    """
    from posemark.cli.console import print_rows
    from posemark.core.places import require_writable
    from posemark.datasets import open_dataset
    from posemark.jobs.measurement import existing_record
    from posemark.jobs.prepare import prepare_job
    from posemark.jobs.rounds import groups, run_jobs
    from posemark.measure.environment import free_memory
    from posemark.report.derive import in_order

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
    with progress_bar(quiet=how.json) as progress, said_on_stop(_to_go_on(out)):
        display = _Display(progress, prepared, how)
        run_jobs(turns, out, resume, isolate, display, ceilings, how.time)
    if not how.json:
        print_rows(in_order(display.rows_by_place.values()))
        terminal.say(f"\nrecords in {out}\nthe chart: posemark report {out} -o {out}/report.html")
    return display


def say_all(lines: Iterable[str]) -> None:
    """Lines beside the results."""
    for line in lines:
        terminal.say(line, err=True)


def say_notes(notes: Iterable[str]) -> None:
    """What was left out of the data or filled in, each sentence once."""
    say_all(f"data: {note}" for note in dict.fromkeys(notes))


def _print_undecided(display: "_Display", context: typer.Context, out: Path) -> None:
    from posemark.cli import undecided

    found = undecided.undecided(display.jobs, display.rows_by_place)
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

    jobs: of the run.
    """

    def __init__(self, progress: "Progress", jobs: "list[Prepared]", how: _How) -> None:
        self._derived: dict[int, Derived] = {}
        self._opened, self._opening_ns, self._began_ns = 0, 0, 0
        self._progress, self.jobs, self._json = progress, jobs, how.json
        self._time, self._plan = how.time, _plan_of(jobs, how.within)
        self._truths: Truths = {}
        self._shares, self._pose_ns = [0.0] * len(jobs), [0] * len(jobs)
        self._frames = [0] * len(jobs)
        self._left: dict[int, float | None] = {}
        self._reports = Reports(progress)
        self._task = progress.add_task("", total=float(len(jobs)), text="")

    @property
    def rows_by_place(self) -> "dict[int, Row]":
        """The rows of the entries that are over, by place in jobs; evidence is shared."""
        from posemark.report.derive import with_shared_evidence

        rows = with_shared_evidence(list(self._derived.values()))
        return dict(zip(self._derived, rows, strict=True))

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
        for line in expecting.announcement(self._plan, standings, names):
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
