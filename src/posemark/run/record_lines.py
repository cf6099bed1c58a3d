"""Turns measurements of the run loop into lines of a record."""

from typing import Any, TypeVar

import numpy as np

from posemark.core.frame import Boxes, Floats, Frame, Poses
from posemark.measure.camera import Shot
from posemark.measure.loop import Timed
from posemark.measure.watch import Readings
from posemark.pipelines import Found, Pipeline, Work
from posemark.records import schema

NOT_FINITE = (
    "the network's output is not finite: some key points or scores are not numbers, or exceed "
    f"{schema.FARTHEST:g} in magnitude. Try another precision (fp32), and check the weights."
)
"""The error of a frame whose poses cannot be stored."""

OutputsT = TypeVar("OutputsT")
"""What the pipeline passes to its codec."""


def frame_line(
    frame: Frame,
    work: Work[OutputsT] | None,
    timed: Timed[Found],
    pipeline: Pipeline[OutputsT],
    shot: Shot | None,
) -> schema.FrameLine:
    """Return the line of one finished frame.

    A frame whose poses would be stored but are not finite numbers is a failed frame.

    Args:
        frame: the frame.
        work: the frame as it was prepared; None if preparation failed.
        timed: its measurement.
        pipeline: the pipeline that processed it. Without trained weights no poses are stored.
        shot: the camera's shot of the frame in paced mode; else None.
    """
    fields = frame_fields(frame, work, timed, pipeline, shot)
    if fields.get("poses") is not None:
        fields["poses"] = schema.People(*fields["poses"])
    return schema.FrameLine(**fields)


def frame_fields(
    frame: Frame,
    work: Work[OutputsT] | None,
    timed: Timed[Found],
    pipeline: Pipeline[OutputsT],
    shot: Shot | None,
) -> dict[str, Any]:
    """Return the fields of the line of one finished frame, as JSON values.

    The arguments are those of frame_line; poses are scores and key points, as People has them.
    """
    skipped, wait_ns = (shot.skipped, shot.wait_ns) if shot else (0, 0)
    error, found = timed.error, timed.found
    if found is not None and pipeline.trained and not usable(found.poses):
        error = NOT_FINITE
    if work is None or found is None or error:
        return {"image_id": frame.image_id, "error": error, "skipped": skipped}
    fields: dict[str, Any] = {
        "image_id": frame.image_id,
        "boxes": found.load,
        "dropped": found.boxes.dropped,
        "stages": timed.stages,
        "frame_ns": timed.frame_ns,
        "wait_ns": wait_ns,
        "pixels": pipeline.pixels(work),
        "skipped": skipped,
        "origin": found.boxes.origin,
        "found": _rows(found.boxes),
        "stream": timed.stream,
        "began_ns": timed.began_ns,
    }
    if pipeline.trained:
        poses = found.poses
        fields["poses"] = _scores_and_keypoints(poses)
        fields["ids"] = [] if poses.ids is None else poses.ids.tolist()
        fields["unsmoothed"] = _positions(poses.unsmoothed_xy)
    return fields


def _rows(boxes: Boxes) -> list[schema.BoxRow]:
    """Return the boxes that were found inside the clock, the used ones first, rounded as poses."""
    if boxes.origin == "given":
        return []
    used = np.concatenate([boxes.boxes_xywh, boxes.scores[:, None]], 1)
    every = used if boxes.unused_xywhs is None else np.concatenate([used, boxes.unused_xywhs])
    rows = zip(np.round(every[:, :4], 3).tolist(), np.round(every[:, 4], 6).tolist(), strict=True)
    return [(x, y, w, h, score) for (x, y, w, h), score in rows]


def _positions(unsmoothed_xy: Floats | None) -> list[list[float]]:
    """Return the positions before smoothing, rounded as poses."""
    if unsmoothed_xy is None:
        return []
    people, points, _ = unsmoothed_xy.shape
    return np.round(unsmoothed_xy, 3).reshape(people, 2 * points).tolist()


def usable(poses: Poses) -> bool:
    """Return whether poses can be stored: all their numbers are finite, and none is too large."""
    values = (poses.keypoints_xy, poses.keypoint_scores, poses.scores)
    # Comparisons with NaN are False.
    return all(bool((np.abs(each) <= schema.FARTHEST).all()) for each in values)


def block_line(
    frames: int, began_ns: int, sentinel_ns: int, readings: Readings
) -> schema.BlockLine:
    """Return the line of one finished block of frames.

    Args:
        frames: the number of frames, failed ones included.
        began_ns: the monotonic time of the start.
        sentinel_ns: the duration of the sentinel right before the block.
        readings: the activity of the machine during the block.
    """
    return schema.BlockLine(**block_fields(frames, began_ns, sentinel_ns, readings))


def block_fields(
    frames: int, began_ns: int, sentinel_ns: int, readings: Readings
) -> dict[str, Any]:
    """Return the fields of the line of a finished block; the arguments are those of block_line."""
    counts = {"frames": frames, "began_ns": began_ns, "sentinel_ns": sentinel_ns}
    return {**counts, **vars(readings)}


def people(poses: Poses) -> schema.People:
    """Return poses in the form of a record, with rounded coordinates (pixels) and scores."""
    return schema.People(*_scores_and_keypoints(poses))


def _scores_and_keypoints(poses: Poses) -> tuple[list[float], list[list[float]]]:
    # Steps of 0.001 pixels and 1e-6 of a score are far too small to change an AP, and halve the
    # size of a record.
    points = np.round(poses.keypoints_xy, 3)
    joined: Floats = np.concatenate([points, np.round(poses.keypoint_scores, 6)[..., None]], -1)
    flat = joined.reshape(len(poses), joined.shape[1] * joined.shape[2]).tolist()
    return np.round(poses.scores, 6).tolist(), flat
