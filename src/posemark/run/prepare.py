"""Finding and checking everything a job needs, before anything heavy is built."""

from dataclasses import dataclass, replace
from pathlib import Path

from posemark.cards.model import checkpoint_of, model_of
from posemark.codecs import heatmap
from posemark.codecs.coordinates import Coordinates
from posemark.codecs.heatmap import Heatmap
from posemark.codecs.paf import Paf
from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.spec import Codec, Entry, ModelSpec
from posemark.core.whole_image import GroupCodec, Rescorer
from posemark.datasets import Dataset
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.models import spec_of
from posemark.run.calibration import calibration
from posemark.run.plan import Job
from posemark.runtimes import Calibration
from posemark.runtimes.registry import require
from posemark.weights import NONE, Checkpoint, rescorer_of, resolve

PAF_BUILDS = {"paf:gpu": "gpu", "paf:cpu": "cpu"}
"""OpenPose's two published sets of rules, as --codec names them."""


@dataclass(frozen=True)
class Prepared:
    """A job whose every input has been found and checked; nothing heavy is built yet.

    calibration: what int8 ranges are chosen from.
    """

    job: Job
    spec: ModelSpec
    codec: Codec | GroupCodec
    boxes: BoxSource
    checkpoint: Checkpoint | None
    dataset: Dataset
    frames: list[Frame]
    rescorer: Rescorer | None
    calibration: Calibration | None

    @property
    def decoder(self) -> str:
        """What the record calls the decoder."""
        return self.codec.name + ("+rescore" if self.rescorer else "")

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
    codec = _codec(spec, job)
    boxes = open_boxes(job.boxes, spec.convention, options.min_score, dataset.name, frames)
    checkpoint = weights_of(spec, options.weights)
    rescorer = rescorer_of(spec) if checkpoint else None
    ranges = calibration(spec, entry, options.calibrate) if options.calibrate else None
    return Prepared(job, spec, codec, boxes, checkpoint, dataset, frames, rescorer, ranges)


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


def _codec(spec: ModelSpec, job: Job) -> Codec | GroupCodec:
    """The model's own decoder, or the one that --codec names, if the model can use it.

    Raises:
        UsageError: if it cannot.
    """
    wanted, own = job.options.codec, spec.codec or spec.grouping
    if job.options.flip and isinstance(own, Coordinates):
        raise UsageError(f"--flip averages maps, and {spec.name} gives coordinates. Leave it out.")
    if not wanted:
        return own
    if isinstance(own, Heatmap):
        return heatmap.parse(wanted, own)
    if isinstance(own, Paf) and wanted in PAF_BUILDS:
        return replace(own, build=PAF_BUILDS[wanted])
    choice = f"Expected {' or '.join(PAF_BUILDS)}." if isinstance(own, Paf) else "Leave it out."
    raise UsageError(
        f"--codec {wanted} cannot read the outputs of {spec.name}, a {spec.approach} model "
        f"with a decoder of its own. {choice}"
    )
