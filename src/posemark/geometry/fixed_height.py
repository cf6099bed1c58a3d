"""Whole images at one fixed height: the rule of the small OpenPose-like networks.

The image is resized to the height as OpenCV's resize does it, pixel edge on pixel edge. Its
width then is padded on the right to a multiple of the network's stride (Lightweight OpenPose),
or stretched to the nearest one (tf-pose).

Source: facts about both repositories' evaluation, in the reference figures of this project.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import ScaledInput


@dataclass(frozen=True)
class FixedHeight:
    """Inputs of one height (core.grouping.Sizing).

    height: px. multiple: of which the width is. pad: fill up on the right, to a square at
    least, instead of stretching the image.
    """

    height: int
    multiple: int
    pad: bool

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """One input a scale, largest first."""
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
        # Edge on edge: the centres of first pixels lie (zoom - 1) / 2 apart.
        return ScaledInput(scale, (width, height), np.column_stack([np.diag(zoom), (zoom - 1) / 2]))

    def to_image(
        self,
        image_wh: tuple[int, int],  # noqa: ARG002 (other rules need it)
        inputs: Sequence[ScaledInput],
    ) -> NDArray[np.float64]:
        """(2, 3) affine from pixels of the first input to image pixels.

        Without the shift of the way there: OpenPose's decoder has added half an image pixel,
        and its programs divide what it gives by the zoom, no more.
        """
        zoom = inputs[0].affine.diagonal()
        return np.array([[1 / zoom[0], 0, 0], [0, 1 / zoom[1], 0]])
