"""Running a job in this process, one frame after the other, into its record."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from posemark.core.errors import DataError, FrameError
from posemark.core.frame import Floats, Frame, Poses
from posemark.core.spec import ModelSpec
from posemark.datasets.boxes import BoxSource, open_boxes
from posemark.geometry.conventions import HRNET
from posemark.jobs.header import make_header, require_same_run
from posemark.jobs.prepare import Prepared
from posemark.measure.loop import Timed, run_frames, warm_up
from posemark.nn import formula
from posemark.pipelines import Pipeline
from posemark.pipelines.bottomup import BottomUp
from posemark.pipelines.topdown import TopDown
from posemark.records import files, schema
from posemark.runtimes.torch_eager import TorchSession
from posemark.score.coco import truth_json
from posemark.weights import Checkpoint, load_into

if TYPE_CHECKING:
    from torch import nn

WARM_UP_BOXES = 2
"""People in the warm-up frame: enough to reach every code path, few enough to be quick."""

CEILING_IMAGES = 200
"""Annotated images that the codec ceiling is made of; the same for every entry of a data set."""


@dataclass(frozen=True)
class Step:
    """Progress after a frame: how many are done of how many that may come."""

    done: int
    total: int
    line: schema.FrameLine


def _pipeline(prepared: Prepared) -> Pipeline:
    options, spec, codec = prepared.job.options, prepared.spec, prepared.codec
    session = TorchSession(_network(spec, prepared.checkpoint), options.threads)
    _set_image_threads(options.threads)
    trained = prepared.checkpoint is not None
    if spec.sizing:
        scales = prepared.job.entry.scales
        arguments = (scales, options.flip, trained, prepared.rescorer)
        return BottomUp(spec, session, spec.sizing, codec, *arguments)
    return TopDown(spec, session, codec, options.flip, options.persons == "batched", trained)


def _network(spec: ModelSpec, checkpoint: Checkpoint | None) -> "nn.Module":
    network = spec.build()
    if checkpoint:
        load_into(network, checkpoint.path, spec.convert)
    else:
        formula.initialise(network)
    return network


def _set_image_threads(threads: int) -> None:
    import cv2

    cv2.setNumThreads(threads)


def existing_record(prepared: Prepared, out: Path, resume: bool) -> files.Record | None:
    """The record that this job would go on with; None if it would start anew.

    Raises:
        RecordError: if there is one and resume is off, or it is of another run.
    """
    path = _record_path(prepared, out)
    if not files.begun(path):
        return None
    if not resume:
        raise files.never_overwritten(path)
    record = files.read(path)
    require_same_run(record, make_header(prepared))
    return record


def _record_path(prepared: Prepared, out: Path) -> Path:
    return out / f"{prepared.key}{files.SUFFIX}"


def run_job(prepared: Prepared, out: Path, resume: bool, on_step: Callable[[Step], None]) -> Path:
    """Measure the job's frames into out/KEY.jsonl; with resume, go on where it stopped.

    Frames that failed before are tried again.

    Returns:
        The record's path.

    Raises:
        RecordError: if the record exists and resume is off, or is of another run.
        DataError: if every single frame failed.
    """
    record, header = existing_record(prepared, out, resume), make_header(prepared)
    _write_truth(prepared, out / header.truth)
    path = _record_path(prepared, out)
    limit = prepared.job.options.limit
    frames = prepared.frames[:limit]
    finished = {f.image_id for f in record.frames if f.error is None} if record else set[int]()
    left = [f for f in frames if f.image_id not in finished]
    everything = "limit" if limit else "all frames"
    with files.Writer.append(record) if record else files.Writer.create(path, header) as writer:
        if left:
            if record:
                writer.write(schema.Resumed(header.environment, header.started))
            pipeline = _pipeline(prepared)
            _write_perfect(pipeline, prepared, frames, record, writer)
            done = _measure(pipeline, prepared, left, len(finished), writer, on_step)
            writer.write(schema.End(everything if done == len(left) else "budget"))
        elif record and not record.complete:  # it was killed after its last frame
            writer.write(schema.End(everything))
    return path


def _write_perfect(
    pipeline: Pipeline,
    prepared: Prepared,
    frames: list[Frame],
    record: files.Record | None,
    writer: files.Writer,
) -> None:
    """Decode perfect outputs for the people of the first CEILING_IMAGES annotated frames.

    Whatever the budget: a ceiling over other frames could not be compared.
    """
    have = {line.image_id for line in record.perfect} if record else set[int]()
    convention = prepared.spec.convention or HRNET
    source = open_boxes("gt", convention, 0, prepared.dataset.name, frames)
    people = ((frame, source.of(frame)) for frame in frames)
    posed = ((frame, boxes) for frame, boxes in people if len(boxes))
    for frame, boxes in islice(posed, CEILING_IMAGES):
        if frame.image_id not in have:
            poses = pipeline.perfect(frame, boxes)
            writer.write(schema.PerfectLine(frame.image_id, _people(poses)))


def _measure(
    pipeline: Pipeline,
    prepared: Prepared,
    frames: list[Frame],
    before: int,
    writer: files.Writer,
    on_step: Callable[[Step], None],
) -> int:
    """Run these frames; before: how many the record has already. Returns how many were run."""
    failures: list[str] = []
    done = 0
    _warm_up(pipeline, prepared.boxes, frames)

    def prepare(frame: Frame) -> Any:
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


def _warm_up(pipeline: Pipeline, source: BoxSource, frames: Iterable[Frame]) -> None:
    """On the first frame that has boxes and can be read; others will be reported in turn."""
    for frame in frames:
        boxes = source.of(frame)
        if not len(boxes) and source.kind != "none":
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


def _line(frame: Frame, work: Any, timed: Timed, pipeline: Pipeline) -> schema.FrameLine:
    if work is None or timed.poses is None:
        return schema.FrameLine(frame.image_id, error=timed.error)
    return schema.FrameLine(
        image_id=frame.image_id,
        boxes=pipeline.people(work, timed.poses),
        dropped=work.boxes.dropped,
        stages=timed.stages,
        frame_ns=timed.frame_ns,
        poses=_people(timed.poses) if pipeline.trained else None,
    )


def _people(poses: Poses) -> schema.People:
    # A thousandth of a pixel and 1e-6 of a score: far below what moves an AP, half the bytes.
    points = np.round(poses.keypoints_xy, 3)
    joined: Floats = np.concatenate([points, np.round(poses.keypoint_scores, 6)[..., None]], -1)
    flat = joined.reshape(len(poses), joined.shape[1] * joined.shape[2]).tolist()
    return schema.People(np.round(poses.scores, 6).tolist(), flat)


def _write_truth(prepared: Prepared, path: Path) -> None:
    """Keep the annotations beside the records: the report needs them on any machine."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(truth_json(prepared.frames)), encoding="utf-8")
    partial.replace(path)
