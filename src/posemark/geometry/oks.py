"""Object key-point similarity (OKS) between predictions, and the suppression based on it."""

from typing import NamedTuple

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
    return _similarities(keypoints_xy, keypoints_xy, areas, areas, sigmas).mean(-1)


class Shapes(NamedTuple):
    """Poses whose key points count by different weights.

    Attributes:
        keypoints_xy: (N, K, 2) key points in pixels.
        weights: (N, K) weights of at least 0, such as the scores of the key points.
        areas: (N,) areas in px^2.
    """

    keypoints_xy: Floats
    weights: Floats
    areas: Floats


def weighted_oks(ones: Shapes, others: Shapes, sigmas: tuple[float, ...]) -> Floats:
    """Compute the OKS of N with M poses, in which a key point has the weight that both give it.

    The weight of a pair is the geometric mean of both, so that a point which one of the two poses
    lacks does not count. The area of a pair is the mean of both areas.

    Args:
        ones: N poses.
        others: M poses.
        sigmas: K falloff constants, as in COCO's evaluation.

    Returns:
        (N, M) similarities; 1 means the same pose, and 0 also that no key point has a weight.
    """
    similar = _similarities(
        ones.keypoints_xy, others.keypoints_xy, ones.areas, others.areas, sigmas
    )
    weights = np.sqrt(ones.weights[:, None] * others.weights[None])
    total = weights.sum(-1)
    return (similar * weights).sum(-1) / np.where(total > 0, total, 1)


def _similarities(
    ones_xy: Floats,
    others_xy: Floats,
    areas: Floats,
    other_areas: Floats,
    sigmas: tuple[float, ...],
) -> Floats:
    """Compute the (N, M, K) similarities of the key points of N with those of M poses."""
    variances = (2 * np.array(sigmas)) ** 2
    between = np.asarray(ones_xy, np.float64)[:, None] - np.asarray(others_xy, np.float64)[None]
    squared = (between**2).sum(-1)
    mean_area = (areas[:, None] + other_areas[None]) / 2 + np.spacing(1)
    return np.exp(-squared / variances / mean_area[..., None] / 2)


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
