"""`posemark run`: measure entries and print what came out."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli.console import fresh_folder, percentage, progress_bar
from posemark.measure.clock import POSE_STAGES

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.jobs.measurement import Step
    from posemark.jobs.plan import Job
    from posemark.jobs.prepare import Prepared
    from posemark.report.derive import Truths
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
Data = Annotated[str, typer.Option(help="sample (built-in scenes) or coco:DIR (standard layout).")]
BoxesOption = Annotated[
    str | None,
    typer.Option(
        help="Person boxes: gt, simulated (a detector's statistics, for sample), or file:F "
        "(COCO results). Default: gt, and simulated for @detected entries on sample."
    ),
]
WeightsOption = Annotated[
    str,
    typer.Option(help="A checkpoint file, an imported tag, or none: formula weights."),
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
    typer.Option(help="One crop a forward, or all crops of a frame in one, --max-batch at most."),
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
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many frames an entry.")]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="Seconds an entry, its own blocks only. Default: none; sustained 120, paced 30.",
    ),
]
Until = Annotated[
    float | None,
    typer.Option(
        parser=percentage,
        metavar="PERCENT",
        help="Stop an entry once the 95 % interval of its FPS is this narrow (2%: ±2 %).",
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
    float | None, typer.Option(min=0.1, help="The camera's frames a second, for --mode paced.")
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
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object an entry, nothing else.")]


def run(
    context: typer.Context,
    entries: Entries,
    data: Data = "sample",
    boxes: BoxesOption = None,
    weights: WeightsOption = "none",
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
    until: Until = None,
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

        posemark run seed --budget 8

        posemark run hrnet-w32-256x192.official --data coco:~/coco

        posemark run 'lite*@detected' --data coco:~/coco --boxes file:detections.json

        posemark run dark-w32-256x192 --flip --persons batched --limit 50 --json

        posemark run 'lite*' --until 2%

        posemark run hrnet-w32-256x192 --runtime openvino --precision bf16

        posemark run hrnet-w32-256x192 --setting best

        posemark run litehrnet-18-256x192 --mode paced --fps 30
    """
    from posemark.jobs.plan import MAX_BATCH, Options, plan
    from posemark.measure.environment import usable_cores

    _require_together(persons, max_batch, precision, calibrate)
    options = Options(
        data=data,
        boxes=boxes,
        weights=weights,
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
        machine=machine,
    )
    jobs = _with_setting(plan(entries, options), setting, context)
    _run_all(jobs, out or _fresh_folder(resume), resume, json, interleave, isolate)


def _with_setting(jobs: "list[Job]", setting: str | None, context: typer.Context) -> "list[Job]":
    """The jobs, each under its own setting of that name."""
    from posemark.jobs.setting import FIELDS, with_setting

    if setting is None:
        return jobs
    given = {name for name in FIELDS if _typed(context, name)}
    return [with_setting(job, setting, given) for job in jobs]


def _typed(context: typer.Context, name: str) -> bool:
    """Whether the user gave an option, and not its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _require_together(
    persons: Persons, max_batch: int | None, precision: str | None, calibrate: str | None
) -> None:
    from posemark.core.errors import UsageError

    if max_batch and persons is not Persons.batched:
        raise UsageError("--max-batch is about --persons batched: add that, or leave it out.")
    if calibrate and precision != "int8":
        raise UsageError("--calibrate chooses the ranges of --precision int8: add that.")


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


def _run_all(
    jobs: "list[Job]", out: Path, resume: bool, json: bool, interleave: bool | None, isolate: bool
) -> None:
    """All inputs are checked before the first frame is measured, then the rounds begin."""
    from posemark.cli.console import print_rows
    from posemark.cli.machine import attained
    from posemark.datasets import open_dataset
    from posemark.jobs.measurement import existing_record
    from posemark.jobs.prepare import prepare_job
    from posemark.jobs.rounds import groups, run_jobs
    from posemark.measure.environment import free_memory
    from posemark.report.derive import in_order

    dataset = open_dataset(jobs[0].options.data)
    frames = dataset.frames()
    prepared = [prepare_job(job, dataset, frames) for job in jobs]
    for each in prepared:
        existing_record(each, out, resume)
    turns = groups(prepared, interleave, isolate, free_memory())
    options = jobs[0].options
    ceiling = attained(options.threads, quiet=json) if options.device == "cpu" else None
    with progress_bar(quiet=json) as progress, _hint_on_stop(out):
        display = _Display(progress, prepared, json)
        run_jobs(turns, out, resume, isolate, display, ceiling)
    if not json:
        print_rows(in_order(display.rows))
        typer.echo(f"\nrecords in {out}\nthe chart: posemark report {out} -o {out}/report.html")


@contextmanager
def _hint_on_stop(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(
            f"\nstopped. Every finished frame is kept in {out}; to go on, run the same command "
            f"with --out {out} --resume.",
            err=True,
        )
        raise typer.Exit(130) from None


class _Display:
    """What a run shows: one bar over all entries, a line for each that is over.

    rows: of the entries that are over.
    """

    def __init__(self, progress: "Progress", jobs: "list[Prepared]", json: bool) -> None:
        self.rows: list[Row] = []
        self._progress, self._jobs, self._json = progress, jobs, json
        self._truths: Truths = {}
        self._shares, self._pose_ns = [0.0] * len(jobs), [0] * len(jobs)
        self._task = progress.add_task("", total=float(len(jobs)), text="")

    def opening(self, place: int) -> None:
        self._show(place, "building the network")

    def step(self, place: int, step: "Step") -> None:
        self._shares[place] = step.share
        self._pose_ns[place] += sum(step.line.stages.get(stage, 0) for stage in POSE_STAGES)
        speed = step.done / self._pose_ns[place] * 1e9 if self._pose_ns[place] else 0
        self._show(place, f"{step.done} frames, {speed:.3g} FPS")

    def _show(self, place: int, text: str) -> None:
        self._progress.update(
            self._task,
            completed=sum(self._shares),
            description=f"{place + 1}/{len(self._jobs)} {self._jobs[place].key}",
            text=text,
        )

    def over(self, place: int, path: Path) -> None:
        from posemark.records import files
        from posemark.report import figures, tables
        from posemark.report.derive import row_of

        row = row_of(files.read(path), self._truths)
        self.rows.append(row)
        self._shares[place] = 1.0
        if self._json:
            typer.echo(tables.json_lines([row]).rstrip())
        else:
            frames, speed = figures.counted(row.frames, "frame"), figures.fps(row)
            said = f"{row.entry}: {frames}, {speed} pose FPS, {row.verdict.kind}"
            self._progress.console.print(said, markup=False, highlight=False)
