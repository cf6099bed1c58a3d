"""Provides person boxes from annotations, a file of detections, or a simulated detector."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from posemark.core.convention import Convention
from posemark.core.counting import counted
from posemark.core.errors import DataError, UsageError
from posemark.core.frame import NOBODY, Boxes, Floats, Frame
from posemark.core.places import with_home
from posemark.core.spec import BoxKind
from posemark.datasets import kind_of, simulated
from posemark.datasets._json_lists import (
    Entries,
    MisfitError,
    NotJsonError,
    content_of,
    decoded,
    decoded_entries,
    indexed,
    misfit,
    whole,
)
from posemark.datasets.published_data import boxes_there
from posemark.geometry.boxes import clean_gt_boxes, croppable

_PERSON = 1
_BEYOND = 1.05
"""How far a box may reach, as a share of the image's side; detectors exceed the edge a little."""
_SHARE = 2.0
"""If no number of any box is larger, the boxes are not in pixels but in shares of the image."""
_FEWEST_JUDGED = 5
"""Least number of boxes for a judgement on the form of the file."""


@dataclass(frozen=True)
class BoxSource:
    """A source of person boxes for any frame.

    Attributes:
        label: the name in the record.
        kind: gt, detected or none.
        fingerprint: a hash or a version that changes whenever the boxes do.
        of: returns the boxes of a frame, in image pixels.
        notes: one sentence for each thing that was left out of the file or is odd about it.
    """

    label: str
    kind: BoxKind
    fingerprint: str
    of: Callable[[Frame], Boxes]
    notes: tuple[str, ...] = ()


def open_boxes(
    text: str, convention: Convention | None, min_score: float, data: str, frames: Iterable[Frame]
) -> BoxSource:
    """Open the box source that --boxes names.

    Args:
        text: gt, simulated, papers or file:F.
        convention: the box convention of a top-down model; None for a bottom-up model, which
            uses no boxes.
        min_score: the least score of detected boxes; annotated boxes have no score and stay.
        data: the name of the data set, as given to --data.
        frames: the frames of the data set.

    Raises:
        UsageError: if the source is unknown, or simulated boxes are asked for on photographs.
        DataError: if the file of detections is missing or damaged, or belongs to another data
            set.
    """
    kind, _, file = text.partition(":")
    if convention is None:
        return BoxSource("none", "none", "none", _no_boxes)
    if text == "gt":
        return BoxSource("gt", "gt", "gt", partial(_gt_boxes, convention=convention))
    if text == "simulated" and _is_drawn(data):
        source = BoxSource("simulated", "detected", simulated.VERSION, simulated.simulated_boxes)
    elif text == "simulated":
        raise UsageError(
            "--boxes simulated exists for --data sample only: on real images it would be mistaken "
            "for a detector. Use --boxes file:detections.json (COCO results format) or gt."
        )
    elif text == "papers":
        source = replace(_file_source(boxes_there(), frames), label="papers")
    elif kind == "file" and file:
        source = _file_source(with_home(file), frames)
    else:
        raise UsageError(
            f"--boxes {text!r} is no box source. Expected gt, simulated (for --data sample), "
            "papers (the file that `posemark get person-boxes` has fetched) or file:F, where F "
            "holds detections in the COCO results format."
        )
    return _at_least(source, min_score)


def _is_drawn(data: str) -> bool:
    kind = kind_of(data)
    return kind is not None and kind.own_boxes == "simulated"


def _no_boxes(_: Frame) -> Boxes:
    return NOBODY


def _at_least(source: BoxSource, min_score: float) -> BoxSource:
    return replace(source, of=partial(_scored, source.of, min_score))


def _scored(of: Callable[[Frame], Boxes], min_score: float, frame: Frame) -> Boxes:
    boxes = of(frame)
    keep = boxes.scores >= min_score
    return Boxes(boxes.boxes_xywh[keep], boxes.scores[keep], boxes.dropped)


def _gt_boxes(frame: Frame, convention: Convention) -> Boxes:
    """Return the boxes of people with a labelled key point, cleaned as in the official code."""
    truth = frame.truth
    posed = (truth.keypoints_xyv[..., 2] > 0).any(1) & ~truth.is_crowd
    annotated, areas = truth.boxes_xywh[posed], truth.areas[posed]
    boxes, usable = clean_gt_boxes(annotated, areas, frame.size_wh, convention)
    return Boxes(boxes[usable], np.ones(int(usable.sum())), int((~usable).sum()))


def _file_source(path: Path, frames: Iterable[Frame]) -> BoxSource:
    content = _read(path)
    found = _detections(path, content)
    sizes = {frame.image_id: frame.size_wh for frame in frames}
    if sizes.keys().isdisjoint(found.by_image):
        raise DataError(
            f"{path}: none of its images ({len(found.by_image)}) is in the data set, so these "
            "detections belong to another data set. Give a file that was made on these images."
        )
    known = {i: rows for i, rows in found.by_image.items() if i in sizes}
    notes = (*found.notes, *_notes(path, found.by_image, known, sizes))

    digest = hashlib.sha256(content).hexdigest()[:16]
    return BoxSource(f"file:{path.name}", "detected", digest, partial(_detected, known), notes)


def _detected(known: Mapping[int, Floats], frame: Frame) -> Boxes:
    rows = known.get(frame.image_id, np.zeros((0, 5)))
    usable = croppable(rows[:, :4], frame.size_wh)
    kept = rows[usable]
    return Boxes(kept[:, :4], kept[:, 4], int((~usable).sum()))


def _read(path: Path) -> bytes:
    try:
        return content_of(path)
    except (OSError, MisfitError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"{path}: cannot read the detections ({reason}). Expected a JSON file in "
            "the COCO results format."
        ) from error


class _Kind(msgspec.Struct):
    """The category of a row, which decides whether the row is read."""

    category_id: int | float


class _Detection(msgspec.Struct):
    """A detected person. A score may exceed 1 by the rounding of float32."""

    image_id: int | float
    bbox: Annotated[list[Annotated[float, Meta(ge=-1e6, le=1e6)]], Meta(min_length=4, max_length=4)]
    score: Annotated[float, Meta(ge=0, le=1.0001)]


class _Found(NamedTuple):
    """The boxes of a file: by_image holds (N, 5) x, y, w, h, score per image id, in file order."""

    by_image: dict[int, Floats]
    notes: tuple[str, ...]


@lru_cache(maxsize=1)  # the entries of a suite share one file
def _detections(path: Path, content: bytes) -> _Found:
    """Read the boxes of category 1 (person)."""
    try:
        every = indexed(decoded(content, list[msgspec.Raw]))
        kinds = decoded_entries(every, "detections", _Kind)
        mine = {index: raw for index, raw in every.items() if kinds[index].category_id == _PERSON}
        if not mine:
            raise MisfitError(f"no box of category {_PERSON} (person) among {len(every)}")
        people = decoded_entries(mine, "detections", _Detection)
        _require_whole(mine, people)
    except (NotJsonError, MisfitError) as error:
        raise DataError(_format_help(path, str(error))) from error
    others = len(every) - len(mine)
    left_out = f"{_boxes(others)} of another category than person in {path.name}: left out"
    return _Found(_grouped(list(people.values())), (left_out,) if others else ())


def _boxes(count: int) -> str:
    return counted(count, "box", "boxes")


def _require_whole(entries: Entries, people: dict[int, _Detection]) -> None:
    for index, one in people.items():
        if whole(one.image_id) is None:
            raise misfit("detections", index, entries[index], "its image_id must be a whole number")


def _grouped(people: list[_Detection]) -> dict[int, Floats]:
    values = np.array([(*one.bbox, one.score) for one in people], np.float64)
    images = np.array([int(one.image_id) for one in people], np.int64)
    order = np.argsort(images, kind="stable")
    distinct, starts = np.unique(images[order], return_index=True)
    return dict(zip(distinct.tolist(), np.split(values[order], starts[1:]), strict=True))


def _notes(
    path: Path,
    every: Mapping[int, Floats],
    known: Mapping[int, Floats],
    sizes: Mapping[int, tuple[int, int]],
) -> Iterator[str]:
    """Yield sentences on what is odd about the boxes as a whole.

    Raises:
        DataError: if the boxes cannot be x, y, width, height in pixels.
    """
    boxes = np.concatenate(list(known.values()))[:, :4]
    images_wh = np.concatenate([np.tile(sizes[i], (len(r), 1)) for i, r in known.items()])
    beyond = int((boxes[:, :2] + boxes[:, 2:] > _BEYOND * images_wh).any(1).sum())
    mostly = beyond > len(boxes) / 2
    if len(boxes) >= _FEWEST_JUDGED and np.abs(boxes).max() <= _SHARE:
        raise DataError(_form_help(path, f"no number above {_SHARE}: shares of the image"))
    if len(boxes) >= _FEWEST_JUDGED and mostly and (boxes[:, 2:] > boxes[:, :2]).all():
        corners = f"{beyond} of {_boxes(len(boxes))} beyond the edge of the image: two corners"
        raise DataError(_form_help(path, f"{corners} (x, y, x, y)"))
    others = len(every) - len(known)
    if others:
        rows = sum(map(len, every.values())) - len(boxes)
        images = counted(others, "image")
        yield f"{_boxes(rows)} of {images} that the data set does not list: left out"
    if mostly:
        total = _boxes(len(boxes))
        yield f"{beyond} of {total} beyond the edge of the image by more than 5% of its side"
    usable = sum(int(croppable(rows[:, :4], sizes[i]).sum()) for i, rows in known.items())
    if usable < len(boxes):
        yield f"{_boxes(len(boxes) - usable)} without size or outside the image: left out"


def _form_help(path: Path, what: str) -> str:
    return (
        f"{path}: expected boxes as x, y, width, height in pixels, but the file seems to hold "
        f"others: {what}. Convert the boxes, and export the file again."
    )


def _format_help(path: Path, what: str) -> str:
    return (
        f"{path}: expected COCO results, a JSON list of "
        '{"image_id": 139, "category_id": 1, "bbox": [x, y, w, h], "score": 0.9}, '
        f"but the file does not fit: {what}. Export the detections again in that form."
    )
