"""Key points as plain numbers: y, x, score of each, as MoveNet gives them.

The network looks for its one person in the crop and answers with shares of the crop's height
and width, 0 at its top left corner and 1 at its bottom right one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats


@dataclass(frozen=True)
class Coordinates:
    """Rows y, x, score. Cells here are pixels of the network's input.

    size_wh: of that input.
    """

    size_wh: tuple[int, int]

    @property
    def name(self) -> str:
        """What the record calls it."""
        return "coordinates"

    def encode(
        self,
        keypoints_xy: Floats,
        visible: NDArray[np.bool_],
        size_wh: tuple[int, int],
    ) -> NDArray[np.float32]:
        """The output of a perfect network: (N, 1, K, 3), score 1 for each visible key point.

        keypoints_xy: (N, K, 2) px. visible: (N, K); the others, and those outside the input,
        have score 0.
        """
        inside = ((keypoints_xy >= 0) & (keypoints_xy <= size_wh)).all(-1)
        shares = keypoints_xy / np.array(size_wh, np.float64)
        rows = np.stack([shares[..., 1], shares[..., 0], visible & inside], -1)
        return rows[:, None].astype(np.float32)

    def decode(
        self,
        heatmaps: NDArray[np.float32],
        missing_xy: float,  # noqa: ARG002 (every key point has a place)
    ) -> tuple[Floats, Floats]:
        """Input pixels (N, K, 2) and scores (N, K) from rows (N, ..., K, 3)."""
        rows = heatmaps.reshape(len(heatmaps), heatmaps.shape[-2], 3)
        return rows[..., 1::-1].astype(np.float64) * self.size_wh, rows[..., 2]
