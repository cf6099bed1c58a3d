"""Suppression of overlapping boxes, against a plain loop."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posemark.geometry.boxes import clipped_xywh, iou, nms


def plain(boxes, scores, most_iou):
    """Keep a box unless it overlaps one that is kept already."""
    kept = []
    for at in sorted(range(len(boxes)), key=lambda at: (-scores[at], at)):
        if all(iou(boxes[at], boxes[other])[0, 0] <= most_iou for other in kept):
            kept.append(at)
    return kept


@given(st.integers(0, 40), st.floats(0.05, 0.95), st.integers(0, 2**32 - 1))
def test_it_keeps_what_a_plain_loop_keeps(count, most_iou, seed):
    rng = np.random.default_rng(seed)
    boxes = np.concatenate([rng.random((count, 2)) * 20, 5 + rng.random((count, 2)) * 20], 1)
    scores = rng.integers(0, 5, count) / 4  # with ties
    assert nms(boxes, scores, most_iou).tolist() == plain(boxes, scores, most_iou)


def test_a_box_behind_a_dropped_one_is_kept():
    row = np.array([[0.0, 0, 10, 10], [4, 0, 10, 10], [8, 0, 10, 10]])
    assert nms(row, np.array([0.9, 0.8, 0.7]), 0.3).tolist() == [0, 2]


def test_corners_are_clipped_to_the_image():
    found = clipped_xywh(np.array([[-5.0, 2, 8, 99]]), (10, 20))
    assert found.tolist() == [[0, 2, 8, 18]]
    assert clipped_xywh(np.zeros((0, 4)), (10, 20)).shape == (0, 4)
