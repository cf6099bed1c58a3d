"""Drawing of people: colours by side, what is left out, and coordinates that no image has."""

import numpy as np
import pytest

from posemark import drawing
from posemark.core.frame import Poses, Truth
from posemark.core.skeleton import COCO_17

GREY = 128
NAMES = COCO_17.keypoints
SPOTS = {
    "left_shoulder": (150.0, 60.0),
    "right_shoulder": (60.0, 60.0),
    "left_hip": (150.0, 160.0),
    "right_hip": (60.0, 160.0),
}


def blank():
    return np.full((200, 220, 3), GREY, np.uint8)


def points(spots=SPOTS):
    """Return (1, 17, 2) places and (1, 17) marks of those that are given."""
    found, given = np.zeros((1, 17, 2)), np.zeros((1, 17))
    for name, place in spots.items():
        found[0, NAMES.index(name)] = place
        given[0, NAMES.index(name)] = 1
    return found, given


def poses(spots=SPOTS):
    found, given = points(spots)
    return Poses(found, given, np.ones(1), COCO_17)


def truth(visibility):
    found, given = points()
    marked = np.concatenate([found, visibility * given[..., None]], -1)
    return Truth(marked, np.zeros((1, 4)), np.ones(1), np.zeros(1, bool), COCO_17)


def colour_at(image, x, y):
    return tuple(image[y, x, ::-1].tolist())


def changed(image):
    return (image != GREY).any(-1)


def test_limbs_have_the_colour_of_their_side():
    image = blank()
    drawing.draw_poses(image, poses())
    assert colour_at(image, 150, 110) == drawing.LEFT
    assert colour_at(image, 60, 110) == drawing.RIGHT
    assert colour_at(image, 105, 60) == drawing.MIDDLE


def test_a_limb_to_the_nose_is_on_the_side_of_its_other_end():
    image = blank()
    drawing.draw_poses(image, poses({"nose": (50.0, 50.0), "left_eye": (150.0, 50.0)}))
    assert colour_at(image, 100, 50) == drawing.LEFT
    assert colour_at(image, 50, 50) == drawing.MIDDLE


def test_key_points_without_a_score_above_the_limit_are_left_out():
    image, given = blank(), poses()
    given.keypoint_scores[0, NAMES.index("left_hip")] = 0.3
    drawing.draw_poses(image, given, above=0.3)
    assert not changed(image)[150:, 140:].any()
    assert colour_at(image, 60, 110) == drawing.RIGHT


@pytest.mark.parametrize("odd", [np.nan, np.inf, -1e9, 1e9])
def test_key_points_that_no_image_has_are_left_out(odd):
    image, expected = blank(), blank()
    drawing.draw_poses(image, poses(SPOTS | {"left_hip": (odd, 160.0)}))
    drawing.draw_poses(expected, poses({k: v for k, v in SPOTS.items() if k != "left_hip"}))
    assert (image == expected).all()


def test_a_limb_that_leaves_the_image_is_drawn_up_to_its_edge():
    image = blank()
    drawing.draw_poses(image, poses(SPOTS | {"left_hip": (150.0, 900.0)}))
    assert colour_at(image, 150, 199) == drawing.LEFT


def test_truth_is_white_with_open_circles_and_crosses_where_it_is_hidden():
    visible, hidden = blank(), blank()
    drawing.draw_truth(visible, truth(2.0))
    drawing.draw_truth(hidden, truth(1.0))
    assert colour_at(visible, 150, 110) == colour_at(hidden, 150, 110) == drawing.TRUTH
    assert colour_at(visible, 150, 60) != drawing.LEFT
    assert colour_at(hidden, 150, 60) == drawing.LEFT


def test_key_points_without_a_label_are_left_out():
    image = blank()
    drawing.draw_truth(image, truth(0.0))
    assert not changed(image).any()


def test_nobody_is_drawn_as_nothing():
    image = blank()
    drawing.draw_poses(image, Poses(np.zeros((0, 17, 2)), np.zeros((0, 17)), np.zeros(0), COCO_17))
    drawing.draw_boxes(image, np.zeros((0, 4)))
    assert not changed(image).any()


def plate(part):
    """Whether a part of an image has more pixels of the colour LEFT than the lines of a box."""
    return (part[..., ::-1] == drawing.LEFT).all(-1).sum() > 150


def test_boxes_have_their_colour_and_a_label_above_them_or_inside():
    bare, above, inside = blank(), blank(), blank()
    box = np.array([[30.0, 40.0, 120.0, 100.0]])
    drawing.draw_boxes(bare, box, colour=drawing.LEFT)
    assert colour_at(bare, 90, 140) == drawing.LEFT
    assert not changed(bare)[60:120, 50:130].any()
    drawing.draw_boxes(above, box, ["missed"], drawing.LEFT)
    assert plate(above[20:38])
    assert not plate(bare[20:38])
    assert (above[60:] == bare[60:]).all()
    drawing.draw_boxes(inside, box - (0, 37, 0, 0), ["missed"], drawing.LEFT)
    assert plate(inside[6:20])


def test_a_box_outside_the_image_is_left_out():
    image = blank()
    outside = [[-90.0, 40.0, 80.0, 50.0], [230.0, 40.0, 50.0, 50.0], [40.0, 205.0, 50.0, 50.0]]
    drawing.draw_boxes(image, np.array(outside), ["a", "b", "c"])
    assert not changed(image).any()


def test_a_box_beyond_the_image_is_drawn_at_its_edge():
    image = blank()
    drawing.draw_boxes(image, np.array([[-1e9, -50.0, 2e9, 1e12]]))
    width = drawing.line_width(image)
    assert colour_at(image, width, 100) == colour_at(image, 219 - width, 100) == drawing.TRUTH


def test_lines_are_wider_on_large_images():
    assert drawing.line_width(np.zeros((2160, 3840, 3), np.uint8)) == 9
    assert drawing.line_width(np.zeros((120, 90, 3), np.uint8)) == 2


def test_people_may_have_a_colour_each():
    image = blank()
    two = Poses(
        *(np.concatenate([p, p + d]) for p, d in zip(points(), (20, 0), strict=True)),
        np.ones(2),
        COCO_17,
    )
    drawing.draw_poses(image, two, colours=[drawing.RIGHT, drawing.MIDDLE])
    assert colour_at(image, 60, 100) == drawing.RIGHT
    assert colour_at(image, 80, 130) == drawing.MIDDLE


@pytest.mark.parametrize("size", [(90, 120), (480, 640), (2160, 3840)])
def test_text_is_legible_on_small_and_large_images_and_stays_in_its_corner(size):
    image = np.full((*size, 3), GREY, np.uint8)
    drawing.draw_text(image, ["12.3 FPS", "infer 3.0 ms"])
    rows, columns = np.nonzero(changed(image))
    assert (rows.min(), columns.min()) == (0, 0)
    assert max(18, size[0] / 22) <= rows.max() <= size[0] / 2
    bright = (image > 200).all(-1).any(1)
    letters = np.diff(np.flatnonzero(np.diff(bright.astype(int))))
    assert letters.max() >= max(7, size[0] / 60)
