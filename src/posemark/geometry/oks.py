"""Object key-point similarity (OKS) between predictions, and the suppression based on it."""

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats


def oks_matrix(keypoints_xy: Floats, areas: Floats, sigmas: tuple[float, ...]) -> Floats:
    """Compute the OKS between all pairs of poses.

    All K key points count, whatever their score, as in the official nms.py, which never passes
    a visibility threshold. The area of a pair is the mean of both areas.

    Args:
        keypoints_xy: (N, K, 2) key points in pixels.
        areas: (N,) areas in px^2.
        sigmas: K falloff constants, as in COCO's evaluation.

    Returns:
        (N, N) similarities; 1 means the same pose.
    """
    variances = (2 * np.array(sigmas)) ** 2
    points = np.asarray(keypoints_xy, np.float64)
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    mean_area = (areas[:, None] + areas[None]) / 2 + np.spacing(1)
    return np.exp(-squared / variances / mean_area[..., None] / 2).mean(-1)


def oks_nms(
    keypoints_xy: Floats, scores: Floats, areas: Floats, sigmas: tuple[float, ...], threshold: float
) -> NDArray[np.intp]:
    """Greedily drop every pose whose OKS with a better pose exceeds the threshold.

    Args:
        keypoints_xy: (N, K, 2) key points in pixels.
        scores: (N,) person scores.
        areas: (N,) areas in px^2.
        sigmas: K falloff constants, as in COCO's evaluation.
        threshold: the largest OKS that two kept poses may have.

    Returns:
        Indices of the kept poses, best score first.
    """
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
