"""Finding and checking everything a job needs, before anything heavy is built."""

from dataclasses import dataclass, replace
from pathlib import Path

from posemark.cards.model import checkpoint_of, model_of
from posemark.core.errors import DataError, UsageError
from posemark.core.frame import Frame
from posemark.core.spec import Entry, ModelSpec
from posemark.core.whole_image import Rescorer
from posemark.datasets import DataFacts, Dataset
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.models import spec_of
from posemark.run.calibration import calibration
from posemark.run.plan import Job
from posemark.runtimes import Calibration
from posemark.runtimes.registry import require
from posemark.weights import NONE, Checkpoint, rescorer_of, resolve


@dataclass(frozen=True)
class Prepared:
    """A job whose every input has been found and checked; nothing heavy is built yet.

    spec: of the model, with the codec that the job asks for. calibration: what int8 ranges are
    chosen from.
    """

    job: Job
    spec: ModelSpec
    boxes: BoxSource
    checkpoint: Checkpoint | None
    dataset: DataFacts
    frames: list[Frame]
    rescorer: Rescorer | None
    calibration: Calibration | None

    @property
    def decoder(self) -> str:
        """What the record calls the decoder."""
        return self.spec.codec.name + ("+rescore" if self.rescorer else "")

    @property
    def data_notes(self) -> tuple[str, ...]:
        """What was left out of annotations and boxes, or filled in, those to calibrate with too."""
        of_ranges = self.calibration.notes if self.calibration else ()
        return (*self.dataset.notes, *self.boxes.notes, *of_ranges)

    @property
    def key(self) -> str:
        """The name of the record and of the point on the chart."""
        return self.job.key(tag_of(self.spec, self.checkpoint))


def tag_of(spec: ModelSpec, checkpoint: Checkpoint | None) -> str | None:
    """What names the weights; an exported model is its weights, which needs no saying twice."""
    return checkpoint.label if checkpoint and not spec.artefact else None


def prepare_job(job: Job, dataset: Dataset, frames: list[Frame]) -> Prepared:
    """Find and check what a job needs: runtime, decoder, boxes, weights, data to calibrate with.

    Raises:
        UsageError, DataError, CheckpointError: as the parts do; UsageError where the runtime
            or the precision is not to be had here.
    """
    entry, options = job.entry, job.options
    spec = spec_of_entry(entry)
    require(options.target, options.calibrate is not None, spec.artefact)
    spec = _read_as_asked(spec, job)
    _require_skeleton(spec, dataset, frames)
    boxes = open_boxes(job.boxes, spec.convention, options.min_score, dataset.name, frames)
    checkpoint = weights_of(spec, options.weights)
    rescorer = rescorer_of(spec) if checkpoint else None
    facts = DataFacts.of(dataset)
    ranges = calibration(spec, entry, options.calibrate) if options.calibrate else None
    return Prepared(job, spec, boxes, checkpoint, facts, frames, rescorer, ranges)


def spec_of_entry(entry: Entry) -> ModelSpec:
    """The model of an entry: one of the zoo, or what a card describes.

    Raises:
        UsageError, CardError: if there is none.
    """
    return model_of(Path(entry.card)) if entry.card else spec_of(entry.model)


def weights_of(spec: ModelSpec, weights: str) -> Checkpoint | None:
    """The checkpoint that a user's choice names; of an exported model its own file.

    Raises:
        UsageError: for a choice where the card has made it. CheckpointError: as resolve.
    """
    if spec.artefact is None:
        return resolve(spec, weights)
    if weights != NONE:
        raise UsageError(
            f"--weights {weights} contradicts {spec.name}, an exported model whose weights are "
            f"in its file {spec.artefact.path.name}. Leave it out, or name another file in the "
            "card."
        )
    return checkpoint_of(spec)


def _read_as_asked(spec: ModelSpec, job: Job) -> ModelSpec:
    """The model, read by the decoder that --codec names, if there is one.

    Raises:
        UsageError: if the model has no such decoder, or its own cannot do the flip test.
    """
    wanted, own = job.options.codec, spec.codec
    if job.options.flip and own.no_flip:
        raise UsageError(f"--flip cannot be used with {spec.name}: {own.no_flip}. Leave it out.")
    if not wanted:
        return spec
    if not own.variants:
        raise UsageError(
            f"--codec {wanted} cannot read the outputs of {spec.name}, a {spec.approach} model "
            "with a decoder of its own. Leave it out."
        )
    try:
        return replace(spec, method=spec.method.read_as(wanted))
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
