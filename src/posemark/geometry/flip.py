"""Mirroring of network inputs for the flip test."""

import numpy as np
from numpy.typing import NDArray


def mirrored_image(batch: NDArray[np.float32], shift: int) -> NDArray[np.float32]:
    """Mirror network input (N, 3, H, W), then move it `shift` columns to the left.

    The last `shift` columns keep their values, as in the DEKR repository.
    """
    mirrored = batch[..., ::-1]
    if shift:
        mirrored = np.concatenate([mirrored[..., shift:], mirrored[..., -shift:]], axis=-1)
    return np.ascontiguousarray(mirrored)
