"""Provides the built-in data set `sample`: drawn scenes like COCO val2017, with exact truth.

It serves to try a device, a runtime or a pipeline without a download. Image sizes, people per
frame, their sizes and their visible parts follow COCO, so that the times measured here are close
to those on COCO. The people are drawings: accuracy on them says nothing about accuracy on
photographs.

The truth of frame `index` is a pure function of the index and equal on every machine: it is
derived from raw random bits and rounded to 0.01 px, which hides differences in the last bit of
sine and cosine between mathematics libraries. The pixels come from OpenCV and may differ
slightly between its versions.

The number of people per frame follows a low-discrepancy sequence through COCO's histogram,
because a run with a time budget only sees the first frames. With the offset 0.006, the best of
1000, the mean of the first n frames is within 0.6 of COCO's 1.27 for n >= 8, within 0.3 for
n >= 32 and within 0.1 for n >= 200 (tested up to 5000). The sequence is thus more regular than a
random draw of COCO frames and must not be used to estimate sampling errors.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial

import cv2
from numpy.random import Generator

from posemark.core.frame import Frame
from posemark.datasets import DataKind
from posemark.datasets._backdrop import Picture, draw_backdrop, draw_barrier, with_grain
from posemark.datasets._paint import paint_figure
from posemark.datasets._scene import Scene, compose, truth_of
from posemark.datasets._seeded import BRONZE, GOLDEN, generator, kronecker, pick

VERSION = "sample-1"
"""The version of the scenes; part of the fingerprint."""
_JPEG_QUALITY = 95

# COCO val2017, person key-point annotations: frames with 0, 1, ... 12, and 13 or more
# people with key points; the 20 most frequent image sizes (width, height, images).
_FRAMES_BY_PEOPLE = (2654, 1098, 454, 251, 145, 104, 72, 51, 43, 37, 32, 21, 18, 20)
_SIZES_WH = (
    *((640, 480, 576), (640, 427, 365), (480, 640, 168), (640, 426, 137), (500, 375, 130)),
    *((427, 640, 108), (640, 428, 93), (640, 425, 71), (612, 612, 61), (375, 500, 59)),
    *((426, 640, 48), (500, 333, 41), (428, 640, 32), (640, 640, 27), (425, 640, 26)),
    *((640, 424, 25), (640, 360, 24), (478, 640, 20), (333, 500, 19), (424, 640, 15)),
)


@dataclass(frozen=True)
class Sample:
    """A data set of drawn people.

    Attributes:
        size: the number of frames; frame i does not depend on it.
    """

    size: int = 500

    @property
    def name(self) -> str:
        """Return the name in records and reports."""
        return "sample"

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits that change with the scenes and their number."""
        return hashlib.sha256(f"{VERSION}:{self.size}".encode()).hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return no notes, as nothing is left out of the scenes."""
        return ()

    @property
    def photographs(self) -> bool:
        """Return that the frames are no photographs, so that AP says nothing about a model."""
        return False

    def frames(self) -> list[Frame]:
        """Return all frames; each one is drawn when its `read` is called."""
        return [_frame(index) for index in range(1, self.size + 1)]


def _frame(index: int) -> Frame:
    scene = _scene(index)
    return Frame(
        image_id=index,
        name=f"sample-{index:06d}.jpg",
        size_wh=scene.size_wh,
        read=partial(_draw_jpeg, index),
        truth=truth_of(scene, _rng(index, "labels")),
    )


@lru_cache(maxsize=512)  # needed for the truth, and again for drawing
def _scene(index: int) -> Scene:
    count = pick(kronecker(index, GOLDEN, 0.006), _FRAMES_BY_PEOPLE)
    size = pick(kronecker(index, BRONZE, 0.5), [images for _, _, images in _SIZES_WH])
    return compose(count, _SIZES_WH[size][:2], _rng(index, "people"))


@lru_cache(maxsize=512)  # the encoded frames of the default size: about 75 MB
def _draw_jpeg(index: int) -> bytes:
    picture = _draw(index, _scene(index))
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()


def _draw(index: int, scene: Scene) -> Picture:
    picture = draw_backdrop(scene.size_wh, _rng(index, "backdrop"))
    for place, person in enumerate(scene.people):
        rng = _rng(index, f"paint-{place}")
        paint_figure(picture, person.figure, rng)
        if person.barrier_xyxy is not None:
            draw_barrier(picture, person.barrier_xyxy, rng)
    return with_grain(picture, _rng(index, "grain"))


def _rng(index: int, what: str) -> Generator:
    return generator(f"{VERSION}:{index}:{what}")


def _open(_: str) -> Sample:
    return Sample()


KIND = DataKind(
    "sample",
    "sample (built-in scenes)",
    _open,
    "simulated",
    takes_place=False,
    photographs=False,
)
