"""Makes annotated frames for the tests of scores; no image is read."""

import numpy as np

from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import COCO_17


def no_bytes():
    raise AssertionError("scoring reads no image")


def frame(image_id, people, size_wh=(640, 480)):
    """Return a frame; `people` are rows of (keypoints (17, 3), box xywh, area, crowd)."""
    truth = Truth(
        np.array([p[0] for p in people], np.float64).reshape(-1, 17, 3),
        np.array([p[1] for p in people], np.float64).reshape(-1, 4),
        np.array([p[2] for p in people], np.float64),
        np.array([p[3] for p in people], bool),
        COCO_17,
    )
    return Frame(image_id, f"{image_id}.jpg", size_wh, no_bytes, truth)


def person(rng, side=None, visible=None, crowd=False):
    """Return a person at a random place in 640 x 480, of random size unless it is given."""
    side = rng.uniform(20, 300) if side is None else side
    box = np.array([*rng.uniform(0, (640 - side, 480 - side)), side * 0.8, side])
    points = box[:2] + rng.random((17, 2)) * box[2:]
    if visible is None:
        visible = rng.choice([0, 1, 2], 17) if rng.random() > 0.2 else np.zeros(17)
    points = np.concatenate([points, np.broadcast_to(visible, 17)[:, None]], 1).round(2)
    points[points[:, 2] == 0] = 0
    return points, box.round(2), round(float(side) ** 2 * 0.5, 2), crowd
