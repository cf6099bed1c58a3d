"""The size rule of MoveNet MultiPose: whole images whose longer side has one length.

The image is resized as OpenCV's resize does it, with its sides rounded to whole pixels: the edges
of the outer pixels coincide. It is placed at the top-left corner of the input, which is padded on
the right and at the bottom to a multiple of the network's stride.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput


@dataclass(frozen=True)
class LongSide:
    """Size rule with a fixed longer side; it implements core.whole_image.Sizing.

    Attributes:
        side: length of the longer side of the resized image at scale 1, in pixels.
        multiple: width and height of the input are multiples of this number of pixels.
    """

    side: int
    multiple: int

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """Return one input per scale, largest first."""
        return tuple(self._input(image_wh, s) for s in sorted(scales, reverse=True))

    def _input(self, image_wh: tuple[int, int], scale: float) -> ScaledInput:
        wanted = self._zoom(image_wh, scale)
        resized = [max(1, round(side * wanted)) for side in image_wh]
        width, height = (-(-side // self.multiple) * self.multiple for side in resized)
        zoom = np.array(resized) / image_wh
        # The edges coincide, so the centres of the first pixels are (zoom - 1) / 2 apart.
        affine = np.column_stack([np.diag(zoom), (zoom - 1) / 2])
        return ScaledInput(scale, (width, height), affine, 1 / wanted)

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """Return the (2, 3) affine from pixels of the first input to image pixels.

        It divides by the zoom before the sides were rounded, and does not undo the shift of the
        forward affine, because the network counts from the corner of the input.
        """
        back = 1 / self._zoom(image_wh, inputs[0].scale)
        return np.array([[back, 0, 0], [0, back, 0]])

    def _zoom(self, image_wh: tuple[int, int], scale: float) -> float:
        return self.side * scale / max(image_wh)
