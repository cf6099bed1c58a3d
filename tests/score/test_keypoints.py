"""The accuracy of single key points: OKS by key point, over the people that AP counts."""

import numpy as np
import pytest

from posemark.core.skeleton import COCO_17
from posemark.geometry.oks import oks_matrix
from posemark.score.coco import judge, truth_json
from posemark.score.keypoints import keypoint_accuracy
from score import test_coco as made_up

NAMES = COCO_17.keypoints
AREA = 10_000.0


def somebody(x=100.0, visible=2, area=AREA, crowd=False):
    """Return a person with all key points on a line of 160 pixels, downwards from (x, 50)."""
    points = np.full((17, 3), x)
    points[:, 1] = 50 + 10 * np.arange(17)
    points[:, 2] = visible
    points[points[:, 2] == 0] = 0
    return points, np.array([x - 20, 40, 40, 180]), area, crowd


def accuracy(people, *results):
    """Return the accuracies; `results` are (key points xy, score) in the only image."""
    frames = [made_up.frame(1, people)]
    found = [made_up.prediction(1, xy, score) for xy, score in results]
    return keypoint_accuracy(judge(truth_json(frames), found, [1], COCO_17.sigmas))


def test_the_truth_itself_is_exact():
    person = somebody()
    found = accuracy([person], (person[0][:, :2], 0.9))
    assert found == pytest.approx(dict.fromkeys(NAMES, 1.0))
    assert tuple(found) == NAMES


@pytest.mark.parametrize("name", ["left_eye", "right_hip"])
def test_a_key_point_that_is_off_loses_by_its_own_sigma(name):
    index, person = NAMES.index(name), somebody()
    moved = person[0][:, :2].copy()
    moved[index] += (3.0, 4.0)
    expected = np.exp(-(5**2) / (2 * AREA * (2 * COCO_17.sigmas[index]) ** 2))
    found = accuracy([person], (moved, 0.9))
    assert found == pytest.approx(dict.fromkeys(NAMES, 1.0) | {name: expected})
    assert 0.3 < expected < 0.999, "the made-up case decides something"


def test_the_sigmas_are_those_of_the_evaluation():
    person, sigmas = somebody(), tuple(3 * sigma for sigma in COCO_17.sigmas)
    moved = person[0][:, :2] + (3.0, 4.0)
    truth, results = truth_json([made_up.frame(1, [person])]), [made_up.prediction(1, moved, 0.9)]
    found = keypoint_accuracy(judge(truth, results, [1], sigmas))
    for name, sigma in zip(NAMES, sigmas, strict=True):
        assert found[name] == pytest.approx(np.exp(-(5**2) / (2 * AREA * (2 * sigma) ** 2)))


def test_the_mean_over_the_key_points_of_a_person_is_the_oks():
    person = somebody()
    moved = (person[0][:, :2] + np.random.default_rng(0).normal(0, 4, (17, 2))).round(3)
    both = np.stack([person[0][:, :2], moved])
    oks = oks_matrix(both, np.array([AREA, AREA]), COCO_17.sigmas)[0, 1]
    found = accuracy([person], (moved, 0.9))
    assert np.mean(list(found.values())) == pytest.approx(oks)


def test_who_is_not_found_counts_zero():
    here, there = somebody(100), somebody(400)
    assert accuracy([here, there], (here[0][:, :2], 0.9)) == pytest.approx(
        dict.fromkeys(NAMES, 0.5)
    )
    assert accuracy([here]) == dict.fromkeys(NAMES, 0.0)


def test_half_an_oks_is_needed_to_be_found():
    person = somebody()
    far = person[0][:, :2] + (60.0, 0)
    assert accuracy([person], (far, 0.9)) == dict.fromkeys(NAMES, 0.0)


def test_only_labelled_key_points_of_counted_people_count():
    visible = np.array([0, 1, 2] + [0] * 14)
    person, other = somebody(100, visible), somebody(400, visible[[1, 0, 2, *range(3, 17)]])
    far = person[0][:, :2].copy()
    far[3:] = 9999
    found = accuracy([person, other], (far, 0.9), (other[0][:, :2], 0.8))
    assert found == pytest.approx({"nose": 1, "left_eye": 1, "right_eye": 1})


def test_crowds_and_people_without_key_points_count_for_nothing():
    person = somebody(100)
    others = [somebody(400, crowd=True), somebody(500, visible=0)]
    exact, on_the_crowd = (person[0][:, :2], 0.5), (others[0][0][:, :2] + (9.0, 0), 0.9)
    for results in ([exact], [exact, on_the_crowd]):
        assert accuracy([*others, person], *results) == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_the_surest_detection_is_the_match_as_for_ap():
    person = somebody()
    exact, near = person[0][:, :2], person[0][:, :2] + (5.0, 0)
    alone = accuracy([person], (near, 0.9))
    assert accuracy([person], (exact, 0.8), (near, 0.9)) == alone
    assert accuracy([person], (exact, 0.9), (near, 0.8)) == pytest.approx(dict.fromkeys(NAMES, 1))


def test_every_image_counts_by_its_people():
    frames = [made_up.frame(1, [somebody(100), somebody(300)]), made_up.frame(2, [somebody(100)])]
    found = [made_up.prediction(2, somebody(100)[0][:, :2], 0.9)]
    judged = judge(truth_json(frames), found, [1, 2], COCO_17.sigmas)
    assert keypoint_accuracy(judged) == pytest.approx(dict.fromkeys(NAMES, 1 / 3))
