"""The stage "detect" of a pipeline, which provides the person boxes of an image.

Boxes that are known beforehand (from annotations or a file) take no time. A detector looks at the
image, and the run records its time under `detect`.
"""

from dataclasses import dataclass
from typing import Protocol

from posemark.core.frame import Boxes
from posemark.geometry.crop import Image


class People(Protocol):
    """A provider of person boxes."""

    @property
    def looks(self) -> bool:
        """Whether it looks at the image. If not, its boxes are known beforehand."""
        ...

    def find(self, image_bgr: Image, given: Boxes) -> Boxes:
        """Return the person boxes for the network.

        Args:
            image_bgr: (H, W, 3) uint8.
            given: the boxes that came with the frame, from annotations or a file.

        Returns:
            Person boxes in image pixels.
        """
        ...


@dataclass(frozen=True)
class GivenBoxes:
    """Provides the boxes that came with the frame; there are none for a bottom-up model."""

    looks: bool = False

    def find(self, image_bgr: Image, given: Boxes) -> Boxes:  # noqa: ARG002 (it does not look)
        """Return the given boxes."""
        return given


GIVEN = GivenBoxes()
