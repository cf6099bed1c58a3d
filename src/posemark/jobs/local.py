"""Running a job in this process, one frame after the other, into its record."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import posemark
from posemark.codecs import heatmap
from posemark.core.errors import DataError, FrameError, RecordError
from posemark.core.frame import Floats, Frame, Poses
from posemark.core.spec import Codec, ModelSpec
from posemark.datasets import Dataset
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.jobs.plan import Job
from posemark.measure import PROTOCOL
from posemark.measure.clock import utc_now
from posemark.measure.environment import environment
from posemark.measure.loop import Timed, run_frames, warm_up
from posemark.models import spec_of
from posemark.nn import formula
from posemark.pipelines.topdown import TopDown, Work
from posemark.records import files, schema
from posemark.runtimes.torch_eager import TorchSession
from posemark.score.coco import truth_json
from posemark.weights import NONE, Checkpoint, load_into, resolve

if TYPE_CHECKING:
    from torch import nn

WARM_UP_BOXES = 2
"""People in the warm-up frame: enough to reach every code path, few enough to be quick."""


@dataclass(frozen=True)
class Step:
    """Progress after a frame: how many are done of how many that may come."""

    done: int
    total: int
    line: schema.FrameLine


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


def _pipeline(prepared: Prepared) -> TopDown:
    options, trained = prepared.job.options, prepared.checkpoint is not None
    session = TorchSession(_network(prepared.spec, prepared.checkpoint), options.threads)
    _set_image_threads(options.threads)
    batched = options.persons == "batched"
    return TopDown(prepared.spec, session, prepared.codec, options.flip, batched, trained)


def _network(spec: ModelSpec, checkpoint: Checkpoint | None) -> "nn.Module":
    network = spec.build()
    if checkpoint:
        load_into(network, checkpoint.path)
    else:
        formula.initialise(network)
    return network


def _set_image_threads(threads: int) -> None:
    import cv2

    cv2.setNumThreads(threads)


def run_job(prepared: Prepared, out: Path, resume: bool, on_step: Callable[[Step], None]) -> Path:
    """Measure the job's frames into out/KEY.jsonl; with resume, go on where it stopped.

    Returns:
        The record's path.

    Raises:
        RecordError: if the record exists and resume is off, or is of another run.
        DataError: if every single frame failed.
    """
    path = out / f"{prepared.key}{files.SUFFIX}"
    header = _header(prepared, _write_truth(prepared, out))
    writer, finished, ended = _open(path, header, resume)
    limit = prepared.job.options.limit
    left = [f for f in prepared.frames[:limit] if f.image_id not in finished]
    everything = "limit" if limit else "all frames"
    with writer:
        if left:
            if finished:
                writer.write(schema.Resumed(header.environment, header.started))
            done = _measure(prepared, left, len(finished), writer, on_step)
            writer.write(schema.End(everything if done == len(left) else "budget"))
        elif not ended:  # it was killed after its last frame
            writer.write(schema.End(everything))
    return path


def _open(path: Path, header: schema.Header, resume: bool) -> tuple[files.Writer, set[int], bool]:
    """The record to write to, the images it holds already, and whether it came to its end."""
    if not (resume and path.exists()):
        return files.Writer.create(path, header), set(), False
    record = files.read(path)
    theirs, ours = record.header.identity(), header.identity()
    different = sorted(k for k in ours if ours[k] != theirs.get(k))
    if different:
        raise RecordError(
            f"{path}: cannot be resumed, because this run differs in {', '.join(different)} "
            f"(there: {theirs.get(different[0])}; now: {ours[different[0]]}). Use the same "
            "settings, or another --out folder."
        )
    finished = {line.image_id for line in record.frames}
    return files.Writer.append(record), finished, record.complete


def _measure(
    prepared: Prepared,
    frames: list[Frame],
    before: int,
    writer: files.Writer,
    on_step: Callable[[Step], None],
) -> int:
    """Run these frames; before: how many the record has already. Returns how many were run."""
    pipeline, failures, done = _pipeline(prepared), [], 0
    _warm_up(pipeline, prepared.boxes, frames)

    def prepare(frame: Frame) -> Work:
        return pipeline.prepare(frame, prepared.boxes.of(frame))

    seconds = prepared.job.options.budget
    for frame, work, timed in run_frames(frames, prepare, pipeline.process, seconds):
        line = _line(frame, work, timed, pipeline)
        writer.write(line)
        done += 1
        failures += [timed.error] if timed.error else []
        on_step(Step(before + done, before + len(frames), line))
        if not before and len(failures) == len(frames):
            raise DataError(f"every one of {len(frames)} frames failed. The last: {failures[-1]}")
    return done


def _warm_up(pipeline: TopDown, source: BoxSource, frames: Iterable[Frame]) -> None:
    """On the first frame that has boxes and can be read; others will be reported in turn."""
    for frame in frames:
        boxes = source.of(frame)
        if not len(boxes):
            continue
        few = replace(
            boxes,
            boxes_xywh=boxes.boxes_xywh[:WARM_UP_BOXES],
            scores=boxes.scores[:WARM_UP_BOXES],
        )
        try:
            warm_up(pipeline.prepare(frame, few), pipeline.process)
        except FrameError:
            continue
        return


def _line(frame: Frame, work: Work | None, timed: Timed, pipeline: TopDown) -> schema.FrameLine:
    if work is None or timed.poses is None:
        return schema.FrameLine(frame.image_id, error=timed.error)
    perfect = pipeline.perfect(work) if pipeline.trained else timed.poses
    return schema.FrameLine(
        image_id=frame.image_id,
        boxes=len(work.boxes),
        dropped=work.boxes.dropped,
        stages=timed.stages,
        frame_ns=timed.frame_ns,
        poses=_people(timed.poses) if pipeline.trained else None,
        perfect=_people(perfect),
    )


def _people(poses: Poses) -> schema.People:
    # A thousandth of a pixel and 1e-6 of a score: far below what moves an AP, half the bytes.
    points = np.round(poses.keypoints_xy, 3)
    joined: Floats = np.concatenate([points, np.round(poses.keypoint_scores, 6)[..., None]], -1)
    flat = joined.reshape(len(poses), joined.shape[1] * joined.shape[2]).tolist()
    return schema.People(np.round(poses.scores, 6).tolist(), flat)


def _write_truth(prepared: Prepared, out: Path) -> str:
    """Keep the annotations beside the records: the report needs them on any machine."""
    name = f"truth-{prepared.dataset.name}-{prepared.dataset.fingerprint}.json"
    path = out / name
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(truth_json(prepared.frames)), encoding="utf-8")
        partial.replace(path)
    return name


def _header(prepared: Prepared, truth: str) -> schema.Header:
    job, spec = prepared.job, prepared.spec
    boxes, options = prepared.boxes, job.options
    return schema.Header(
        entry=prepared.key,
        letter=job.entry.letter,
        model=spec.name,
        family=spec.family,
        approach=spec.approach,
        input_hw=spec.input_hw,
        licence=spec.licence,
        parameters=spec.parameters,
        macs=spec.macs,
        weights=_weights_source(prepared.checkpoint),
        data=schema.Source(options.data, prepared.dataset.fingerprint),
        boxes=schema.Source(boxes.label, boxes.fingerprint),
        box_kind=boxes.kind,
        settings=schema.Settings(
            convention=spec.convention.name,
            codec=prepared.codec.name,
            flip=options.flip,
            persons=options.persons,
            min_score=options.min_score,
            threads=options.threads,
            runtime=TorchSession.runtime,
            precision=TorchSession.precision,
        ),
        published=_published(prepared),
        environment=environment(),
        posemark=posemark.__version__,
        protocol=PROTOCOL,
        truth=truth,
        started=utc_now(),
    )


def _weights_source(checkpoint: Checkpoint | None) -> schema.Source:
    if checkpoint is None:
        return schema.Source(NONE, formula.VERSION)
    licence = checkpoint.row.licence if checkpoint.row else None
    return schema.Source(checkpoint.label, checkpoint.sha256, licence)


def _published(prepared: Prepared) -> schema.Published | None:
    """What the authors reported for these weights, or for the model where there are none."""
    row = prepared.checkpoint.row if prepared.checkpoint else None
    kind = prepared.job.entry.boxes
    if prepared.checkpoint and row is None:
        return None
    reported = prepared.spec.reported(kind, row)
    if reported is None:
        return None
    return schema.Published(reported.ap, reported.boxes, reported.flip, reported.source)
