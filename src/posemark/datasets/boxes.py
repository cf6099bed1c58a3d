"""Where person boxes come from: annotations, a file of detections, a simulated detector."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from posemark.core.errors import DataError, UsageError
from posemark.core.frame import Boxes, Frame
from posemark.core.spec import BoxKind, Convention
from posemark.datasets import simulated
from posemark.geometry.boxes import clean_gt_boxes, croppable


@dataclass(frozen=True)
class BoxSource:
    """Boxes for any frame. label: what the record says; kind: gt, detected or none."""

    label: str
    kind: BoxKind
    fingerprint: str
    of: Callable[[Frame], Boxes]


def open_boxes(
    text: str, convention: Convention | None, min_score: float, data: str, frames: Iterable[Frame]
) -> BoxSource:
    """The box source that --boxes names: gt, simulated or file:F; none for bottom-up models.

    Boxes scored below min_score are left out (annotated ones score 1).

    Raises:
        UsageError: for an unknown source, or simulated boxes on real data.
        DataError: for a detections file that is broken or of another data set.
    """
    kind, _, file = text.partition(":")
    if convention is None:
        return BoxSource("none", "none", "none", _no_boxes)
    if text == "gt":
        return BoxSource("gt", "gt", "gt", lambda frame: _gt_boxes(frame, convention))
    if text == "simulated" and data == "sample":
        source = BoxSource("simulated", "detected", simulated.VERSION, simulated.simulated_boxes)
    elif text == "simulated":
        raise UsageError(
            "--boxes simulated exists for --data sample only: on real images it would pass for "
            "a detector. Use --boxes file:detections.json (COCO results format) or gt."
        )
    elif kind == "file" and file:
        source = _file_source(Path(file).expanduser(), frames)
    else:
        raise UsageError(
            f"--boxes {text!r} is no box source. Expected gt, simulated (for --data sample) or "
            "file:F, where F holds detections in the COCO results format."
        )
    return _at_least(source, min_score)


def _no_boxes(_: Frame) -> Boxes:
    return Boxes(np.zeros((0, 4)), np.zeros(0))


def _at_least(source: BoxSource, min_score: float) -> BoxSource:
    def of(frame: Frame) -> Boxes:
        boxes = source.of(frame)
        keep = boxes.scores >= min_score
        return Boxes(boxes.boxes_xywh[keep], boxes.scores[keep], boxes.dropped)

    return BoxSource(source.label, source.kind, source.fingerprint, of)


def _gt_boxes(frame: Frame, convention: Convention) -> Boxes:
    """Boxes of annotated people with at least one labelled key point, as officially."""
    truth = frame.truth
    posed = (truth.keypoints_xyv[..., 2] > 0).any(1) & ~truth.is_crowd
    boxes, usable = clean_gt_boxes(truth.boxes_xywh[posed], frame.size_wh, convention)
    return Boxes(boxes[usable], np.ones(usable.sum()), int((~usable).sum()))


def _file_source(path: Path, frames: Iterable[Frame]) -> BoxSource:
    content = _read(path)
    by_image = _by_image(path, content)
    known = {frame.image_id for frame in frames}
    if known.isdisjoint(by_image):
        raise DataError(
            f"{path}: none of its {len(by_image)} images is in the data set, so these "
            "detections belong to another one. Give the file made on these very images."
        )

    def of(frame: Frame) -> Boxes:
        found = by_image.get(frame.image_id, np.zeros((0, 5)))
        usable = croppable(found[:, :4], frame.size_wh)
        kept = found[usable]
        return Boxes(kept[:, :4], kept[:, 4], int((~usable).sum()))

    digest = hashlib.sha256(content).hexdigest()[:16]
    return BoxSource(f"file:{path.name}", "detected", digest, of)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot read the detections ({error.strerror}). Expected a JSON file in "
            "the COCO results format."
        ) from error


@lru_cache(maxsize=1)  # the entries of a suite share one file
def _by_image(path: Path, content: bytes) -> dict[int, Any]:
    """(N, 5) x, y, w, h, score of category 1 (person) for every image id, in file order."""
    try:
        rows = [row for row in json.loads(content) if row["category_id"] == 1]
        values = np.array([[*row["bbox"], row["score"]] for row in rows], np.float64)
        images = np.array([row["image_id"] for row in rows], np.int64)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(_format_help(path, f"{type(error).__name__}: {error}")) from error
    if values.ndim != 2 or values.shape[1] != 5:
        raise DataError(_format_help(path, "no person boxes of four numbers"))
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise DataError(_format_help(path, f"numbers that are not finite in {rows[bad]}"))
    return {int(i): values[images == i] for i in np.unique(images)}


def _format_help(path: Path, what: str) -> str:
    return (
        f"{path}: expected COCO results, a JSON list of "
        '{"image_id": 139, "category_id": 1, "bbox": [x, y, w, h], "score": 0.9}, '
        f"but found {what}. Export the detections again in that form."
    )
