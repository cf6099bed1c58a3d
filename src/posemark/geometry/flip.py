"""Mirroring of network inputs and heatmaps for the flip test."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def flip_back(
    heatmaps: NDArray[np.float32], mirrored: Sequence[int], shift: int
) -> NDArray[np.float32]:
    """Mirror the heatmaps of a mirrored image back to the original image.

    Args:
        heatmaps: (N, K, H, W) heatmaps of the mirrored image.
        mirrored: for every key point the index of its left or right counterpart.
        shift: 1 moves the result one column to the right (column 0 keeps its value), which
            compensates for input and output grids that are mirrored about different centres;
            0 does not move it.

    Returns:
        (N, K, H, W) heatmaps.
    """
    back = heatmaps[:, list(mirrored), :, ::-1]
    if shift:
        back = np.concatenate([back[..., :1], back[..., :-1]], axis=-1)
    return back


def mirrored_image(batch: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Mirror network input (N, 3, H, W), then move it `shift` columns to the left.

    The last `shift` columns keep their values, as in the DEKR repository.
    """
    mirrored = batch[..., ::-1]
    if shift:
        mirrored = np.concatenate([mirrored[..., shift:], mirrored[..., -shift:]], axis=-1)
    return np.ascontiguousarray(mirrored)
