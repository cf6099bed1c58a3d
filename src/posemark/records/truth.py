"""Reads and writes the annotations beside records, in COCO's format.

With them a report needs no file from outside the run folder.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from posemark.core.errors import RecordError, RunError
from posemark.core.places import is_file, write_whole
from posemark.records.lines import UNREADABLE, in_short
from posemark.records.schema import KEYPOINTS, Coordinate, Count, Identifier, Keypoints, Positive

LARGEST = 2**29
"""Most bytes of a truth file; COCO's 118,000 training images have two fifths of it."""

Area = Annotated[float, Meta(ge=0, le=1e18)]
LabelledPoints = Annotated[int, Meta(ge=0, le=KEYPOINTS)]
Category = Literal[1]
"""The id of the person, the only category of a truth file."""

AnnotationId = Annotated[int, Meta(ge=1, le=2**53)]
"""The id of an annotation. COCO's evaluation takes 0 for "matched to nobody"."""


_ZOOM = 1e6
"""Most by which a camera enlarges or reduces the area of an image."""

AffineRow = Annotated[list[Coordinate], Meta(min_length=3, max_length=3)]


class Image(msgspec.Struct, frozen=True, omit_defaults=True):
    """One image; width and height are in pixels.

    Attributes:
        id: the id of the image.
        file_name: its name.
        width: in pixels.
        height: in pixels.
        clip: the number of the clip that it is a frame of; None if it stands alone, as in all
            older files. The next two fields are present with it.
        index: the number of the frame in its clip, from 0.
        time_s: seconds since the first frame of the clip.
        from_still: 2 x 3 affine from the still image of a simulated camera to this frame.
    """

    id: Identifier
    file_name: str
    width: Positive
    height: Positive
    clip: Identifier | None = None
    index: Count | None = None
    time_s: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    from_still: Annotated[list[AffineRow], Meta(min_length=2, max_length=2)] | None = None

    def __post_init__(self) -> None:
        """Require the place in a clip completely or not at all, and a camera that can be undone.

        Raises:
            ValueError: if a part of it is missing, or if the camera puts the image on a line, or
                far beyond what any camera sees.
        """
        place = (self.clip, self.index, self.time_s)
        known = [each is not None for each in place]
        if any(known) != all(known) or (self.from_still is not None and not all(known)):
            raise ValueError(f"image {self.id} has only a part of clip, index and time_s")
        if self.from_still is not None:
            (a, b, _), (c, d, _) = self.from_still
            if not 1 / _ZOOM <= abs(a * d - b * c) <= _ZOOM:
                raise ValueError(f"image {self.id} has a from_still that is no view of a camera")


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """One annotated person, in image pixels.

    Attributes:
        id: the id of the annotation, from 1.
        image_id: the id of the image.
        category_id: always that of the person.
        bbox: x, y, width, height.
        area: the area of the segment, px^2.
        iscrowd: 1 for a group of people, else 0.
        keypoints: 17 times x, y, visibility (0, 1 or 2).
        num_keypoints: the number of key points with a visibility above 0.
        track_id: who it is in the frames of its clip; None if the images stand alone.
    """

    id: AnnotationId
    image_id: Identifier
    category_id: Category
    bbox: Annotated[list[Coordinate], Meta(min_length=4, max_length=4)]
    area: Area
    iscrowd: Annotated[int, Meta(ge=0, le=1)]
    keypoints: Keypoints
    num_keypoints: LabelledPoints
    track_id: Identifier | None = None

    def __post_init__(self) -> None:
        """Require that num_keypoints is the number of labelled key points.

        Raises:
            ValueError: if it is not.
        """
        labelled = sum(visibility > 0 for visibility in self.keypoints[2::3])
        if labelled != self.num_keypoints:
            raise ValueError(f"num_keypoints is {self.num_keypoints}, but {labelled} are labelled")


class Kind(msgspec.Struct, frozen=True):
    """The category of the annotations; keypoints are the names of the key points, in order."""

    id: Category
    name: str
    keypoints: Annotated[list[str], Meta(min_length=KEYPOINTS, max_length=KEYPOINTS)]


class Truth(msgspec.Struct, frozen=True):
    """A truth file: every image of the data set, and all people annotated in them."""

    images: list[Image]
    annotations: list[Person]
    categories: Annotated[list[Kind], Meta(min_length=1, max_length=1)]

    def __post_init__(self) -> None:
        """Require unique ids and places in clips, and every person in an image of the file.

        Raises:
            ValueError: if this is not so.
        """
        images = _unique("images", [image.id for image in self.images])
        _unique("annotations", [person.id for person in self.annotations])
        lost = next((p for p in self.annotations if p.image_id not in images), None)
        if lost:
            raise ValueError(f"annotation {lost.id} names image {lost.image_id}, which is not here")
        _require_once("images", "clip and index", ((i.clip, i.index) for i in self.images))
        tracks = ((p.image_id, p.track_id) for p in self.annotations)
        _require_once("annotations", "image and track_id", tracks)


def _require_once(what: str, fields: str, places: Iterable[tuple[object, object]]) -> None:
    """Refuse two entries with equal fields; None in a field does not count."""
    known = [place for place in places if None not in place]
    if len(set(known)) < len(known):
        raise ValueError(f"two of the {what} have the same {fields}")


def _unique(what: str, ids: Sequence[int]) -> set[int]:
    found = set(ids)
    if len(found) < len(ids):
        raise ValueError(f"two of the {what} have the same id")
    return found


def read(path: Path) -> dict[str, Any]:
    """Read a truth file into the form that COCO's tools take.

    Raises:
        RecordError: if the path is no regular file, or its content is not a truth file.
    """
    try:
        if not is_file(path):
            raise RecordError(_unreadable(path, "there is no regular file at this path"))
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
    """Write annotations beside records, unless there is a readable truth file already.

    Args:
        truth: the annotations in COCO's format (score.coco.truth_json).
        path: the file.

    Raises:
        RecordError: if the annotations could not be read back; nothing is written then.
        RunError: if the file cannot be written, for example because the disk is full.
    """
    if _readable(path):
        return
    content = encoded(truth, path)
    try:
        write_whole(path, content)
    except OSError as error:
        raise RunError(
            f"{path}: the annotations cannot be written beside the records ({error.strerror}). "
            "Make room or correct the permissions, or choose another --out folder."
        ) from error


def encoded(truth: dict[str, Any], path: Path) -> bytes:
    """Return the content of a truth file.

    Args:
        truth: the annotations in COCO's format (score.coco.truth_json).
        path: the file, for the message.

    Raises:
        RecordError: if the annotations could not be read back.
    """
    content = json.dumps(truth).encode()
    try:
        msgspec.json.decode(content, type=Truth)
    except UNREADABLE as error:
        raise RecordError(
            f"{path}: the annotations of this data cannot be kept beside the records, because "
            f"they contain values that cannot be scored ({in_short(error)}). Correct the "
            "annotations, then run again."
        ) from error
    return content


def _readable(path: Path) -> bool:
    try:
        read(path)
    except RecordError:
        return False
    return True


def _unreadable(path: Path, why: str) -> str:
    return (
        f"{path}: the annotations that belong to these records cannot be read ({why}). Keep the "
        "files of a run folder together, or run again to write them anew."
    )
