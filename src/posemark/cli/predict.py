"""`posemark predict`: finds people in images, videos and cameras, and draws them."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from posemark.cli import run_options, terminal
from posemark.cli.console import PlainProgress, time_of_video, typed
from posemark.cli.expected_time import in_words
from posemark.cli.interrupt import EXIT_STATUS, first_stop
from posemark.core.counting import counted
from posemark.core.text import escaped
from posemark.run.options import LIMITS, MOST_EVERY

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.estimator import Estimator
    from posemark.predict.drawings import Film, Stills
    from posemark.predict.pose_files import PoseFile
    from posemark.predict.results import Results
    from posemark.predict.shots import Input
    from posemark.predict.work import Tally
    from posemark.run.options import Choices

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model (hrnet-w32-256x192), a model with certain weights (MODEL.TAG), or the "
        "card.toml of an exported model; `posemark list` shows them.",
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Images (JPEG, PNG), folders of images, quoted patterns ('photos/*.jpg'), videos, or "
        "a camera (camera:0).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Where annotated pictures go: a folder; for a single video, also a .mp4 file; for a "
        "single image, also a .jpg or .png file. Default: the folder predictions; with --poses and "
        "without --compare, nothing is drawn.",
    ),
]
PosesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the poses: FILE.json (COCO results), FILE.csv (one row per person and key "
        "point), or a folder (OpenPose's JSON, one file per frame). With --engine ray: a folder "
        "for Parquet files.",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="The format of --poses: coco, openpose, csv or trc-csv (the columns of a TRC file, "
        "for one person). Default: by the name of the file.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files of results that exist already.")
]
From = Annotated[
    float | None,
    typer.Option(
        "--from",
        parser=time_of_video,
        metavar="TIME",
        help="Begin each video at this time: 12.5 (seconds), 1m30s or 1:30.",
    ),
]
To = Annotated[
    float | None,
    typer.Option("--to", parser=time_of_video, metavar="TIME", help="End each video at this time."),
]
Step = Annotated[int, typer.Option(min=1, help="Take every n-th picture only.")]
Subject = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="ID",
        help="The person that matters, by the id that is drawn beside everybody in a video: only "
        "this one is written, and everybody else is drawn in grey.",
    ),
]
Compare = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODEL",
        help="Draw what this model finds beside it. May be given several times.",
    ),
]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        help="The person detector of top-down models: rtmdet-nano, yolox-nano, hog, or a "
        "card.toml. Bottom-up models need none. Default: rtmdet-nano."
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_EVERY,
        help="Run the detector on every k-th frame only, and follow the people in between. "
        "Default: on every frame.",
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        min=LIMITS["min_score"][0],
        max=LIMITS["min_score"][1],
        help="Leave out boxes of the detector with a score below this. Default: 0.3.",
    ),
]
Smooth = Annotated[
    bool,
    typer.Option("--smooth", help="Smooth the movement of key points in videos (One Euro filter)."),
]
EngineOption = Annotated[
    run_options.Engine,
    typer.Option(
        help="What does the work: local (this process), or ray: the workers of a Ray cluster write "
        "the poses of very many images into the folder --poses. Inputs are then folders (with "
        "those in them), addresses such as s3://bucket/folder, and Parquet files with a column of "
        "images."
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a stopped run of --engine ray in --poses.")
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="A checkpoint file, the tag of imported weights, or best (the best weights on this "
        "machine)."
    ),
]


def predict(
    context: typer.Context,
    model: Model,
    inputs: Inputs,
    output: Out = None,
    poses: PosesOption = None,
    pose_format: FormatOption = None,
    overwrite: Overwrite = False,
    start: From = None,
    end: To = None,
    step: Step = 1,
    subject: Subject = None,
    compare: Compare = None,
    detector: DetectorOption = None,
    every: Every = None,
    min_score: MinScore = None,
    smooth: Smooth = False,
    weights: WeightsOption = "best",
    setting: run_options.SettingOption = None,
    codec: run_options.CodecOption = None,
    runtime: run_options.Runtime = None,
    precision: run_options.PrecisionOption = None,
    device: run_options.Device = "cpu",
    threads: run_options.Threads = None,
    engine: EngineOption = "local",
    address: run_options.Address = None,
    resume: Resume = False,
) -> None:
    """Find the people in images, videos or a camera, draw them, and write their poses.

    In a video, the same person has the same id and colour in every frame, and a corner shows the
    milliseconds of each stage. Photographs and videos are turned upright as their files say.
    Pictures that cannot be used are named and counted, and the others follow. Ctrl-C ends the work
    after the current picture; everything written until then is complete.

    Exit code: 2 if no picture could be used.

    Examples:

        posemark predict movenet-lightning photo.jpg

        posemark predict tinypose-256x192 walk.mp4 --every 5 --smooth -o walk-poses.mp4

        posemark predict lightweight-openpose 'photos/*.jpg' --poses results.json

        posemark predict tinypose-256x192 walk.mp4 --subject 0 --poses walk.csv --from 0:10

        posemark predict lightweight-openpose walk.mp4 --compare movenet-lightning

        posemark predict movenet-lightning camera:0 --to 1m -o live.mp4

        posemark predict movenet-lightning s3://bucket/photos --engine ray --poses poses
    """
    from posemark.cli import many_images
    from posemark.predict.inputs import inputs_of
    from posemark.predict.models import Loading, load_all
    from posemark.predict.results import Wishes, results_of
    from posemark.predict.shots import part_of

    many_images.require_engine(context)
    given = {
        "codec": codec,
        "runtime": runtime,
        "precision": precision,
        "device": device if typed(context, "device") else None,
        "threads": threads or (1 if engine == "ray" else None),
    }
    choices = cast("Choices", {name: value for name, value in given.items() if value is not None})
    loading = Loading(weights, setting, detector, every, min_score, smooth, choices)
    if engine == "ray":
        many_images.annotate_all(model, inputs, poses, loading, address, resume)
        return
    found = inputs_of(inputs, part_of(start or 0.0, end, step))
    _require_clip(found, every, smooth)
    draw = poses is None or bool(compare)
    results = results_of(found, Wishes(output, draw, poses, pose_format, subject, overwrite))
    names = [model, *(compare or [])]
    with terminal.console(stderr=True).status(f"loading {', '.join(names)}"):
        estimators = load_all(names, loading)
    _carry_out(found, results, names, estimators, subject)


def _require_clip(inputs: "Sequence[Input]", every: int | None, smooth: bool) -> None:
    from posemark.core.errors import UsageError

    given = [f"--every {every}"] * (every is not None) + ["--smooth"] * smooth
    if given and not any(each.is_clip for each in inputs):
        raise UsageError(
            f"{given[0]} applies to videos and cameras, whose frames follow each other; each image "
            "stands alone. Leave it out, or name a video."
        )


def _carry_out(
    inputs: "Sequence[Input]",
    results: "Results",
    names: Sequence[str],
    estimators: "Sequence[Estimator]",
    subject: int | None,
) -> None:
    """Work through all inputs, and print what was done.

    Raises:
        typer.Exit: After Ctrl-C, when the files are complete.
        DataError: If no picture could be used.
    """
    from posemark.core.errors import DataError
    from posemark.predict.shots import Remarks
    from posemark.predict.stream import Observer
    from posemark.predict.work import Models, Work, carry_out

    with _progress() as shown, first_stop() as stopped:
        remarks = Remarks(shown.say)
        with _closing(results.open_poses(estimators[0].spec.skeleton)) as pose_file:
            tallies: list[Tally] = []
            for each, drawing in zip(inputs, results.drawings, strict=True):
                shown.begin(each)
                observers = [Observer(estimator, each.is_clip) for estimator in estimators]
                work = Work(each, Models(names, observers, subject), drawing, pose_file)
                tallies.append(carry_out(work, remarks, lambda t: shown.step(t) and not stopped()))
                if stopped():
                    break
    for each, tally, drawing in zip(inputs, tallies, results.drawings, strict=False):
        terminal.say(_summary(each, tally, names, drawing))
    if subject is not None and all(tally.ids <= subject for tally in tallies):
        terminal.say(f"--subject {subject}: {_ids_there_are(tallies)}", err=True)
    if results.poses is not None:
        terminal.say(f"Poses: {results.poses}")
    if stopped():
        terminal.say("stopped by Ctrl-C. What was done until then is complete.", err=True)
        raise typer.Exit(EXIT_STATUS)
    if not any(tally.frames for tally in tallies):
        raise DataError(
            f"None of {counted(remarks.unusable, 'picture')} could be used; the reasons are above."
        )


@contextmanager
def _closing(pose_file: "PoseFile | None") -> "Generator[PoseFile | None]":
    """Complete the file of poses when the block ends, however it ends."""
    try:
        yield pose_file
    finally:
        if pose_file is not None:
            pose_file.close()


def _summary(
    each: "Input", tally: "Tally", names: Sequence[str], drawing: "Stills | Film | None"
) -> str:
    """One paragraph on what was done for an input."""
    from posemark.tracking.tracker import START_SCORE

    pictures = counted(tally.frames, "frame" if each.is_clip else "image")
    done = pictures if each.name == pictures else f"{each.name}: {pictures}"
    people = (
        f"{counted(tally.ids, 'person', 'people')} followed"
        if each.is_clip
        else f"{counted(tally.people, 'person', 'people')} found (score {START_SCORE:g} or more)"
    )
    text = (
        f"{done}, {people}, {tally.fps:.1f} FPS with drawing and writing, "
        f"p50 latency from decoding to poses {_latencies(tally, names)}."
    )
    if drawing is None or not tally.frames:
        return text
    return f"{text} Annotated: {_place(drawing.paths)}"


def _ids_there_are(tallies: "Sequence[Tally]") -> str:
    most = max((tally.ids for tally in tallies), default=0)
    there = f"ids go from 0 to {most - 1}" if most else "nobody was followed"
    return f"nobody has this id, so that nobody is written; {there}."


def _latencies(tally: "Tally", names: Sequence[str]) -> str:
    """The median latency, with the name of the model if there are several."""
    figures = [f"{p50:.1f} ms" for p50 in tally.p50_ms] or ["unknown"]
    if len(figures) == 1:
        return figures[0]
    return ", ".join(f"{ms} ({name})" for ms, name in zip(figures, names, strict=True))


def _place(paths: "Sequence[Path]") -> str:
    return str(paths[0] if len(paths) == 1 else paths[0].parent)


class _Shown:
    """Shows the progress of each input, with the time left; without a terminal, prints lines."""

    def __init__(self, bars: "Progress") -> None:
        self._bars = bars
        self._lines = PlainProgress(bars)
        self._task = bars.add_task("", text="")
        self._name = ""
        self._total: int | None = None

    def begin(self, each: "Input") -> None:
        """Begin with an input, and say what was noticed about it."""
        self._name, self._total = each.name, each.total
        for note in each.notes:
            self.say(f"{note}.")
        self._bars.reset(self._task, description=escaped(each.name), total=each.total)

    def step(self, tally: "Tally") -> bool:
        """Show how far the input is; return True, so that it goes on."""
        of = f" of {self._total:,}" if self._total else ""
        text = f"{tally.frames:,}{of}, {tally.fps:.1f} FPS{self._left(tally)}"
        self._bars.update(self._task, completed=tally.frames, text=text)
        self._lines.show(f"{self._name}: {text}")
        return True

    def _left(self, tally: "Tally") -> str:
        """The time left, as `run` words it; "" if the input has no known end."""
        if not self._total or not tally.fps:
            return ""
        return f", about {in_words((self._total - tally.frames) / tally.fps)} left"

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._bars.console.print(sentence)


@contextmanager
def _progress() -> Generator[_Shown]:
    """Show a bar on stderr while the block runs."""
    from rich.progress import BarColumn, Progress, TextColumn

    shown = terminal.console(stderr=True, soft_wrap=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[text]}"),
        console=shown,
        disable=not shown.is_terminal,
        transient=True,
    )
    with bars:
        yield _Shown(bars)
