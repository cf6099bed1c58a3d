"""OpenPose's size rule for whole images: a fixed height, and a width that follows the image.

Source: facts about OpenPose's input (its scale and size extractor and its default `-1x368`).
The image is placed at the top-left corner of the input. Along the side that limits the zoom, the
centres of its first and last pixels coincide with those of the input; the rest is black.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput

_STEP = 16  # input pixels: both sides of the input are multiples of this
_WIDEST = 16 / 9  # the aspect ratio that limits the width


@dataclass(frozen=True)
class NetResolution:
    """Size rule with one input height (OpenPose's --net_resolution -1xHEIGHT).

    It implements core.whole_image.Sizing. Base pixels are those of the first and largest input.
    Images that are enlarged are sampled bicubically, others bilinearly.

    Attributes:
        height: height of the input at scale 1 in pixels, a multiple of 16.
        dynamic: the input may be at most this many times as wide as 16:9
            (--net_resolution_dynamic); 0 means no limit.
    """

    height: int = 368
    dynamic: float = 1.0

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """Return one input per scale, largest first; both sides are multiples of 16."""
        base_wh = self.base_wh(image_wh)
        return tuple(_scaled(image_wh, base_wh, s) for s in sorted(scales, reverse=True))

    def base_wh(self, image_wh: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height of the input at scale 1."""
        width, height = image_wh
        wanted = self.height * width / height
        if self.dynamic > 0:
            wanted = min(wanted, self.height * _WIDEST * self.dynamic)
        return max(_STEP, _STEP * _rounded(wanted / _STEP)), self.height

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """Return the (2, 3) affine from pixels of the first input to image pixels.

        The official code divides by the size of the *rounded* scaled image, which is not exactly
        the inverse of the forward affine for images larger than twice the input. The codec has
        already added half an image pixel by the same rule, so nothing is added here.
        """
        back = _back(image_wh, float(inputs[0].affine[0, 0]))
        return np.array([[back, 0, 0], [0, back, 0]])


def _scaled(image_wh: tuple[int, int], base_wh: tuple[int, int], scale: float) -> ScaledInput:
    width, height = (max(_STEP, _rounded(side * scale) // _STEP * _STEP) for side in base_wh)
    zoom = min(
        (side - 1) / max(1, whole - 1)
        for side, whole in zip((width, height), image_wh, strict=True)
    )
    affine = np.array([[zoom, 0, 0], [0, zoom, 0]])
    return ScaledInput(scale, (width, height), affine, _back(image_wh, zoom))


def _back(image_wh: tuple[int, int], zoom: float) -> float:
    """OpenPose's scaleNetToOutput: image pixels per input pixel, from first to last centre."""
    scaled = [max(2, _rounded(zoom * side)) for side in image_wh]
    return min((side - 1) / (new - 1) for side, new in zip(image_wh, scaled, strict=True))


def _rounded(value: float) -> int:
    return int(value + 0.5)
