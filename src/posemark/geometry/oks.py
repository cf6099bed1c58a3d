"""Object key-point similarity between predictions, and the suppression built on it."""

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats


def oks_matrix(keypoints_xy: Floats, areas: Floats, sigmas: tuple[float, ...]) -> Floats:
    """(N, N) similarity of N poses (N, K, 2) with areas (N,) px^2; 1 means the same pose.

    All K key points count, whatever their score (as in the official nms.py, where the
    visibility threshold is never passed). The area of a pair is the mean of both.
    """
    variances = (2 * np.array(sigmas)) ** 2
    points = np.asarray(keypoints_xy, np.float64)
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    mean_area = (areas[:, None] + areas[None]) / 2 + np.spacing(1)
    return np.exp(-squared / variances / mean_area[..., None] / 2).mean(-1)


def oks_nms(
    keypoints_xy: Floats, scores: Floats, areas: Floats, sigmas: tuple[float, ...], threshold: float
) -> NDArray[np.intp]:
    """Indices to keep, best score first: greedily drop poses with OKS > threshold."""
    if len(scores) == 0:
        return np.zeros(0, np.intp)
    similar = oks_matrix(keypoints_xy, areas, sigmas) > threshold
    order = scores.argsort()[::-1]
    dropped = np.zeros(len(scores), bool)
    keep: list[int] = []
    for index in order.tolist():
        if not dropped[index]:
            keep.append(index)
            dropped |= similar[index]
    return np.array(keep, np.intp)
