"""Reads COCO key-point data in the standard layout.

It consists of DIR/annotations/person_keypoints_val2017.json and DIR/val2017/*.jpg, as
distributed on cocodataset.org (annotations CC BY 4.0). The annotations are checked against
declared types when they are loaded: an entry that makes no sense is refused and named, and a gap
that can be filled is noted.
"""

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from posemark.core.counting import counted
from posemark.core.errors import DataError
from posemark.core.frame import Frame, Truth
from posemark.core.places import with_home
from posemark.core.skeleton import COCO_17
from posemark.datasets import DataKind
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
from posemark.geometry.image_file import read_image

ANNOTATIONS = "annotations/person_keypoints_val2017.json"
IMAGES = "val2017"

AREA_OF_BOX = 0.53
"""Area of a person without `area`, as a share of the box area: the rule of xtcocotools.

The average of COCO's own people is 0.51.
"""

MOST_ENTRIES = 1_000_000
"""Most images, and most annotations. A million take 3 GB; train2017 has 0.12 and 0.27 million."""

_KEYPOINTS = 17
_SIDE = 1_000_000
_PERSON = 1

Number = int | float | str
Coordinate = Annotated[float, Meta(ge=-1e6, le=1e6)]


class _Category(msgspec.Struct):
    id: int | float
    name: str = ""


class _File(msgspec.Struct):
    images: list[msgspec.Raw]
    annotations: list[msgspec.Raw]
    categories: list[_Category] | None = None


class _Image(msgspec.Struct):
    id: Number
    file_name: str
    width: Number
    height: Number


class _Kind(msgspec.Struct):
    """The category of an annotation, which decides whether the rest of it is read."""

    category_id: int | float = _PERSON


class _Person(msgspec.Struct):
    image_id: Number
    keypoints: Annotated[list[Coordinate], Meta(min_length=51, max_length=51)]
    bbox: Annotated[list[Coordinate], Meta(min_length=4, max_length=4)]
    area: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    iscrowd: bool | Annotated[int, Meta(ge=0, le=1)] | None = None
    id: Number | None = None


class _Loaded(NamedTuple):
    frames: list[Frame]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Coco:
    """The images and people in one folder.

    The annotations are read on first use. DataError is raised then if they are missing, are not
    JSON, or are not COCO key points.

    Attributes:
        folder: the folder DIR of the layout.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Return the name in records and reports."""
        return "coco"

    @property
    def fingerprint(self) -> str:
        """Return the first 16 hex digits of the annotation file's SHA-256."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self._content).hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return one sentence for each thing that was left out or filled in."""
        return self._loaded.notes

    @property
    def photographs(self) -> bool:
        """Return that the frames are photographs, so that AP describes a model."""
        return True

    def frames(self) -> list[Frame]:
        """Return every image by ascending id, with or without people; none is decoded here."""
        return list(self._loaded.frames)

    @cached_property
    def _content(self) -> bytes:
        path = self.folder / ANNOTATIONS
        try:
            return content_of(path)
        except (OSError, MisfitError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(
                f"{path}: the annotations cannot be read ({reason}). Expected COCO's layout: "
                f"{ANNOTATIONS} and {IMAGES}/*.jpg in the folder given as coco:DIR. Download both "
                "from cocodataset.org, or use --data sample."
            ) from error

    @cached_property
    def _loaded(self) -> _Loaded:
        path = self.folder / ANNOTATIONS
        parsed = _parsed(path, self._content)
        try:
            return _loaded(parsed, self.folder / IMAGES)
        except MisfitError as error:
            raise DataError(
                f"{path}: expected COCO person key points (17 per person), but an entry does not "
                f"fit: {error}. {error.remedy}"
            ) from error


def _parsed(path: Path, content: bytes) -> _File:
    try:
        return decoded(content, _File)
    except NotJsonError as error:
        raise DataError(
            f"{path}: expected JSON, but it cannot be parsed ({error}). The file is truncated "
            "or damaged: download it again."
        ) from error
    except MisfitError as error:
        raise DataError(
            f"{path}: expected COCO annotations with 'images' and 'annotations', but the file "
            f"does not fit ({error}). Use {ANNOTATIONS} of COCO."
        ) from error


def _loaded(parsed: _File, folder: Path) -> _Loaded:
    for place, entries in (("images", parsed.images), ("annotations", parsed.annotations)):
        if len(entries) > MOST_ENTRIES:
            raise MisfitError(f"{place} has {len(entries):,} entries, more than {MOST_ENTRIES:,}")
    images = _images(parsed.images)
    people, others = _people(parsed)
    _require_listed(people, images)
    by_image: dict[int, list[_Person]] = defaultdict(list)
    for person in people:
        by_image[_id(person.image_id)].append(person)
    frames = [
        Frame(image_id, image.file_name, size, partial(_read, folder / image.file_name), truth)
        for image_id, image in sorted(images.items())
        for size, truth in [(_size_wh(image), _truth(by_image[image_id]))]
    ]
    return _Loaded(frames, tuple(_notes(images.values(), people, others, len(parsed.annotations))))


# ------------------------------------------------------------------------------- images


def _images(entries: Sequence[msgspec.Raw]) -> dict[int, _Image]:
    """Return the images by their ids.

    Raises:
        MisfitError: if an image is listed twice, is outside the folder, or has no id or size.
    """
    found: dict[int, _Image] = {}
    for index, image in decoded_entries(indexed(entries), "images", _Image).items():
        problem = _problem(image, found)
        if problem:
            raise misfit("images", index, entries[index], problem)
        found[_id(image.id)] = image
    if not found:
        raise MisfitError("it lists no image")
    return found


def _problem(image: _Image, before: dict[int, _Image]) -> str:
    """Return why an image cannot be used; "" if it can."""
    if isinstance(image.id, str) or whole(image.id) is None:
        return f"its id must be a whole number, not {image.id!r}"
    if _id(image.id) in before:
        return f"id {_id(image.id)} is listed twice, so its frame would count twice"
    if not all(1 <= (whole(side) or 0) <= _SIDE for side in (image.width, image.height)):
        return f"width and height must be whole numbers from 1 to {_SIDE}"
    parts = PurePosixPath(image.file_name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in image.file_name:
        return f"file_name must be the path of a file inside {IMAGES}/"
    return ""


def _size_wh(image: _Image) -> tuple[int, int]:
    width, height = (whole(side) or 0 for side in (image.width, image.height))
    return width, height


def _id(value: Number) -> int:
    """Convert an id, which was checked before, to an integer."""
    return int(value)


# ------------------------------------------------------------------------------- people


def _people(parsed: _File) -> tuple[list[_Person], int]:
    """Return the people, and the number of annotations of other categories.

    Raises:
        MisfitError: if an entry does not describe a person or is listed twice, or if there are
            annotations but no people.
    """
    person, place = _person_category(parsed.categories or []), "annotations"
    every = indexed(parsed.annotations)
    kinds = decoded_entries(every, place, _Kind)
    mine = {index: raw for index, raw in every.items() if kinds[index].category_id == person}
    if kinds and not mine:
        raise MisfitError(f"no annotation of category {person} (person) among {len(kinds)}")
    people = decoded_entries(mine, place, _Person)
    for index, one in people.items():
        if not set(one.keypoints[2::3]) <= {0, 1, 2}:
            problem = "the visibility of a key point must be 0, 1 or 2"
            raise misfit(place, index, mine[index], problem)
    _require_once(mine)
    _require_areas(people.values())
    return list(people.values()), len(kinds) - len(mine)


def _person_category(categories: list[_Category]) -> float:
    """Return the id of the category named person, else of the only category, else COCO's 1."""
    named = [c.id for c in categories if c.name.lower() == "person"]
    only = [c.id for c in categories] if len(categories) == 1 else []
    return (*named, *only, _PERSON)[0]


def _require_once(entries: Entries) -> None:
    """Refuse an entry that is listed twice: one of the two people could never be matched."""
    first: dict[bytes, int] = {}
    for index, entry in entries.items():
        before = first.setdefault(bytes(entry), index)
        if before != index:
            raise misfit("annotations", index, entry, f"annotations[{before}] is the same")


def _require_areas(people: Iterable[_Person]) -> None:
    """Refuse areas that are all 0: no box could be cropped, and no pose could be matched."""
    posed = _posed(people)
    if posed and all(person.area == 0 for person in posed):
        whom = counted(len(posed), "person with key points has", "people with key points all have")
        raise MisfitError(
            f"{whom} area 0, so that no box can be cropped and no pose can be matched",
            f"Leave 'area' out; it is taken as {AREA_OF_BOX} of the box's area then.",
        )


def _posed(people: Iterable[_Person]) -> list[_Person]:
    """Return the people with labelled key points, without crowds."""
    return [person for person in people if any(person.keypoints[2::3]) and not person.iscrowd]


def _require_listed(people: list[_Person], images: dict[int, _Image]) -> None:
    lost = [p.image_id for p in people if isinstance(p.image_id, str) or p.image_id not in images]
    if lost:
        text = ", as text where the ids of images are numbers" if isinstance(lost[0], str) else ""
        what = counted(
            len(lost),
            "annotation names an image that is not listed",
            "annotations name images that are not listed",
        )
        raise MisfitError(f"{what}; the first image_id is {lost[0]!r}{text}")


def _truth(people: list[_Person]) -> Truth:
    return Truth(
        np.array([p.keypoints for p in people], np.float64).reshape(len(people), _KEYPOINTS, 3),
        np.array([p.bbox for p in people], np.float64).reshape(len(people), 4),
        np.array([_area(p) for p in people], np.float64),
        np.array([bool(p.iscrowd) for p in people], bool),
        COCO_17,
    )


def _area(person: _Person) -> float:
    if person.area is not None:
        return person.area
    return AREA_OF_BOX * max(person.bbox[2], 0) * max(person.bbox[3], 0)


# -------------------------------------------------------------------------------- notes


def _notes(
    images: Iterable[_Image], people: list[_Person], others: int, annotations: int
) -> Iterator[str]:
    """Return sentences on what was left out or filled in."""
    ids = [p.id for p in people if p.id is not None]
    files = [image.file_name for image in images]
    areas, flags = [p.area for p in people], [p.iscrowd for p in people]
    found = (
        (others, "annotation", "annotations", f" of {annotations} of another category: left out"),
        (areas.count(None), *_WITHOUT, f" no area: taken as {AREA_OF_BOX} of the box's"),
        (flags.count(None), *_WITHOUT, " no iscrowd: taken as 0"),
        (
            sum(p.area == 0 for p in _posed(people)),
            *_WITHOUT,
            " area 0: no ground-truth box is made, and no pose can match",
        ),
        (_repeated(ids), "annotation has", "annotations have", " the id of another: all are kept"),
        (_repeated(files), "image has", "images have", " the file of another: all are kept"),
    )
    return (counted(count, one, many) + text for count, one, many, text in found if count)


_WITHOUT = ("person has", "people have")


def _repeated(values: Sequence[Hashable]) -> int:
    """Return how many of the values have occurred before."""
    return len(values) - len(set(values))


def _read(path: Path) -> bytes:
    return read_image(
        path,
        "the annotations name this image",
        "Download it, or run on the images you have with a shorter annotation file.",
    )


def _open(place: str) -> Coco:
    from posemark.datasets.published_data import coco_there  # which names the files of this module

    return Coco(with_home(place) if place else coco_there())


KIND = DataKind(
    "coco",
    "coco:DIR, where DIR holds annotations/person_keypoints_val2017.json and val2017/, or coco for "
    "the data that `posemark get coco-val2017` has fetched",
    _open,
    "papers",
)
