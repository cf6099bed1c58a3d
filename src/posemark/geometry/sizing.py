"""Whole images -> network inputs of bottom-up models: sizes, affines, and the way back.

HigherHRNet and DEKR keep the aspect of the image, bring its short side to the input size
and round the long side up to 64 pixels; what the rounding adds is black. The affine is
HRNet's, with the whole image in place of a padded person box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput
from posemark.geometry import affine
from posemark.geometry.boxes import SCALE_UNIT
from posemark.geometry.conventions import HRNET

# Both networks halve the image five times; their code rounds to one step more.
_MULTIPLE = 64


@dataclass(frozen=True)
class ShortSide:
    """The size rule of HigherHRNet and DEKR (core.grouping.Sizing).

    input_size: of the short side at scale 1, in pixels; the long side follows.
    smallest_counts: True rounds to 64 at the smallest scale of the run, so that the input at
        scale 1 depends on the other scales (HigherHRNet); False always at scale 1 (DEKR).
    """

    input_size: int
    smallest_counts: bool

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """One input a scale, largest first, with its affine from image pixels."""
        smallest = self._rounded_at(scales)
        sized = [(s, self._size_wh(image_wh, s, smallest)) for s in sorted(scales, reverse=True)]
        return tuple(ScaledInput(s, wh, _affine(image_wh, wh, wh)) for s, wh in sized)

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """(2, 3) affine from pixels of the input at scale 1 to image pixels.

        Officially it is made from the extent of the scale that ran last, the smallest, even
        where that one covers another part of the image than the input at scale 1.
        """
        base = self._size_wh(image_wh, 1.0, self._rounded_at([i.scale for i in inputs]))
        return affine.invert(_affine(image_wh, inputs[-1].size_wh, base)[None])[0]

    def _rounded_at(self, scales: Sequence[float]) -> float:
        return min(scales) if self.smallest_counts else 1.0

    def _size_wh(
        self, image_wh: tuple[int, int], scale: float, rounded_at: float
    ) -> tuple[int, int]:
        """(width, height) of the input: rounded up to 64 px at one scale, then enlarged."""
        short = int(_round_up(rounded_at * self.input_size))
        long = int(_round_up(short / min(image_wh) * max(image_wh)))
        # int() per side and in this order, as officially: the truncation is part of the rule.
        resized = int(short * scale / rounded_at), int(long * scale / rounded_at)
        return resized if image_wh[0] < image_wh[1] else (resized[1], resized[0])


def _round_up(pixels: float) -> float:
    return (pixels + _MULTIPLE - 1) // _MULTIPLE * _MULTIPLE


def _affine(
    image_wh: tuple[int, int], covering_wh: tuple[int, int], size_wh: tuple[int, int]
) -> NDArray[np.float64]:
    """(2, 3) from image pixels to size_wh, for the extent that an input of covering_wh sees.

    That extent has the image's short side and the aspect of the input. Its centre is the
    image's, rounded to whole pixels.
    """
    extent = np.array(covering_wh, np.float64) / min(covering_wh) * min(image_wh)
    centre = np.array([int(side / 2 + 0.5) for side in image_wh], np.float64)
    return affine.crop_affines(centre[None], extent[None] / SCALE_UNIT, size_wh, HRNET)[0]
