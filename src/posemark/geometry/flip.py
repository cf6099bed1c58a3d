"""Mirroring for the flip test."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def flip_back(
    heatmaps: NDArray[np.float32], mirrored: Sequence[int], shift: int
) -> NDArray[np.float32]:
    """Heatmaps (N, K, H, W) of a mirrored image, as seen from the unmirrored one.

    mirrored: for every key point the index of its counterpart. shift: 1 moves the result
    one column right (column 0 keeps its value), which makes up for an input and an output
    grid that mirror around different centres; 0 leaves it.
    """
    back = heatmaps[:, list(mirrored), :, ::-1]
    if shift:
        back = np.concatenate([back[..., :1], back[..., :-1]], axis=-1)
    return back


def mirrored_image(batch: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Network input (N, 3, H, W) mirrored, then moved `shift` columns left.

    The last columns keep their values, as in the DEKR repository.
    """
    mirrored = batch[..., ::-1]
    if shift:
        mirrored = np.concatenate([mirrored[..., shift:], mirrored[..., -shift:]], axis=-1)
    return np.ascontiguousarray(mirrored)
