"""The stage "detect" of a pipeline, which provides the person boxes of an image.

Boxes that are known beforehand (from annotations or a file) take no time. A detector looks at the
image, and the run records its time under `detect`.
"""

from dataclasses import dataclass
from typing import Protocol

from posemark.core.frame import Boxes, Moment, Poses
from posemark.geometry.crop import Image


class People(Protocol):
    """A provider of person boxes."""

    @property
    def looks(self) -> bool:
        """Whether it looks at the image. If not, its boxes are known beforehand."""
        ...

    @property
    def remembers(self) -> bool:
        """Whether what it finds depends on earlier frames, as it does if people are followed.

        Frames can then only be processed one after the other.
        """
        ...

    def find(self, image_bgr: Image, given: Boxes, moment: Moment | None) -> Boxes:
        """Return the person boxes for the network.

        It changes nothing, so that a run may call it outside the clock before it calls it inside.

        Args:
            image_bgr: (H, W, 3) uint8.
            given: the boxes that came with the frame, from annotations or a file.
            moment: the place of the frame in its clip; None if the frames are one stream, or if
                each stands alone.

        Returns:
            Person boxes in image pixels.
        """
        ...

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:
        """Take note of the poses of a frame; called once per frame, in the order of the frames.

        Args:
            boxes: the boxes that `find` has returned for the frame.
            poses: what the network found in these boxes.
            moment: as in `find`.

        Returns:
            The poses; with ids, if people are followed.
        """
        ...


@dataclass(frozen=True)
class GivenBoxes:
    """Provides the boxes that came with the frame; there are none for a bottom-up model."""

    looks: bool = False
    remembers: bool = False

    def find(
        self,
        image_bgr: Image,  # noqa: ARG002 (it does not look)
        given: Boxes,
        moment: Moment | None,  # noqa: ARG002
    ) -> Boxes:
        """Return the given boxes."""
        return given

    def saw(self, boxes: Boxes, poses: Poses, moment: Moment | None) -> Poses:  # noqa: ARG002
        """Return the poses unchanged, because nobody is followed."""
        return poses


@dataclass(frozen=True)
class Remembering:
    """Part of a provider that wraps another one and takes note of the poses in every frame.

    Attributes:
        people: provides the person boxes of every frame.
    """

    people: People

    @property
    def looks(self) -> bool:
        """Whether the people that it wraps look at the image."""
        return self.people.looks

    @property
    def remembers(self) -> bool:
        """Always True: what it returns depends on the frames before."""
        return True

    def find(self, image_bgr: Image, given: Boxes, moment: Moment | None) -> Boxes:
        """Return the boxes of the people that it wraps."""
        return self.people.find(image_bgr, given, moment)


GIVEN = GivenBoxes()
