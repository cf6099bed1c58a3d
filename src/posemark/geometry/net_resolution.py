"""OpenPose's rule for whole images: a fixed height, a width that follows the image.

Source: facts about OpenPose's input (its scale and size extractor and its `-1x368` default).
The image is laid at the top-left corner of the input, first pixel centre on first pixel
centre and last on last along the tighter side; the rest of the input is black.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput

_STEP = 16
_WIDEST = 16 / 9


@dataclass(frozen=True)
class NetResolution:
    """Inputs of one height (OpenPose's --net_resolution -1xHEIGHT).

    height: px, a multiple of 16. dynamic: how many times wider than 16:9 the input may get
    (--net_resolution_dynamic); 0 means without end. Base pixels are those of the first and
    largest input; images that have to grow are sampled bicubically, others bilinearly.
    """

    height: int = 368
    dynamic: float = 1.0

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """One input a scale, largest first; both sides are multiples of 16."""
        base_wh = self.base_wh(image_wh)
        return tuple(_scaled(image_wh, base_wh, s) for s in sorted(scales, reverse=True))

    def base_wh(self, image_wh: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the input at scale 1."""
        width, height = image_wh
        wanted = self.height * width / height
        if self.dynamic > 0:
            wanted = min(wanted, self.height * _WIDEST * self.dynamic)
        return max(_STEP, _STEP * _rounded(wanted / _STEP)), self.height

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """(2, 3) affine from pixels of the first input to image pixels.

        Officially the way back divides by the size of the *rounded* scaled image, which is
        not quite the inverse of the way there for images above twice the input. The codec has
        added half an image pixel, reckoned in the same way, so nothing is added here.
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
    """OpenPose's scaleNetToOutput: from first to last pixel centre of the rounded scaled image."""
    scaled = [max(2, _rounded(zoom * side)) for side in image_wh]
    return min((side - 1) / (new - 1) for side, new in zip(image_wh, scaled, strict=True))


def _rounded(value: float) -> int:
    return int(value + 0.5)
