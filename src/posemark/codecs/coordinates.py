"""The codec of networks such as MoveNet that give y, x and score of every key point.

The network finds one person in the crop. Its y and x are fractions of the height and width of the
crop, 0 at the top-left corner and 1 at the bottom-right corner.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import NoVariants, Output
from posemark.core.convention import Convention
from posemark.core.frame import Floats
from posemark.core.skeleton import Skeleton
from posemark.core.whole_image import Maps, Outputs

OUTPUT = "keypoints"


@dataclass(frozen=True)
class Coordinates(NoVariants):
    """Rows of y, x and score. A cell is a pixel of the network input.

    Attributes:
        size_wh: width and height of the input in pixels.
    """

    size_wh: tuple[int, int]

    @property
    def stride(self) -> int:
        """Always 1, because a cell is a pixel of the input."""
        return 1

    @property
    def no_flip(self) -> str:
        """The reason why the flip test is impossible: there are no maps to average."""
        return "it gives coordinates, and the flip test averages maps"

    @property
    def name(self) -> str:
        """The name of the codec in records."""
        return "coordinates"

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Describe the output, one row per keypoint."""
        count = len(skeleton.keypoints)
        return (Output(OUTPUT, count, 1, f"the key points {skeleton.name}", 0, "rows"),)

    def encode(
        self,
        keypoints_xy: Floats,
        visible: NDArray[np.bool_],
        size_wh: tuple[int, int],
    ) -> dict[str, Maps]:
        """Compute the output that a perfect network would give.

        Args:
            keypoints_xy: (N, K, 2) positions in input pixels.
            visible: (N, K) mask; other key points, and those outside the input, have score 0.
            size_wh: width and height of the input in pixels.

        Returns:
            The output (N, 1, K, 3), with score 1 for visible key points.
        """
        inside = ((keypoints_xy >= 0) & (keypoints_xy <= size_wh)).all(-1)
        shares = keypoints_xy / np.array(size_wh, np.float64)
        rows = np.stack([shares[..., 1], shares[..., 0], visible & inside], -1)
        return {OUTPUT: rows[:, None].astype(np.float32)}

    def decode(
        self,
        outputs: Outputs,
        mirrored: Outputs | None,  # noqa: ARG002 (no_flip)
        convention: Convention,  # noqa: ARG002 (every keypoint has a place)
        skeleton: Skeleton,  # noqa: ARG002
    ) -> tuple[Floats, Floats]:
        """Decode rows (N, ..., K, 3) to input pixels (N, K, 2) and scores (N, K)."""
        given = outputs[OUTPUT]
        rows = given.reshape(len(given), given.shape[-2], 3)
        return rows[..., 1::-1].astype(np.float64) * self.size_wh, rows[..., 2]
