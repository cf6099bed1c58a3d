"""Boxes and poses as they are printed: one line, however many people there are."""

import numpy as np

from posemark.core.frame import NOBODY, Boxes, Poses
from posemark.core.skeleton import COCO_17


def test_boxes_are_printed_in_one_line():
    assert repr(NOBODY) == "Boxes(0 boxes, given)"
    boxes = Boxes(np.ones((2, 4)), np.array([0.9123, 0.5]), origin="detected")
    assert repr(boxes) == "Boxes(2 boxes, detected, scores [0.91 0.5 ])"


def test_poses_are_printed_in_one_line():
    poses = Poses(np.ones((1, 17, 2)), np.ones((1, 17)), np.array([0.5]), COCO_17)
    assert repr(poses) == "Poses(1 person, coco-17, scores [0.5])"
    many = 40
    points, scores = np.ones((many, 17, 2)), np.linspace(0, 1, many)
    poses = Poses(points, np.ones((many, 17)), scores, COCO_17, np.arange(many))
    assert repr(poses) == (
        "Poses(40 people, coco-17, scores [0.   0.03 0.05 ... 0.95 0.97 1.  ], "
        "ids [ 0  1  2 ... 37 38 39])"
    )
