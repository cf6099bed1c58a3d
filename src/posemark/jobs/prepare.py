"""Finding and checking everything a job needs, before anything heavy is built."""

from dataclasses import dataclass

from posemark.codecs import heatmap
from posemark.core.frame import Frame
from posemark.core.spec import Codec, ModelSpec
from posemark.datasets import Dataset
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.jobs.plan import Job
from posemark.models import spec_of
from posemark.weights import Checkpoint, resolve


@dataclass(frozen=True)
class Prepared:
    """A job whose every input has been found and checked; nothing heavy is built yet."""

    job: Job
    spec: ModelSpec
    codec: Codec
    boxes: BoxSource
    checkpoint: Checkpoint | None
    dataset: Dataset
    frames: list[Frame]

    @property
    def key(self) -> str:
        """The name of the record and of the point on the chart."""
        return self.job.key(self.checkpoint.label if self.checkpoint else None)


def prepare_job(job: Job, dataset: Dataset, frames: list[Frame]) -> Prepared:
    """Find and check what a job needs: decoder, boxes, weights.

    Raises:
        UsageError, DataError, CheckpointError: as the parts do.
    """
    spec, options = spec_of(job.entry.model), job.options
    codec = heatmap.parse(options.codec, spec.codec) if options.codec else spec.codec
    arguments = (spec.convention, options.min_score, dataset.name, frames)
    boxes = open_boxes(job.boxes, *arguments)
    return Prepared(job, spec, codec, boxes, resolve(spec, options.weights), dataset, frames)
