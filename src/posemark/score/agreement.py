"""How alike the poses of two settings of one model are, where no truth can judge them."""

from collections.abc import Iterable

import numpy as np

from posemark.core.frame import Floats, Poses
from posemark.geometry.oks import oks_matrix


def agreement(frames: Iterable[tuple[Poses, Poses]]) -> float | None:
    """Mean OKS (0..1) between the poses that two settings found on the same frames.

    Every pose of either side counts, with the most similar pose of the other: a person that
    only one of them found counts 0. None where neither found anybody.
    """
    similar = [value for ours, theirs in frames for value in _similarities(ours, theirs)]
    return float(np.mean(similar)) if similar else None


def _similarities(ours: Poses, theirs: Poses) -> list[float]:
    """One number a pose, of both sides."""
    count, others = len(ours), len(theirs)
    if not (count and others):
        return [0.0] * (count + others)
    points: Floats = np.concatenate([ours.keypoints_xy, theirs.keypoints_xy])
    between = oks_matrix(points, _areas(points), ours.skeleton.sigmas)[:count, count:]
    return [*between.max(1).tolist(), *between.max(0).tolist()]


def _areas(keypoints_xy: Floats) -> Floats:
    """(N,) px^2 of the boxes around the key points, as COCO's tools take those of predictions."""
    return np.ptp(keypoints_xy, axis=1).prod(-1)
