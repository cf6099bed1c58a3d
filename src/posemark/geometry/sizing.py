"""The size rule of HigherHRNet and DEKR: from whole images to network inputs and back.

Both keep the aspect ratio of the image, resize its short side to the input size and round the
long side up to a multiple of 64 pixels; the pixels that the rounding adds are black. The affine
is HRNet's, with the whole image in place of a padded person box.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput
from posemark.geometry import affine
from posemark.geometry.boxes import SCALE_UNIT
from posemark.geometry.conventions import HRNET

# Both networks halve the image five times, which needs multiples of 32; their code rounds to 64.
_MULTIPLE = 64


@dataclass(frozen=True)
class ShortSide:
    """Size rule with a fixed short side; it implements core.whole_image.Sizing.

    Attributes:
        input_size: length of the short side at scale 1, in pixels.
        smallest_counts: whether sides are rounded to multiples of 64 at the smallest scale of the
            run, so that the input at scale 1 depends on the other scales (HigherHRNet), or always
            at scale 1 (DEKR).
    """

    input_size: int
    smallest_counts: bool

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """Return one input per scale, largest first."""
        smallest = self._rounded_at(scales)
        sized = [(s, self._size_wh(image_wh, s, smallest)) for s in sorted(scales, reverse=True)]
        return tuple(ScaledInput(s, wh, _affine(image_wh, wh, wh)) for s, wh in sized)

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """Return the (2, 3) affine from pixels of the input at scale 1 to image pixels.

        The official code uses the extent of the scale that ran last, the smallest, even where
        that input covers another part of the image than the input at scale 1.
        """
        base = self._size_wh(image_wh, 1.0, self._rounded_at([i.scale for i in inputs]))
        return affine.invert(_affine(image_wh, inputs[-1].size_wh, base)[None])[0]

    def _rounded_at(self, scales: Sequence[float]) -> float:
        return min(scales) if self.smallest_counts else 1.0

    def _size_wh(
        self, image_wh: tuple[int, int], scale: float, rounded_at: float
    ) -> tuple[int, int]:
        """Width and height of the input: rounded up to 64 px at one scale, then rescaled."""
        short = int(_round_up(rounded_at * self.input_size))
        long = int(_round_up(short / min(image_wh) * max(image_wh)))
        # int() per side and in this order, as in the official code: truncation is part of the rule.
        resized = int(short * scale / rounded_at), int(long * scale / rounded_at)
        return resized if image_wh[0] < image_wh[1] else (resized[1], resized[0])


def _round_up(pixels: float) -> float:
    return (pixels + _MULTIPLE - 1) // _MULTIPLE * _MULTIPLE


def _affine(
    image_wh: tuple[int, int], covering_wh: tuple[int, int], size_wh: tuple[int, int]
) -> NDArray[np.float64]:
    """The (2, 3) affine from image pixels to size_wh, for the extent of an input of covering_wh.

    That extent has the short side of the image and the aspect ratio of the input. Its centre is
    the centre of the image, rounded to whole pixels.
    """
    extent = np.array(covering_wh, np.float64) / min(covering_wh) * min(image_wh)
    centre = np.array([int(side / 2 + 0.5) for side in image_wh], np.float64)
    return affine.crop_affines(centre[None], extent[None] / SCALE_UNIT, size_wh, HRNET)[0]
