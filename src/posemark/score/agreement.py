"""Measures how similar the poses of two settings of a model are, without ground truth."""

from collections.abc import Iterable

import numpy as np

from posemark.core.frame import Floats, Poses
from posemark.geometry.oks import oks_matrix


def agreement(frames: Iterable[tuple[Poses, Poses]]) -> float | None:
    """Return the mean OKS (0..1) between the poses of two settings on the same frames.

    Every pose of either setting counts with its most similar pose of the other setting. A
    person that only one of the settings found counts 0.

    Args:
        frames: the poses of both settings, frame by frame; their skeleton gives the OKS sigmas.

    Returns:
        The mean; None if neither setting found anybody.
    """
    similar = [value for one, other in frames for value in _similarities(one, other)]
    return float(np.mean(similar)) if similar else None


def _similarities(one: Poses, other: Poses) -> list[float]:
    """Return the best OKS of each pose of both sides."""
    count, others = len(one), len(other)
    if not (count and others):
        return [0.0] * (count + others)
    points: Floats = np.concatenate([one.keypoints_xy, other.keypoints_xy])
    between = oks_matrix(points, _areas(points), one.skeleton.sigmas)[:count, count:]
    return [*between.max(1).tolist(), *between.max(0).tolist()]


def _areas(keypoints_xy: Floats) -> Floats:
    """Return (N,) px^2 of the boxes around the key points, COCO's area of a prediction."""
    return np.ptp(keypoints_xy, axis=1).prod(-1)
