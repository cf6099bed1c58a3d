"""Turns annotated images into clips: a simulated camera pans, zooms and rolls over each of them.

The pixels are real, and the truth of every frame is exact, which no annotated video offers. The
people themselves do not move. That makes these clips a test of stability: whatever a model's
key points do beside the motion of the camera is its own tremble.

The frames are rendered outside the clock and handed over as raw pixels, as by a camera that
compresses nothing. The stage `decode` therefore takes next to nothing.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import cv2
import numpy as np

from posemark.core.errors import DataError
from posemark.core.frame import Encoded, Floats, Frame, Image, Moment
from posemark.datasets import DataKind, Dataset, coco
from posemark.datasets._moving_camera import camera_path, carried_truths
from posemark.geometry.crop import image_of

VERSION = "motion-1"
"""The version of the camera's paths and of the sampling; part of the fingerprint."""

CLIP_FRAMES = 30
"""Frames of a clip."""

FPS = 30.0
"""Frames per second."""

_STILLS = 4
"""Decoded images that are kept. Each serves the frames of a clip, one after the other."""


@dataclass(frozen=True)
class Motion:
    """The images with people of another data set, each as a clip.

    Attributes:
        still: the data set of images.
        name: the name in records and reports.
    """

    still: Dataset
    name: str

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits that change with the annotations, and with the camera's paths."""
        return hashlib.sha256(f"{VERSION}:{self.still.fingerprint}".encode()).hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was left out of the annotations or filled in."""
        return self.still.notes

    @property
    def photographs(self) -> bool:
        """Return whether the images are photographs, so that AP describes a model."""
        return self.still.photographs

    def frames(self) -> list[Frame]:
        """Return the frames of all clips, numbered from 1; each is rendered when it is read.

        Raises:
            DataError: if the annotations cannot be read, or no image has a person.
        """
        return list(self._frames)

    @cached_property
    def _frames(self) -> list[Frame]:
        people = [still for still in self.still.frames() if not still.truth.is_crowd.all()]
        if not people:
            raise DataError(
                f"{self.name}: expected images with annotated people, which become clips, but "
                "nobody is annotated. Name another data set."
            )
        clips = (frame for clip, still in enumerate(people) for frame in _clip(clip, still))
        return list(clips)


@dataclass(frozen=True, eq=False)
class _Still:
    """An image of a clip, equal only to itself, so that its pixels can be kept."""

    frame: Frame


def _clip(number: int, frame: Frame) -> Iterator[Frame]:
    """Yield the frames of one clip; number counts the clips from 0."""
    still, times_s = _Still(frame), np.arange(CLIP_FRAMES) / FPS
    affines = camera_path(f"{VERSION}:{frame.image_id}", frame.size_wh, times_s)
    truths = carried_truths(frame.truth, affines, frame.size_wh)
    for index, (affine, truth) in enumerate(zip(affines, truths, strict=True)):
        yield Frame(
            image_id=number * CLIP_FRAMES + index + 1,
            name=f"{frame.name}#{index}",
            size_wh=frame.size_wh,
            read=partial(_render, still, affine),
            truth=truth,
            moment=Moment(number + 1, index, float(times_s[index]), affine),
        )


def _render(still: _Still, affine: Floats) -> Encoded:
    """Sample the still image as the camera sees it.

    Bicubic sampling keeps the sharpness nearly equal at all fractions of a pixel; with bilinear
    sampling a slow pan would blur and sharpen the image in turns. Beyond the edge, where only the
    outermost taps of the filter reach, the image is mirrored.

    Raises:
        FrameError: if the image cannot be read or decoded.
    """
    image = cv2.warpAffine(
        _pixels(still),
        affine,
        still.frame.size_wh,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return partial(_as_it_is, image.astype(np.uint8, copy=False))


def _as_it_is(image: Image) -> Image:
    return image


@lru_cache(maxsize=_STILLS)
def _pixels(still: _Still) -> Image:
    return image_of(still.frame)


def _open(place: str) -> Motion:
    return Motion(coco.KIND.open(place), "motion")


KIND = DataKind(
    "motion",
    "motion:DIR (the images with people of coco:DIR, each as a clip under a moving camera), or "
    "motion for those of the data that `posemark get coco-val2017` has fetched",
    _open,
)
