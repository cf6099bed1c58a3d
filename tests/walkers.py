"""People who walk through a simple scene: true key points, from which tests make poses."""

import numpy as np

from posemark.core.frame import Poses, Truth
from posemark.core.skeleton import COCO_17

# A standing person, 1 high, with the origin at the middle of the feet; x to the right, y down.
STANDING = np.array(
    [
        *((0.0, -0.93), (0.02, -0.95), (-0.02, -0.95), (0.05, -0.94), (-0.05, -0.94)),
        *((0.12, -0.8), (-0.12, -0.8), (0.16, -0.63), (-0.16, -0.63)),
        *((0.17, -0.47), (-0.17, -0.47), (0.08, -0.48), (-0.08, -0.48)),
        *((0.09, -0.25), (-0.09, -0.25), (0.1, -0.02), (-0.1, -0.02)),
    ]
)

# The box and the area that COCO would annotate for that person.
BOX_XYWH = np.array([-0.2, -1.0, 0.4, 1.02])
AREA = 0.2


def standing(x, y, height):
    """Return the key points (17, 2) of a person whose feet are at (x, y), `height` px high."""
    return np.array([x, y]) + height * STANDING


def poses_at(people, scores=0.9, rng=None, noise=0.0):
    """Return the poses of people (P, 17, 2), with normal noise of so many pixels per axis."""
    points = np.array(people, float).reshape(-1, 17, 2)
    if noise:
        points = points + rng.normal(0, noise, points.shape)
    each = np.broadcast_to(np.asarray(scores, float), len(points)).copy()
    return Poses(points, np.repeat(each[:, None], 17, 1), each, COCO_17)


def boxes_of(people):
    """Return the boxes (P, 4) of standing people (P, 17, 2), as COCO would annotate them."""
    feet = people[:, 15:].mean(1) + [[0, 0.02]] * _heights(people)
    return np.concatenate([feet, np.zeros_like(feet)], 1) + BOX_XYWH * _heights(people)


def truth_at(people, ids=None):
    """Return the truth of standing people (P, 17, 2), all of whose key points are visible."""
    points = np.array(people, float).reshape(-1, 17, 2)
    count = len(points)
    return Truth(
        np.concatenate([points, np.full((count, 17, 1), 2.0)], -1),
        boxes_of(points),
        AREA * _heights(points)[:, 0] ** 2,
        np.zeros(count, bool),
        COCO_17,
        np.arange(count) if ids is None else np.array(ids, np.int64),
    )


def _heights(people):
    """Return (P, 1) the heights in pixels of standing people."""
    return np.ptp(people[:, :, 1], axis=1)[:, None] / np.ptp(STANDING[:, 1])
