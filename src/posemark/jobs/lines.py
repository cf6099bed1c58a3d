"""From what the run loop saw to lines of a record."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from posemark.core.frame import Floats, Frame, Poses
from posemark.measure.camera import Shot
from posemark.measure.loop import Timed
from posemark.measure.watch import Readings
from posemark.pipelines import Pipeline
from posemark.records import schema
from posemark.score.coco import truth_json


def frame_line(
    frame: Frame, work: Any, timed: Timed, pipeline: Pipeline, shot: Shot | None
) -> schema.FrameLine:
    """One finished frame. shot: of the camera, in paced mode."""
    skipped, wait_ns = (shot.skipped, shot.wait_ns) if shot else (0, 0)
    if work is None or timed.poses is None:
        return schema.FrameLine(frame.image_id, error=timed.error, skipped=skipped)
    return schema.FrameLine(
        image_id=frame.image_id,
        boxes=pipeline.people(work, timed.poses),
        dropped=work.boxes.dropped,
        stages=timed.stages,
        frame_ns=timed.frame_ns,
        poses=people(timed.poses) if pipeline.trained else None,
        wait_ns=wait_ns,
        pixels=pipeline.pixels(work),
        skipped=skipped,
    )


def block_line(
    frames: int, began_ns: int, sentinel_ns: int, readings: Readings
) -> schema.BlockLine:
    """One finished block of frames."""
    return schema.BlockLine(
        frames=frames, began_ns=began_ns, sentinel_ns=sentinel_ns, **asdict(readings)
    )


def people(poses: Poses) -> schema.People:
    """Poses as they are stored."""
    # A thousandth of a pixel and 1e-6 of a score: far below what moves an AP, half the bytes.
    points = np.round(poses.keypoints_xy, 3)
    joined: Floats = np.concatenate([points, np.round(poses.keypoint_scores, 6)[..., None]], -1)
    flat = joined.reshape(len(poses), joined.shape[1] * joined.shape[2]).tolist()
    return schema.People(np.round(poses.scores, 6).tolist(), flat)


def write_truth(frames: list[Frame], path: Path) -> None:
    """Keep the annotations beside the records: the report needs them on any machine."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(truth_json(frames)), encoding="utf-8")
    partial.replace(path)
