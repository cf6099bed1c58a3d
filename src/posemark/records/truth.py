"""Annotations beside records, in COCO's format: a report needs nothing from elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from posemark.core.errors import RecordError, RunError
from posemark.core.places import write_whole
from posemark.records.files import UNREADABLE, in_short
from posemark.records.schema import KEYPOINTS, Coordinate, Identifier, Keypoints, Positive

LARGEST = 2**30
"""Bytes; the annotations of COCO's 118,000 training images are a fifth of it."""

Area = Annotated[float, Meta(ge=0, le=1e18)]
LabelledPoints = Annotated[int, Meta(ge=0, le=KEYPOINTS)]
Category = Literal[1]
"""The only category of a truth file is the person."""


class Image(msgspec.Struct, frozen=True):
    """One image. width, height: pixels."""

    id: Identifier
    file_name: str
    width: Positive
    height: Positive


class Person(msgspec.Struct, frozen=True):
    """One annotated person.

    bbox: x, y, w, h and keypoints: x, y, visibility 17 times, in image pixels. area: px^2 of
    the segment. num_keypoints: those with a visibility above 0.
    """

    id: Identifier
    image_id: Identifier
    category_id: Category
    bbox: Annotated[list[Coordinate], Meta(min_length=4, max_length=4)]
    area: Area
    iscrowd: Annotated[int, Meta(ge=0, le=1)]
    keypoints: Keypoints
    num_keypoints: LabelledPoints

    def __post_init__(self) -> None:
        """The count must be that of the key points."""
        labelled = sum(visibility > 0 for visibility in self.keypoints[2::3])
        if labelled != self.num_keypoints:
            raise ValueError(f"num_keypoints is {self.num_keypoints}, but {labelled} are labelled")


class Kind(msgspec.Struct, frozen=True):
    """What is annotated. keypoints: their names, in order."""

    id: Category
    name: str
    keypoints: Annotated[list[str], Meta(min_length=KEYPOINTS, max_length=KEYPOINTS)]


class Truth(msgspec.Struct, frozen=True):
    """A truth file: every image of the data, and everybody annotated in them."""

    images: list[Image]
    annotations: list[Person]
    categories: Annotated[list[Kind], Meta(min_length=1, max_length=1)]

    def __post_init__(self) -> None:
        """Ids occur once, and people are in images of the file."""
        images = _unique("images", [image.id for image in self.images])
        _unique("annotations", [person.id for person in self.annotations])
        lost = next((p for p in self.annotations if p.image_id not in images), None)
        if lost:
            raise ValueError(f"annotation {lost.id} names image {lost.image_id}, which is not here")


def _unique(what: str, ids: Sequence[int]) -> set[int]:
    found = set(ids)
    if len(found) < len(ids):
        raise ValueError(f"two of the {what} have the same id")
    return found


def read(path: Path) -> dict[str, Any]:
    """A truth file as COCO's tools take it.

    Raises:
        RecordError: if it is no regular file, or holds something else.
    """
    try:
        if not path.is_file():
            raise RecordError(_unreadable(path, "no regular file is there"))
        if path.stat().st_size > LARGEST:
            raise RecordError(_unreadable(path, f"it has more than {LARGEST} bytes"))
        truth = msgspec.json.decode(path.read_bytes(), type=Truth)
    except OSError as error:
        raise RecordError(_unreadable(path, str(error.strerror))) from error
    except UNREADABLE as error:
        raise RecordError(_unreadable(path, in_short(error))) from error
    found: dict[str, Any] = msgspec.to_builtins(truth)
    return found


def write(truth: dict[str, Any], path: Path) -> None:
    """Keep annotations beside records; those that are there and can be read stay.

    Raises:
        RecordError: if they could not be read back; then nothing is written.
        RunError: if the system refuses, as on a full disk.
    """
    if _readable(path):
        return
    content = json.dumps(truth).encode()
    try:
        msgspec.json.decode(content, type=Truth)
    except UNREADABLE as error:
        raise RecordError(
            f"{path}: the annotations of this data cannot be kept beside the records, since they "
            f"hold what cannot be scored ({in_short(error)}). Mend the annotations, then run again."
        ) from error
    try:
        write_whole(path, content)
    except OSError as error:
        raise RunError(
            f"{path}: the annotations cannot be written beside the records ({error.strerror}). "
            "Make room or mend the permissions, or choose another --out folder."
        ) from error


def _readable(path: Path) -> bool:
    try:
        read(path)
    except RecordError:
        return False
    return True


def _unreadable(path: Path, why: str) -> str:
    return (
        f"{path}: the annotations that belong to these records cannot be read ({why}). Keep the "
        "files of a run folder together, or run again: they are made anew."
    )
