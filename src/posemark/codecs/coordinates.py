"""Key points as plain numbers: y, x, score of each, as MoveNet gives them.

The network looks for its one person in the crop and answers with shares of the crop's height
and width, 0 at its top left corner and 1 at its bottom right one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import OneWay, Output
from posemark.core.convention import Convention
from posemark.core.frame import Floats
from posemark.core.skeleton import Skeleton
from posemark.core.whole_image import Maps, Outputs

OUTPUT = "keypoints"


@dataclass(frozen=True)
class Coordinates(OneWay):
    """Rows y, x, score. Cells here are pixels of the network's input.

    size_wh: of that input.
    """

    size_wh: tuple[int, int]

    @property
    def stride(self) -> int:
        """A cell is a pixel of the input."""
        return 1

    @property
    def no_flip(self) -> str:
        """Coordinates are no maps."""
        return "it gives coordinates, and the flip test averages maps"

    @property
    def name(self) -> str:
        """What the record calls it."""
        return "coordinates"

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """One row per keypoint."""
        count = len(skeleton.keypoints)
        return (Output(OUTPUT, count, 1, f"the key points {skeleton.name}", 0, "rows"),)

    def encode(
        self,
        keypoints_xy: Floats,
        visible: NDArray[np.bool_],
        size_wh: tuple[int, int],
    ) -> dict[str, Maps]:
        """The output of a perfect network: (N, 1, K, 3), score 1 for each visible key point.

        keypoints_xy: (N, K, 2) px. visible: (N, K); the others, and those outside the input,
        have score 0.
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
        """Input pixels (N, K, 2) and scores (N, K) from rows (N, ..., K, 3)."""
        given = outputs[OUTPUT]
        rows = given.reshape(len(given), given.shape[-2], 3)
        return rows[..., 1::-1].astype(np.float64) * self.size_wh, rows[..., 2]
