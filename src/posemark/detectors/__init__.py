"""Person detectors: they look at an image and find the boxes of its people.

Most detectors are model files, which a card describes (`network` runs them). A detector that needs
no file is a module of this folder with a BuiltIn as DETECTOR; a folder scan collects them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from posemark.core.frame import Boxes, Image
from posemark.core.scan import modules_in

MIN_SCORE = 0.1
"""Default of the least score of a box that is used. Below it, most boxes hold nobody; above it,
people are lost, and with them AP (docs/detectors.md has both in figures)."""

MOST_PEOPLE = 20
"""Default of the most boxes per image: COCO's evaluation of key points counts 20 people."""


class Detector(Protocol):
    """A person detector that is ready to run."""

    def detect(self, image_bgr: Image) -> Boxes:
        """Return the boxes of the people in an image (H, W, 3), in its pixels and clipped to it.

        Returns:
            The boxes with their scores in 0..1, the best first; each has a size. There are none if
            nobody is found.

        Raises:
            FrameError: if the image or the outputs of the network cannot be used.
        """
        ...


@dataclass(frozen=True)
class BuiltIn:
    """A detector that needs no file.

    Attributes:
        name: what --boxes detector:NAME calls it.
        says: what it is, in a few words for lists.
        licence: the licence of its code.
        runtime: the library that runs it.
        version: returns what identifies its results, such as the version of the library.
        size: the default of the longest side in pixels to which images are reduced.
        unavailable: returns why it cannot run here, with the remedy; "" if it can.
        open: makes it ready, for images with at most this longest side in pixels.
    """

    name: str
    says: str
    licence: str
    runtime: str
    version: Callable[[], str]
    size: int
    unavailable: Callable[[], str]
    open: Callable[[int], Detector]


@cache
def built_in() -> dict[str, BuiltIn]:
    """Return every detector that needs no file, by name."""
    found = (getattr(module, "DETECTOR", None) for module in modules_in(__name__, __path__))
    return {each.name: each for each in found if isinstance(each, BuiltIn)}
