"""`posemark predict --engine ray`: the part of the command that annotates very many images."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posemark.cli import expected_time, terminal
from posemark.cli.cluster import connected
from posemark.cli.console import PlainProgress, progress_bar, typed
from posemark.cli.interrupt import message_on_interrupt
from posemark.core.counting import counted
from posemark.core.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from posemark.predict.many.ledger import Entry, Ledger
    from posemark.predict.models import Loading

_UNFIT = (
    *("output", "pose_format", "overwrite", "start", "end", "step", "subject", "compare"),
    *("every", "smooth"),
)
"""Options that have no meaning with --engine ray, as parameters of the command."""


def require_engine(context: typer.Context) -> None:
    """Check that options fit the engine, and that Ray is installed if it is the engine.

    Raises:
        UsageError: If an option does not fit, or Ray is missing.
    """
    from posemark.predict.pose_files import FORMATS
    from posemark.scale.cluster import require_installed

    if context.params["engine"] != "ray":
        given = next((name for name in ("address", "resume") if typed(context, name)), None)
        if given:
            raise UsageError(
                f"--{given} only applies with --engine ray. Add --engine ray, or leave it out."
            )
        return
    options = {each.name: max(each.opts, key=len) for each in context.command.params}
    unfit = next((options[name] for name in _UNFIT if typed(context, name)), None)
    if unfit:
        raise UsageError(
            f"{unfit} does not apply with --engine ray, which writes the poses of images that "
            "stand alone into Parquet files and draws nothing. Leave it out."
        )
    poses = context.params["poses"]
    if poses is None:
        raise UsageError(
            "--engine ray needs --poses FOLDER, the folder for Parquet files with the poses. Add "
            "it; all machines must share this folder."
        )
    if poses.suffix in {each.suffix for each in FORMATS.values()} - {""}:
        raise UsageError(
            f"--poses {poses}: expected a folder for Parquet files, which --engine ray writes, got "
            f"the name of a {poses.suffix} file. Name a folder, or leave --engine ray out."
        )
    require_installed()


def annotate_all(
    model: str,
    roots: list[str],
    out: Path | None,
    loading: "Loading",
    address: str | None,
    resume: bool,
) -> None:
    """Annotate all images at some paths and addresses, and print what was done.

    Raises:
        PoseMarkError: As predict.many does.
    """
    from posemark.core.places import require_writable
    from posemark.predict.many import plan as plans
    from posemark.predict.many.annotation import annotate
    from posemark.predict.many.ledger import Ledger, has_finished
    from posemark.predict.models import prepare_one
    from posemark.scale.node_inputs import expected_of

    if out is None:
        raise RuntimeError("require_engine() refuses this")
    if not resume and has_finished(out):
        raise UsageError(
            f"{out} has results already, and finished work is never overwritten. Add --resume to "
            "continue this run, or name another folder with --poses."
        )
    require_writable(out, "Name another folder with --poses, or make room.")
    prepared = prepare_one(model, loading)
    hint = f"stopped. Every finished shard is kept in {out}. To continue, add --resume."
    with message_on_interrupt(hint), progress_bar(quiet=False) as progress:
        display = _Display(progress)
        display.say("listing images")
        absolute = [root if "://" in root else str(Path(root).absolute()) for root in roots]
        plan = plans.made(out, absolute, plans.identity_of(prepared), resume)
        ledger = Ledger(out, plan.shards)
        try:
            display.begin(plan.images, ledger)
            if ledger.total.shard < plan.shards:
                with connected(address) as cluster:
                    annotate(plan, ledger, prepared, expected_of(prepared), cluster, display)
        finally:
            ledger.close()
    total = ledger.total
    failed = f", {total.failed:,} of them could not be used" if total.failed else ""
    people = counted(total.people, "person", "people")
    terminal.say(f"{counted(total.images, 'image')}{failed}, {people} found. Poses: {out}/poses")


class _Display:
    """Shows the progress: one bar over all images, with rate and time left."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._lines = PlainProgress(progress)
        self._task = progress.add_task("", total=1.0, text="")
        self._images, self._pace = 1, expected_time.Pace()

    def begin(self, images: int, ledger: "Ledger") -> None:
        """Begin with so many images, some of which are finished already."""
        before = ledger.total.images
        self._images = images
        kept = f", {before:,} of them finished before" if before else ""
        self.say(f"{counted(images, 'image')}{kept}")
        if ledger.lost:
            lost = counted(ledger.lost, "finished shard")
            self.say(f"{lost} without their file of poses, or with a damaged one: annotated again")
        self._progress.update(self._task, total=float(images), text="starting workers")

    def finished(self, total: "Entry", workers: int) -> None:
        """Show how far the work is."""
        pace = self._pace.after(total.images, self._images - total.images)
        text = (
            f"{total.images:,} of {counted(self._images, 'image')}, {counted(workers, 'worker')}, "
            f"{pace}"
        )
        self._progress.update(self._task, completed=float(total.images), text=text)
        self._lines.show(text)

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._progress.console.print(sentence, markup=False, soft_wrap=True)
