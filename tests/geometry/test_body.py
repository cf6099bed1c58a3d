"""The key points that count, the box around them, and the size of a body."""

import numpy as np

from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.geometry.body import COUNTED, THINNEST, body_areas, counted_keypoints, extents


def poses_with(scores):
    scores = np.array(scores, float)
    return Poses(np.zeros((*scores.shape, 2)), scores, np.ones(len(scores)), COCO_17)


def test_key_points_are_compared_with_the_best_of_their_pose():
    scores = [[1.0, COUNTED, 0.9 * COUNTED], [0.1, 0.01, 0.05], [0.0, 0.0, -1.0]]
    counted = [[True, True, False], [True, False, True], [False, False, False]]
    assert counted_keypoints(poses_with(scores)).tolist() == counted


def test_the_scale_of_the_scores_does_not_matter():
    scores = np.random.default_rng(0).random((5, 17))
    once, thrice = (counted_keypoints(poses_with(factor * scores)) for factor in (1, 3))
    assert (once == thrice).all()


def test_a_box_surrounds_the_key_points_that_count():
    points = np.array([[[1.0, 2], [5, 4], [-90, 90]]] * 2)
    counted = np.array([[True, True, False], [False, False, False]])
    assert extents(points, counted).tolist() == [[1, 2, 4, 2], [0, 0, 0, 0]]
    assert extents(points[:0], counted[:0]).shape == (0, 4)


def test_a_thin_body_still_has_a_width():
    areas = body_areas(np.array([[0, 0, 10, 20], [3, 3, 1, 100], [0, 0, 0, 0.0]]))
    assert areas.tolist() == [200, 100 * 100 * THINNEST, 0]
