"""The stage "detect": where the people of an image are, found inside the clock.

Boxes that are known before the frame (annotations, a file) cost nothing here; a detector looks
at the image, and its time is booked under `detect`.
"""

from dataclasses import dataclass
from typing import Protocol

from posemark.core.frame import Boxes
from posemark.geometry.crop import Image


class People(Protocol):
    """Where the people of an image are."""

    @property
    def looks(self) -> bool:
        """Whether it looks at the image; if not, its answer is known before the frame."""
        ...

    def find(self, image_bgr: Image, given: Boxes) -> Boxes:
        """The boxes that the network is to see.

        Args:
            image_bgr: (H, W, 3) uint8.
            given: boxes that came with the frame, from annotations or a file.

        Returns:
            Person boxes in image pixels.
        """
        ...


@dataclass(frozen=True)
class GivenBoxes:
    """The boxes that come with the frame; none for a network that sees the whole image."""

    looks: bool = False

    def find(self, image_bgr: Image, given: Boxes) -> Boxes:  # noqa: ARG002 (it does not look)
        """The given boxes."""
        return given


GIVEN = GivenBoxes()
