"""`posemark run`: measure entries and print what came out."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posemark.report.rows import POSE_STAGES

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.jobs.local import Step
    from posemark.jobs.plan import Job
    from posemark.jobs.prepare import Prepared
    from posemark.report.rows import Row


class Persons(StrEnum):
    """How the people of a frame go through the network."""

    serial = "serial"
    batched = "batched"


Entries = Annotated[
    list[str],
    typer.Argument(
        metavar="ENTRY|GLOB|SUITE...",
        help="A model (hrnet-w32-256x192), with weights (MODEL.TAG), with boxes "
        "(MODEL@gt, MODEL@detected) or scales (MODEL@single, MODEL@multi), a glob ('lite*'), "
        "a letter of the blog post, or a suite (seed, all).",
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
    Persons, typer.Option(help="One crop a forward, or all crops of a frame in one.")
]
MinScore = Annotated[float, typer.Option(min=0, max=1, help="Leave out boxes scored below this.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: all usable cores.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many frames an entry.")]
BudgetOption = Annotated[
    float | None,
    typer.Option(min=0.1, help="Seconds an entry; ends after the frame that uses them up."),
]
Out = Annotated[Path | None, typer.Option(help="Folder for the records. Default: runs/DATE-TIME.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with stopped records in --out.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object an entry, nothing else.")]


def run(
    entries: Entries,
    data: Data = "sample",
    boxes: BoxesOption = None,
    weights: WeightsOption = "none",
    codec: CodecOption = None,
    flip: Flip = False,
    persons: PersonsOption = Persons.serial,
    min_score: MinScore = 0.0,
    threads: Threads = None,
    limit: Limit = None,
    budget: BudgetOption = None,
    out: Out = None,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Measure speed and accuracy of entries, one frame after the other.

    Records are written frame by frame: a run killed at any moment keeps every finished frame,
    and --resume goes on from there.

    Examples:

        posemark run seed --budget 8

        posemark run hrnet-w32-256x192.official --data coco:~/coco

        posemark run 'lite*@detected' --data coco:~/coco --boxes file:detections.json

        posemark run dark-w32-256x192 --flip --persons batched --limit 50 --json
    """
    from posemark.jobs.plan import Options, plan
    from posemark.measure.environment import usable_cores

    options = Options(
        data=data,
        boxes=boxes,
        weights=weights,
        codec=codec,
        flip=flip,
        persons=persons.value,
        min_score=min_score,
        threads=threads or usable_cores(),
        limit=limit,
        budget=budget,
    )
    jobs = plan(entries, options)
    _run_all(jobs, data, out or _fresh_folder(resume), resume, json)


def _fresh_folder(resume: bool) -> Path:
    from posemark.core.errors import UsageError
    from posemark.measure.clock import utc_now

    if resume:
        raise UsageError("--resume needs --out DIR, the folder of the run to go on with.")
    return Path("runs") / utc_now()[:19].replace(":", "").replace("T", "-")


def _run_all(jobs: "list[Job]", data: str, out: Path, resume: bool, json: bool) -> None:
    """All inputs are checked before the first frame is measured, then entry after entry."""
    from posemark.cli.console import print_rows
    from posemark.datasets import open_dataset
    from posemark.jobs.local import existing_record
    from posemark.jobs.prepare import prepare_job
    from posemark.report import tables
    from posemark.report.derive import in_order

    dataset = open_dataset(data)
    frames = dataset.frames()
    prepared = [prepare_job(job, dataset, frames) for job in jobs]
    for each in prepared:
        existing_record(each, out, resume)
    rows: list[Row] = []
    truths: dict[Path, dict[str, Any]] = {}
    with _progress(quiet=json) as progress, _hint_on_stop(out):
        for number, each in enumerate(prepared, 1):
            show = _Display(progress, f"{number}/{len(jobs)} {each.key}", each.job.options.budget)
            rows.append(_run_one(each, out, resume, show, truths))
            if json:
                typer.echo(tables.json_lines(rows[-1:]).rstrip())
    if not json:
        print_rows(in_order(rows))
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


def _run_one(
    prepared: "Prepared",
    out: Path,
    resume: bool,
    show: "_Display",
    truths: dict[Path, dict[str, Any]],
) -> "Row":
    """Measure one entry. truths: annotations parsed so far, which the entries share."""
    from posemark.jobs.local import run_job
    from posemark.records import files
    from posemark.report.derive import row_of

    row = row_of(files.read(run_job(prepared, out, resume, show.step)), truths)
    show.finish(row)
    return row


class _Display:
    """An entry's line on the screen: how far it is, and the figure so far.

    Under a budget the bar shows its share: how many frames it will hold is not known.
    """

    def __init__(self, progress: "Progress", title: str, budget: float | None) -> None:
        self._progress, self._budget = progress, budget
        self._task = progress.add_task(title, total=1.0, text="building the network")
        self._frames = self._nanoseconds = 0

    def step(self, step: "Step") -> None:
        self._frames += step.line.error is None
        self._nanoseconds += sum(step.line.stages.get(stage, 0) for stage in POSE_STAGES)
        share = step.done / step.total
        if self._budget:
            elapsed = self._progress.tasks[self._task].elapsed or 0.0
            share = max(share, min(1.0, elapsed / self._budget))
        speed = self._frames / self._nanoseconds * 1e9 if self._nanoseconds else 0
        text = f"{step.done} frames, {speed:.3g} FPS"
        self._progress.update(self._task, completed=share, text=text)

    def finish(self, row: "Row") -> None:
        figure = f"{row.fps_pose:.3g} pose FPS" if row.fps_pose else "no people seen"
        self._progress.update(self._task, completed=1.0, text=f"{row.frames} frames, {figure}")


def _progress(quiet: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
        disable=quiet,
    )
