"""A table of people: decoding returns who was encoded, at most six of them."""

import numpy as np
import pytest

from posemark.codecs.people_table import OUTPUT, PEOPLE, PeopleTable
from posemark.core.frame import Truth
from posemark.core.skeleton import COCO_17
from posemark.core.whole_image import Pass, ScaledInput
from posemark.geometry.affine import apply
from posemark.geometry.fixed_height import FixedHeight
from posemark.geometry.long_side import LongSide

CODEC = PeopleTable()
SIZES = [(640, 427), (427, 640), (200, 131)]
SIZINGS = [LongSide(256, 32), FixedHeight(256, 32, pad=True), FixedHeight(256, 32, pad=False)]


def crowd_of(count, image_wh=(640, 427)):
    """Return people with all key points anywhere in the image, in increasing order of area."""
    rng = np.random.default_rng(count)
    points = rng.uniform(0, np.array(image_wh) - 1, (count, 17, 2))
    xyv = np.concatenate([points, np.full((count, 17, 1), 2)], -1)
    boxes = np.concatenate([points.min(1), np.ptp(points, 1)], -1)
    return Truth(xyv, boxes, np.arange(count) + 1.0, np.zeros(count, bool), COCO_17)


def seen(truth, sizing, image_wh):
    (scaled,) = sizing.inputs(image_wh, (1.0,))
    return Pass(scaled, CODEC.encode(truth, scaled, False))


def found(truth, sizing=SIZINGS[0], image_wh=(640, 427)):
    """Return the people in image pixels and their scores, from the table of a perfect network."""
    only = seen(truth, sizing, image_wh)
    people, scores = CODEC.decode([only])
    back = np.broadcast_to(sizing.to_image(image_wh, [only.input]), (len(people), 2, 3))
    return apply(back, people[..., :2]), people[..., 2], scores


@pytest.mark.parametrize("image_wh", SIZES)
@pytest.mark.parametrize("sizing", SIZINGS)
def test_what_is_encoded_is_read_back_in_image_pixels(image_wh, sizing):
    truth = crowd_of(PEOPLE, image_wh)
    points, key_point_scores, scores = found(truth, sizing, image_wh)
    np.testing.assert_allclose(points, truth.keypoints_xyv[::-1, :, :2], atol=1e-3)
    assert (key_point_scores == 1).all()
    assert scores.tolist() == [1] * PEOPLE


def test_numbers_of_a_row_are_fractions_of_height_and_width():
    row = np.zeros(56, np.float32)
    row[9:12] = 0.25, 0.5, 0.875  # y, x, score of key point 3
    row[51:] = 0.1, 0.2, 0.3, 0.4, 0.625
    scaled = ScaledInput(1.0, (256, 192), np.eye(2, 3))
    people, scores = CODEC.decode([Pass(scaled, {OUTPUT: row[None, None]})])
    assert people[0, 3].tolist() == [128, 48, 0.875]
    assert scores.tolist() == [0.625]


def test_the_box_is_ymin_xmin_ymax_xmax():
    truth = crowd_of(1)
    only = seen(truth, SIZINGS[0], (640, 427))
    x, y, width, height = truth.boxes_xywh[0]
    covered = np.array([480, 640, 480, 640])  # height and width of the padded input, image pixels
    box = only.outputs[OUTPUT][0, 0, 51:55] * covered
    np.testing.assert_allclose(box, [y, x, y + height, x + width], rtol=1e-5)


def test_the_six_largest_people_are_encoded():
    truth = crowd_of(PEOPLE + 3)
    points, _, _ = found(truth)
    assert seen(truth, SIZINGS[0], (640, 427)).outputs[OUTPUT].shape == (1, PEOPLE, 56)
    np.testing.assert_allclose(points, truth.keypoints_xyv[:2:-1, :, :2], atol=1e-3)


def test_crowds_and_people_without_key_points_are_left_out_and_empty_rows_are_nobody():
    truth = crowd_of(4)
    truth.is_crowd[3] = True
    truth.keypoints_xyv[2, :, 2] = 0
    points, _, _ = found(truth)
    np.testing.assert_allclose(points, truth.keypoints_xyv[1::-1, :, :2], atol=1e-3)
    assert found(crowd_of(0))[0].shape == (0, 17, 2)


def test_what_is_not_labelled_or_outside_the_input_scores_nothing():
    truth = crowd_of(1)
    truth.keypoints_xyv[0, 2, 2] = 0
    truth.keypoints_xyv[0, 5, 0] = 641
    _, scores, _ = found(truth)
    assert np.flatnonzero(scores[0] == 0).tolist() == [2, 5]


@pytest.mark.parametrize("score", [1e-6, np.nan])
def test_only_rows_with_score_0_are_empty(score):
    """A score that is not a number must not pass for an empty row: the frame is then at fault."""
    table = np.zeros((1, 3, 56), np.float32)
    table[0, 1, -1] = score
    scaled = ScaledInput(1.0, (256, 192), np.eye(2, 3))
    people, scores = CODEC.decode([Pass(scaled, {OUTPUT: table})])
    assert people.shape == (1, 17, 3)
    np.testing.assert_allclose(scores, [score])
