"""Writes the boxes of a person detector as COCO results, which --boxes file:FILE reads."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from posemark.core.errors import UsageError
from posemark.core.places import require_place, write_whole
from posemark.records import shards
from posemark.records.schema import BoxRow
from posemark.run.detection import named

_PERSON = 1
"""COCO's number of the category person."""

_REMEDY = "Give --save-boxes another file."


def require_possible(path: Path, boxes: str | None) -> None:
    """Check, before any work, that boxes can be saved.

    Args:
        path: the file.
        boxes: the value of --boxes.

    Raises:
        UsageError: if no detector finds the boxes, or the file cannot be written.
    """
    if named(boxes) is None:
        raise UsageError(
            f"--save-boxes {path} only applies with --boxes detector:NAME, because other boxes are "
            "in a file already. Add --boxes detector:NAME, or leave --save-boxes out."
        )
    require_place(path, _REMEDY)


def save(path: Path, records: Iterable[Path]) -> int:
    """Write the boxes that were used, of every image that was measured.

    The entries of a run share one detector, so an image has the same boxes in all records.

    Args:
        path: the file, which is replaced.
        records: the records of the run; those of bottom-up models and of @gt entries have no
            boxes of a detector.

    Returns:
        The number of boxes.

    Raises:
        RecordError: if a record cannot be read.
        UsageError: if the file cannot be written.
    """
    found = {image_id: rows for each in records for image_id, rows in _used(each)}
    results = [
        {"image_id": image_id, "category_id": _PERSON, "bbox": row[:4], "score": row[4]}
        for image_id, rows in sorted(found.items())
        for row in rows
    ]
    try:
        write_whole(path, msgspec.json.encode(results))
    except OSError as error:
        raise UsageError(
            f"{path}: the boxes cannot be saved ({error.strerror}). {_REMEDY}"
        ) from error
    return len(results)


def _used(path: Path) -> Iterable[tuple[int, list[BoxRow]]]:
    record = shards.read(path)
    return ((line.image_id, line.found[: line.boxes]) for line in record.good if line.found)
