"""Finding and checking everything a job needs, before anything heavy is built."""

from dataclasses import dataclass, replace

from posemark.codecs import heatmap
from posemark.codecs.heatmap import Heatmap
from posemark.codecs.paf import Paf
from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.grouping import GroupCodec, Rescorer
from posemark.core.spec import Codec, ModelSpec
from posemark.datasets import Dataset
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.jobs.plan import Job
from posemark.models import spec_of
from posemark.runtimes.opening import require
from posemark.weights import Checkpoint, rescorer_of, resolve

PAF_BUILDS = {"paf:gpu": "gpu", "paf:cpu": "cpu"}
"""OpenPose's two published sets of rules, as --codec names them."""


@dataclass(frozen=True)
class Prepared:
    """A job whose every input has been found and checked; nothing heavy is built yet."""

    job: Job
    spec: ModelSpec
    codec: Codec | GroupCodec
    boxes: BoxSource
    checkpoint: Checkpoint | None
    dataset: Dataset
    frames: list[Frame]
    rescorer: Rescorer | None

    @property
    def decoder(self) -> str:
        """What the record calls the decoder."""
        return self.codec.name + ("+rescore" if self.rescorer else "")

    @property
    def key(self) -> str:
        """The name of the record and of the point on the chart."""
        return self.job.key(self.checkpoint.label if self.checkpoint else None)


def prepare_job(job: Job, dataset: Dataset, frames: list[Frame]) -> Prepared:
    """Find and check what a job needs: runtime, decoder, boxes, weights.

    Raises:
        UsageError, DataError, CheckpointError: as the parts do; UsageError where the runtime
            or the precision is not to be had here.
    """
    spec, options = spec_of(job.entry.model), job.options
    require(options.target, options.calibrate is not None)
    codec = _codec(spec, job)
    boxes = open_boxes(job.boxes, spec.convention, options.min_score, dataset.name, frames)
    checkpoint = resolve(spec, options.weights)
    rescorer = rescorer_of(spec) if checkpoint else None
    return Prepared(job, spec, codec, boxes, checkpoint, dataset, frames, rescorer)


def _codec(spec: ModelSpec, job: Job) -> Codec | GroupCodec:
    """The model's own decoder, or the one that --codec names, if the model can use it.

    Raises:
        UsageError: if it cannot.
    """
    wanted, own = job.options.codec, spec.codec or spec.grouping
    if not wanted:
        return own
    if isinstance(own, Heatmap):
        return heatmap.parse(wanted, own)
    if isinstance(own, Paf) and wanted in PAF_BUILDS:
        return replace(own, build=PAF_BUILDS[wanted])
    choice = f"Expected {' or '.join(PAF_BUILDS)}." if isinstance(own, Paf) else "Leave it out."
    raise UsageError(
        f"--codec {wanted} cannot read the outputs of {spec.name}, a bottom-up model with a "
        f"decoder of its own. {choice}"
    )
