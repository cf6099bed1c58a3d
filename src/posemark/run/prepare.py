"""Finds and checks everything that a job needs, before a network is built."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from posemark.cards.model import checkpoint_of, model_of
from posemark.core.errors import DataError, UsageError
from posemark.core.frame import Frame
from posemark.core.spec import Entry, ModelSpec
from posemark.core.whole_image import Rescorer
from posemark.datasets import DataFacts, Dataset, kind_of, open_dataset
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.models import spec_of
from posemark.run.calibration import calibration
from posemark.run.detection import PreparedDetector, prepare_detector
from posemark.run.options import Options
from posemark.run.plan import Job
from posemark.runtimes import Calibration
from posemark.runtimes.registry import require
from posemark.weights import NONE, Checkpoint, rescorer_of, resolve


@dataclass(frozen=True)
class Prepared:
    """A job whose inputs have all been found and checked; its network is not built yet.

    Attributes:
        job: the job.
        spec: the model, with the codec that the job names.
        boxes: the person boxes of the frames.
        checkpoint: the weights; None for formula weights.
        dataset: facts about the data set, for the record.
        frames: the frames of the run.
        rescorer: the network that rescores people, if the model has trained weights for one.
        calibration: the input from which int8 ranges are chosen; None without --calibrate.
        detector: the person detector that finds the boxes; None if they are given.
    """

    job: Job
    spec: ModelSpec
    boxes: BoxSource
    checkpoint: Checkpoint | None
    dataset: DataFacts
    frames: list[Frame]
    rescorer: Rescorer | None
    calibration: Calibration | None
    detector: PreparedDetector | None = None

    @property
    def in_clips(self) -> bool:
        """Return whether the frames follow each other in time, so that people can be followed."""
        return bool(self.frames) and all(frame.moment is not None for frame in self.frames)

    @cached_property
    def annotated(self) -> bool:
        """Return whether anybody is annotated in any of the frames."""
        return any(len(frame.truth) for frame in self.frames)

    @property
    def decoder(self) -> str:
        """Return the name of the decoder in the record."""
        return self.spec.codec.name + ("+rescore" if self.rescorer else "")

    @property
    def data_notes(self) -> tuple[str, ...]:
        """Return what was left out of annotations and boxes or filled in, calibration included."""
        calibration_notes = self.calibration.notes if self.calibration else ()
        return (*self.dataset.notes, *self.boxes.notes, *calibration_notes)

    @property
    def key(self) -> str:
        """Return the name of the record, and of the point on the chart."""
        return self.job.key(tag_of(self.spec, self.checkpoint))


def tag_of(spec: ModelSpec, checkpoint: Checkpoint | None) -> str | None:
    """Return the part of a key that names the weights; None for formula weights.

    It is also None for an exported model, because the name of the model names its weights.
    """
    return checkpoint.label if checkpoint and not spec.artefact else None


def prepare_jobs(jobs: Sequence[Job]) -> list[Prepared]:
    """Find and check what the jobs of one command need; all have the same data.

    Args:
        jobs: at least one job.

    Raises:
        PoseMarkError: as open_dataset, prepare_job and require_distinct do.
    """
    dataset = open_dataset(jobs[0].options.data)
    frames = dataset.frames()
    prepared = [prepare_job(job, dataset, frames) for job in jobs]
    require_distinct(prepared)
    return prepared


def prepare_job(job: Job, dataset: Dataset, frames: list[Frame]) -> Prepared:
    """Find and check what a job needs: runtime, decoder, boxes or detector, weights, calibration.

    Args:
        job: the job.
        dataset: the data set that the options name.
        frames: the frames of the run, from this data set.

    Raises:
        UsageError: if the runtime or the precision is not available on this machine, or an option
            does not apply to the model.
        DataError: if boxes or annotations cannot be used.
        CheckpointError: if the weights are missing or do not fit.
        CardError: if the card of the entry has a mistake.
    """
    entry, options = job.entry, job.options
    require_order(options)
    spec = spec_of_entry(entry)
    require(options.target, options.calibrate is not None, spec.artefact)
    spec = _read_as_asked(spec, job)
    _require_skeleton(spec, dataset, frames)
    detector = job.detector and prepare_detector(job.detector, options, frames)
    boxes = detector.source if detector else _given_boxes(spec, job, dataset, frames)
    checkpoint = weights_of(spec, options.weights)
    rescorer = rescorer_of(spec) if checkpoint else None
    facts = DataFacts.of(dataset)
    ranges = calibration(spec, entry, options.calibrate) if options.calibrate else None
    prepared = Prepared(job, spec, boxes, checkpoint, facts, frames, rescorer, ranges, detector)
    _require_clips(prepared)
    return prepared


def _given_boxes(spec: ModelSpec, job: Job, dataset: Dataset, frames: list[Frame]) -> BoxSource:
    return open_boxes(job.boxes, spec.convention, job.options.least_score, dataset.name, frames)


def _require_clips(prepared: Prepared) -> None:
    options = prepared.job.options
    if options.smooth and not prepared.in_clips:
        raise UsageError(
            f"--smooth needs frames that follow each other in time, but each image of "
            f"{options.data} stands alone. Leave --smooth out, or use a data set with clips, such "
            "as motion:DIR or video:FILE."
        )


def require_order(options: Options) -> None:
    """Refuse overlapped frames if each can only be decoded after the one before.

    Raises:
        UsageError: if this is so.
    """
    kind = kind_of(options.data)
    if options.mode == "overlapped" and kind and not kind.any_order:
        raise UsageError(
            f"--mode overlapped decodes several frames at the same time, in any order, but those "
            f"of {options.data} are decoded one after the other. Use another mode, or --data "
            "motion:DIR or coco:DIR."
        )


def spec_of_entry(entry: Entry) -> ModelSpec:
    """Return the model of an entry: a registered model, or the one that a card describes.

    Raises:
        UsageError: if no model has this name.
        CardError: if the card has a mistake.
    """
    return model_of(Path(entry.card)) if entry.card else spec_of(entry.model)


def weights_of(spec: ModelSpec, weights: str) -> Checkpoint | None:
    """Return the checkpoint that --weights names; for an exported model, its own file.

    Args:
        spec: the model.
        weights: the value of --weights.

    Returns:
        The checkpoint; None for formula weights.

    Raises:
        UsageError: if --weights names weights for an exported model.
        CheckpointError: as weights.resolve() does.
    """
    if spec.artefact is None:
        return resolve(spec, weights)
    if weights != NONE:
        raise UsageError(
            f"--weights {weights} contradicts {spec.name}, an exported model whose weights are "
            f"in its file {spec.artefact.path.name}. Leave --weights out, or name another file in "
            "the card."
        )
    return checkpoint_of(spec)


def _read_as_asked(spec: ModelSpec, job: Job) -> ModelSpec:
    """Return the model with the decoder that --codec names; without --codec, the model itself.

    Raises:
        UsageError: if the model has no such decoder, or its own does not support the flip test.
    """
    wanted, own = job.options.codec, spec.codec
    if job.options.flip and own.no_flip:
        raise UsageError(
            f"--flip cannot be used with {spec.name}: {own.no_flip}. Leave --flip out."
        )
    if not wanted:
        return spec
    if not own.variants:
        raise UsageError(
            f"--codec {wanted} cannot read the outputs of {spec.name}, a {spec.approach} model "
            "whose decoder has no variants. Leave --codec out."
        )
    try:
        return spec.read_as(wanted)
    except UsageError as error:
        raise UsageError(f"{spec.name}: {error}") from error


def _require_skeleton(spec: ModelSpec, dataset: Dataset, frames: list[Frame]) -> None:
    annotated = {frame.truth.skeleton for frame in frames} - {spec.skeleton}
    if annotated:
        names = " and ".join(sorted(each.name for each in annotated))
        raise DataError(
            f"{dataset.name}: {spec.name} finds the key points {spec.skeleton.name}, but the "
            f"data set is annotated with {names}. Use a data set with the model's key points."
        )


def require_distinct(jobs: Iterable[Prepared]) -> None:
    """Check that no two jobs of a run would be written into one record.

    Raises:
        UsageError: if two have the same key, such as two cards that give the same name.
    """
    seen: dict[str, Prepared] = {}
    for each in jobs:
        other = seen.setdefault(each.key, each)
        if other is not each:
            cards = [job.job.entry.card or f"the model {job.spec.name}" for job in (other, each)]
            raise UsageError(
                f"{each.key} is the name of two entries of this run, {cards[0]} and {cards[1]}, "
                "and each record needs a name of its own. Give one card another name, or run one "
                "after the other with another --out."
            )
