"""Takes frames from a camera that is connected to this machine; nobody is annotated in them.

The run waits for each picture outside the clock, and decodes it inside. The frames are thus those
that a live application would see, but no two runs see the same ones.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from posemark.core.errors import DataError, FrameError, UsageError
from posemark.core.frame import Encoded, Frame
from posemark.datasets import DataKind
from posemark.datasets._unannotated import NO_TRUTH
from posemark.video.camera import Camera

FRAMES = 1000
"""Frames of one pass. A run may take fewer (--limit) or repeat the pass (--mode sustained)."""


@dataclass(frozen=True)
class LiveCamera:
    """The next pictures of a camera.

    Attributes:
        number: the number of the camera, from 0.
    """

    number: int

    @property
    def name(self) -> str:
        """Return the name in records and reports."""
        return "camera"

    @property
    def fingerprint(self) -> str:
        """Return 16 hex digits for this camera at this size; its pictures have none."""
        width, height = self._size_wh
        text = f"camera-{self.number}-{width}x{height}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return no notes, as nothing is left out."""
        return ()

    @property
    def photographs(self) -> bool:
        """Return that the frames are photographs, for which trained weights are made."""
        return True

    def frames(self) -> list[Frame]:
        """Return the frames of one pass, numbered from 1; each is taken when it is read.

        Raises:
            DataError: if there is no such camera.
        """
        read = partial(_next_picture, self.number)
        return [
            Frame(number, f"camera-{self.number}#{number}", self._size_wh, read, NO_TRUTH)
            for number in range(1, FRAMES + 1)
        ]

    @cached_property
    def _size_wh(self) -> tuple[int, int]:
        """The size of its pictures. The camera is released, because a worker may take them."""
        camera = Camera(self.number)
        try:
            camera.wait()
            height, width = camera.picture().shape[:2]
        except FrameError as error:
            raise DataError(str(error)) from error
        finally:
            camera.close()
        return width, height


def _next_picture(number: int) -> Encoded:
    camera = _camera(number)
    camera.wait()
    return camera.picture


@lru_cache(maxsize=1)  # a camera can be opened once only
def _camera(number: int) -> Camera:
    return Camera(number)


def _open(place: str) -> LiveCamera:
    if not (place.isascii() and place.isdecimal() and len(place) <= 4):
        raise UsageError(
            f"--data camera:{place}: expected the number of a camera, such as camera:0. Cameras "
            "are numbered from 0."
        )
    return LiveCamera(int(place))


KIND = DataKind(
    "camera",
    "camera:N (a connected camera, from 0; nobody is annotated)",
    _open,
    annotated=False,
    any_order=False,
)
