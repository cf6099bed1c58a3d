"""The size rule of the small OpenPose-like networks: whole images at one fixed height.

The image is resized to the height as OpenCV's resize does it: the edges of the outer pixels
coincide. Its width is then padded on the right to a multiple of the network's stride
(Lightweight OpenPose), or stretched to the nearest multiple (tf-pose).

Source: facts about the evaluation in both repositories, as in the reference figures of this
project.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput


@dataclass(frozen=True)
class FixedHeight:
    """Size rule with one input height; it implements core.whole_image.Sizing.

    Attributes:
        height: height of the input at scale 1, in pixels.
        multiple: the width of the input is a multiple of this number of pixels.
        pad: whether the image is padded on the right, at least to a square, instead of stretched.
    """

    height: int
    multiple: int
    pad: bool

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """Return one input per scale, largest first."""
        return tuple(self._input(image_wh, s) for s in sorted(scales, reverse=True))

    def _input(self, image_wh: tuple[int, int], scale: float) -> ScaledInput:
        height = max(self.multiple, round(self.height * scale / self.multiple) * self.multiple)
        zoom = np.full(2, height / image_wh[1])
        exact = image_wh[0] * zoom[0]
        if self.pad:
            width = -(-max(round(exact), height) // self.multiple) * self.multiple
        else:
            width = max(self.multiple, round(exact / self.multiple) * self.multiple)
            zoom[0] = width / image_wh[0]
        # The edges coincide, so the centres of the first pixels are (zoom - 1) / 2 apart.
        return ScaledInput(scale, (width, height), np.column_stack([np.diag(zoom), (zoom - 1) / 2]))

    def to_image(
        self,
        image_wh: tuple[int, int],  # noqa: ARG002 (part of the protocol; other rules need it)
        inputs: Sequence[ScaledInput],
    ) -> NDArray[np.float64]:
        """Return the (2, 3) affine from pixels of the first input to image pixels.

        It does not undo the shift of the forward affine: OpenPose's decoder has already added
        half an image pixel, and the official programs only divide its result by the zoom.
        """
        zoom = inputs[0].affine.diagonal()
        return np.array([[1 / zoom[0], 0, 0], [0, 1 / zoom[1], 0]])
