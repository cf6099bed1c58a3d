"""OKS with weights, against the plain definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.core.skeleton import COCO_17
from posemark.geometry.oks import Shapes, oks_matrix, weighted_oks


def drawn(rng, count):
    weights = rng.random((count, 17)) * (rng.random((count, 17)) < 0.8)
    return Shapes(rng.uniform(0, 90, (count, 17, 2)), weights, rng.uniform(500, 9000, count))


def similarity(points, others, weights, area):
    variances = (2 * np.array(COCO_17.sigmas)) ** 2
    each = np.exp(-((points - others) ** 2).sum(-1) / (2 * area * variances))
    return (weights * each).sum() / weights.sum() if weights.any() else 0.0


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 3), st.integers(0, 4))
def test_weighted_oks_is_that_of_a_plain_loop(seed, count, others):
    rng = np.random.default_rng(seed)
    one, other = drawn(rng, count), drawn(rng, others)
    expected = [
        [
            similarity(one[0][i], other[0][j], np.sqrt(one[1][i] * other[1][j]), mean)
            for j in range(others)
            for mean in [(one.areas[i] + other.areas[j]) / 2]
        ]
        for i in range(count)
    ]
    found = weighted_oks(one, other, COCO_17.sigmas)
    np.testing.assert_allclose(found, np.reshape(expected, (count, others)), rtol=1e-9, atol=0)


def test_equal_weights_are_no_weights():
    shapes = drawn(np.random.default_rng(3), 4)._replace(weights=np.full((4, 17), 0.3))
    plain = oks_matrix(shapes.keypoints_xy, shapes.areas, COCO_17.sigmas)
    np.testing.assert_allclose(weighted_oks(shapes, shapes, COCO_17.sigmas), plain)


def test_poses_without_a_common_key_point_are_not_similar():
    weights = np.zeros((2, 17))
    weights[0, 0] = weights[1, 1] = 1
    shapes = Shapes(np.zeros((2, 17, 2)), weights, np.ones(2))
    found = weighted_oks(shapes, shapes, COCO_17.sigmas)
    assert found == pytest.approx(np.eye(2))
