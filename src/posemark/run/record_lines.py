"""From what the run loop saw to lines of a record."""

from dataclasses import asdict
from typing import Any

import numpy as np

from posemark.core.frame import Floats, Frame, Poses
from posemark.measure.camera import Shot
from posemark.measure.loop import Timed
from posemark.measure.watch import Readings
from posemark.pipelines import Found, Pipeline, Work
from posemark.records import schema

NOT_FINITE = (
    "the network's output is not finite: it gives key points or scores that are no numbers or "
    f"beyond {schema.FARTHEST:g}. Try another precision (fp32), and check the weights."
)


def frame_line(
    frame: Frame,
    work: Work[Any] | None,
    timed: Timed[Found],
    pipeline: Pipeline[Any],
    shot: Shot | None,
) -> schema.FrameLine:
    """One finished frame. shot: of the camera, in paced mode.

    Poses that are kept must be numbers: others cost the frame.
    """
    skipped, wait_ns = (shot.skipped, shot.wait_ns) if shot else (0, 0)
    error, found = timed.error, timed.found
    if found is not None and pipeline.trained and not _usable(found.poses):
        error = NOT_FINITE
    if work is None or found is None or error:
        return schema.FrameLine(frame.image_id, error=error, skipped=skipped)
    return schema.FrameLine(
        image_id=frame.image_id,
        boxes=found.load,
        dropped=found.dropped,
        stages=timed.stages,
        frame_ns=timed.frame_ns,
        poses=people(found.poses) if pipeline.trained else None,
        wait_ns=wait_ns,
        pixels=pipeline.pixels(work),
        skipped=skipped,
    )


def _usable(poses: Poses) -> bool:
    values = (poses.keypoints_xy, poses.keypoint_scores, poses.scores)
    # A comparison with NaN is False.
    return all(bool((np.abs(each) <= schema.FARTHEST).all()) for each in values)


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
