"""The agreement of the poses of two settings, against a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.score.agreement import agreement
from posemark.score.coco import results_of

SIGMAS = COCO_17.sigmas


def poses(rng, count):
    points = rng.uniform(0, 400, (count, 17, 2))
    return Poses(points, rng.random((count, 17)), rng.random(count), COCO_17)


def moved(found, pixels):
    return Poses(found.keypoints_xy + pixels, found.keypoint_scores, found.scores, COCO_17)


def plain(ours, theirs):
    """Return the OKS of two poses by COCO's formula, with the areas of their key points' boxes."""

    def area(points):
        return (points[:, 0].max() - points[:, 0].min()) * (points[:, 1].max() - points[:, 1].min())

    between = (area(ours) + area(theirs)) / 2
    terms = [
        np.exp(-((a - b) ** 2).sum() / (2 * between * (2 * sigma) ** 2))
        for a, b, sigma in zip(ours, theirs, SIGMAS, strict=True)
    ]
    return sum(terms) / 17


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
def test_every_pose_of_either_side_counts_with_its_nearest(seed, count, others):
    rng = np.random.default_rng(seed)
    ours, theirs = poses(rng, count), poses(rng, others)
    pairs = [[plain(a, b) for b in theirs.keypoints_xy] for a in ours.keypoints_xy]
    nearest = [*(max(row) for row in pairs), *(max(column) for column in zip(*pairs, strict=True))]
    found = agreement([(ours, theirs)])
    assert found == pytest.approx(sum(nearest) / len(nearest), abs=1e-9)
    assert found == pytest.approx(agreement([(theirs, ours)]), abs=1e-12)


def test_the_same_poses_agree_wholly_and_a_shift_costs():
    rng = np.random.default_rng(0)
    ours = poses(rng, 3)
    reversed_order = Poses(ours.keypoints_xy[::-1], ours.keypoint_scores, ours.scores, COCO_17)
    assert agreement([(ours, reversed_order)]) == pytest.approx(1)
    near, far = (agreement([(ours, moved(ours, by))]) for by in (1, 10))
    assert 1 > near > far > 0


def test_a_person_that_one_side_found_counts_as_zero_and_no_people_give_no_result():
    rng = np.random.default_rng(1)
    one, nobody = poses(rng, 1), poses(rng, 0)
    assert agreement([(one, nobody)]) == 0
    assert agreement([(one, one), (nobody, one)]) == pytest.approx(2 / 3)
    assert agreement([(nobody, nobody)]) is None
    assert agreement([]) is None


def test_poses_become_results_in_cocos_format():
    found = Poses(
        np.arange(34.0).reshape(1, 17, 2), np.full((1, 17), 0.5), np.array([0.25]), COCO_17
    )
    (result,) = results_of(7, found)
    assert (result["image_id"], result["category_id"], result["score"]) == (7, 1, 0.25)
    assert result["keypoints"][:6] == [0.0, 1.0, 0.5, 2.0, 3.0, 0.5]
    assert len(result["keypoints"]) == 51
