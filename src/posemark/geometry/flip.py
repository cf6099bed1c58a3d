"""Mirroring for the flip test."""

import numpy as np
from numpy.typing import NDArray


def mirrored_image(batch: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Network input (N, 3, H, W) mirrored, then moved `shift` columns left.

    The last columns keep their values, as in the DEKR repository.
    """
    mirrored = batch[..., ::-1]
    if shift:
        mirrored = np.concatenate([mirrored[..., shift:], mirrored[..., -shift:]], axis=-1)
    return np.ascontiguousarray(mirrored)
