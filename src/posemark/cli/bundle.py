"""`posemark bundle`: a benchmark for a device on which PoseMark cannot be installed."""

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import best_weights, expected_time, run_options, terminal
from posemark.cli.console import PlainProgress, progress_bar
from posemark.cli.interrupt import message_on_interrupt
from posemark.cli.run import say_all, say_notes
from posemark.core.counting import counted
from posemark.measure.clock import now_ns

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.bundle.contents import Written
    from posemark.bundle.targets import BundleTarget

SUFFIX = ".zip"

Output = Annotated[
    Path, typer.Option("--output", "-o", help="The file to write; its name ends in .zip.")
]
TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        help="The device: jetson-nano (JetPack 4.6), jetson-orin (JetPack 6), raspberry-pi or "
        "generic. It decides the ONNX operator set, the precision and the number of frames.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=run_options.LIMITS["limit"][0],
        help="Put at most this many frames into the bundle. Default: what suits the target, 30 to "
        "200.",
    ),
]


def bundle(
    entries: run_options.Entries,
    output: Output,
    target: TargetOption = "generic",
    data: run_options.Data = "sample",
    limit: Limit = None,
    weights: run_options.WeightsOption = None,
    trained_only: run_options.TrainedOnly = False,
    boxes: run_options.BoxesOption = None,
    min_score: run_options.MinScore = None,
    codec: run_options.CodecOption = None,
    flip: run_options.Flip = False,
    persons: run_options.PersonsOption = "serial",
    max_batch: run_options.MaxBatch = None,
) -> None:
    """Write a benchmark for a device on which PoseMark cannot be installed, as one zip file.

    The zip has the models, the frames, the boxes and one program, run.py, which needs Python 3.6
    or later, numpy and one of TensorRT, ONNX Runtime, OpenCV, TFLite or OpenVINO. Its records come
    home and are read by report, recommend and compare as all others. Entries that cannot run on
    the device are left out, with the reason. A bundle has images that stand alone (--data sample,
    coco or coco:DIR) and their boxes, so that no detector runs on the device. The exit code is 2 if
    no zip could be written.

    Examples:

        posemark bundle 'lite*@gt' -o lite.zip --target jetson-nano

        posemark bundle seed -o seed.zip --target jetson-orin --limit 100

        posemark bundle ultralight-simplepose -o pi.zip --target raspberry-pi --data coco:~/coco
    """
    from posemark.bundle.contents import require_possible, steps, write_bundle
    from posemark.bundle.targets import target_named
    from posemark.measure.environment import usable_cores
    from posemark.run.best_weights import default_weights
    from posemark.run.export_model import require_output
    from posemark.run.options import Options
    from posemark.run.plan import plan
    from posemark.run.prepare import prepare_jobs

    device = target_named(target)
    require_output(output, SUFFIX)
    options = Options(
        data=data,
        boxes=boxes,
        weights=weights or default_weights(data),
        codec=codec,
        flip=flip,
        persons=persons,
        max_batch=max_batch,
        min_score=min_score,
        threads=usable_cores(),
        limit=limit,
    )
    jobs, chosen = best_weights.with_weights(plan(entries, options), None, trained_only)
    require_possible(jobs)
    prepared = prepare_jobs(jobs)
    say_notes(note for each in prepared for note in each.data_notes)
    say_all(chosen)
    before = output.exists()
    with message_on_interrupt(_STOPPED), progress_bar(quiet=False) as progress:
        display = _Display(progress, steps(prepared))
        written = write_bundle(output, prepared, device, display.step)
    _say(written, device, before)


_STOPPED = "Stopped. No zip was written; exported networks are kept for the next time."


class _Display:
    """Shows which entry is exported, and how long the rest will take.

    Args:
        progress: The progress bar.
        total: The number of steps.
    """

    def __init__(self, progress: "Progress", total: int) -> None:
        self._progress, self._total, self._began_ns = progress, total, now_ns()
        self._task = progress.add_task("", total=float(total), text="")
        self._lines = PlainProgress(progress)

    def step(self, place: int, what: str) -> None:
        """Show that a step begins; steps are assumed to take equally long."""
        left = ""
        if place:
            seconds = (now_ns() - self._began_ns) / 1e9 / place * (self._total - place)
            left = f"about {expected_time.in_words(seconds)} left"
        description = f"{place + 1}/{self._total} {what}"
        self._progress.update(self._task, completed=place, description=description, text=left)
        self._lines.show(f"{description} {left}".rstrip())


def _say(written: "Written", target: "BundleTarget", replaced: bool) -> None:
    """Print what was written and left out, and the three steps that follow."""
    for name, reason in written.refused.items():
        terminal.say(f"left out: {name}: {reason}.", err=True)
    path, size = written.path, written.path.stat().st_size / 1e6
    entries = counted(len(written.entries), "entry", "entries")
    terminal.say(
        f"{path}{' (replaced)' * replaced}: {size:.1f} MB, {entries}, "
        f"{counted(written.frames, 'frame')}, for {target.title}\n"
        f"1. scp {quote(str(path))} USER@DEVICE:\n"
        "2. on the device: mkdir bundle && cd bundle && python3 -m zipfile -e "
        f"{quote('../' + path.name)} . && python3 run.py\n"
        "3. scp -r USER@DEVICE:bundle/results . && posemark report results"
    )
