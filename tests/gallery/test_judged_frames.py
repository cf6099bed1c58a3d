"""Frame by frame: who is missed, which poses are spurious, and the accuracy of a frame."""

from dataclasses import replace

import numpy as np
import pytest

import made_gallery
from made_gallery import exact, moved, scenes, without
from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.gallery.judged_frames import LEAST_OKS, taken_poses

CROWDED = max(scenes(), key=lambda frame: len(exact(frame)))


@pytest.fixture
def made(tmp_path):
    return made_gallery.made(tmp_path)


def judged(made, change):
    """Return the most crowded frame; `change` makes its poses from exact ones."""

    def changed(frame, poses):
        return change(poses) if frame is CROWDED else poses

    return made_gallery.judged(made.record("one@gt", changed)).frames[CROWDED.image_id]


def test_exact_poses_are_right(made):
    found = judged(made, lambda poses: poses)
    assert found.accuracy == pytest.approx(1.0)
    assert not found.wrong.any()
    assert not found.spurious.any()
    assert (found.similarities[found.truth.keypoints_xyv[..., 2] > 0]) == pytest.approx(1.0)
    assert found.source is CROWDED


def test_a_missed_person_counts_by_its_labelled_key_points(made):
    found = judged(made, lambda poses: without(poses, 1))
    labelled = found.labelled
    (missed,) = np.flatnonzero(found.wrong)
    assert found.pose[missed] == -1
    assert found.oks[missed] == 0
    assert found.accuracy == pytest.approx(1 - labelled[missed] / labelled.sum())
    assert not found.spurious.any()


def test_a_pose_far_from_everybody_is_spurious_and_does_not_lower_the_accuracy(made):
    def added(poses):
        far = moved(without(poses, *range(1, len(poses))), 5000.0)
        return Poses(
            np.concatenate([poses.keypoints_xy, far.keypoints_xy]),
            np.concatenate([poses.keypoint_scores, far.keypoint_scores]),
            np.concatenate([poses.scores, far.scores]),
            COCO_17,
        )

    found = judged(made, added)
    assert found.spurious.tolist() == [False] * (len(found.poses) - 1) + [True]
    assert found.accuracy == pytest.approx(1.0)


def test_poses_are_taken_as_an_evaluation_orders_them(made):
    def shuffled(poses):
        return replace(poses, scores=np.linspace(0.5, 0.9, len(poses)))

    found = judged(made, shuffled)
    assert (np.diff(found.poses.scores) <= 0).all()
    assert found.accuracy == pytest.approx(1.0)
    own = found.poses.keypoints_xy[found.pose[found.counted]]
    seen = found.truth.keypoints_xyv[found.counted]
    assert own[seen[..., 2] > 0] == pytest.approx(seen[seen[..., 2] > 0][:, :2])


def test_people_without_key_points_do_not_count_and_their_poses_are_not_spurious(made):
    bare = CROWDED.truth.keypoints_xyv.copy()
    bare[0] = 0
    truth = replace(CROWDED, truth=replace(CROWDED.truth, keypoints_xyv=bare))
    annotated = [truth if frame is CROWDED else frame for frame in scenes()]
    entry = made_gallery.judged(made.record("one@gt", truth=annotated))
    found = entry.frames[CROWDED.image_id]
    assert found.counted.tolist() == [False] + [True] * (len(found.truth) - 1)
    assert len(found.poses) == len(found.truth)
    assert not found.spurious.any()
    assert found.accuracy == pytest.approx(1.0)


def test_poses_below_the_score_of_the_best_f1_do_not_count(made):
    def with_noise(frame, poses):
        noise = moved(poses, 3000.0)
        return Poses(
            np.concatenate([poses.keypoints_xy, noise.keypoints_xy]),
            np.concatenate([poses.keypoint_scores, noise.keypoint_scores]),
            np.concatenate([poses.scores, np.full(len(poses), 0.2)]),
            COCO_17,
        )

    entry = made_gallery.judged(made.record("one@gt", with_noise))
    assert entry.least_score == 0.9
    for frame in entry.frames.values():
        assert len(frame.poses) == len(exact(frame.source))
        assert not frame.spurious.any()


def test_each_person_gets_the_pose_that_fits_best():
    everybody = np.ones(2, bool)
    # The first pose has the higher score, but the second fits the first person better.
    assert taken_poses(np.array([[0.6, 0.5], [0.9, 0.1]]), everybody).tolist() == [1, 0]
    assert taken_poses(np.array([[0.9, 0.8]]), everybody).tolist() == [0, -1]
    assert taken_poses(np.array([[LEAST_OKS / 2, 0.0]]), everybody).tolist() == [-1, -1]
    assert taken_poses(np.array([[1.0, 0.3]]), np.array([False, True])).tolist() == [-1, 0]
    assert taken_poses(np.zeros((0, 2)), everybody).tolist() == [-1, -1]
    assert taken_poses(np.zeros((2, 0)), np.zeros(0, bool)).tolist() == []
