"""Decoding of the rows of detectors, against a plain loop."""

import re

import numpy as np
import pytest

from posemark.detectors.box_rows import CANDIDATES, BoxRows

GRID = BoxRows("grid", classes=3, person=1, strides=(8, 16), nms=0.65, least=0.01)
INPUT_HW = 32, 48


def plain_grid(rows, input_hw, strides, person):
    """Decode YOLOX's rows one after the other."""
    found, at = [], 0
    for stride in strides:
        for cell_y in range(input_hw[0] // stride):
            for cell_x in range(input_hw[1] // stride):
                x, y, w, h, there, *classes = map(float, rows[at])
                x, y = (x + cell_x) * stride, (y + cell_y) * stride
                w, h = np.exp(w) * stride, np.exp(h) * stride
                score = there * classes[person]
                found.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2, score))
                at += 1
    assert at == len(rows)
    return np.array(found)


def rows_of(rng, count):
    places, chances = rng.normal(0, 0.5, (count, 4)), rng.random((count, 4))
    return np.concatenate([places, chances], 1).astype(np.float32)


def test_a_grid_is_decoded_as_by_a_plain_loop():
    rows = rows_of(np.random.default_rng(0), 4 * 6 + 2 * 3)
    every = BoxRows("grid", 3, 1, (8, 16), nms=0.999999, least=0)
    corners, scores = every.decode(rows, INPUT_HW)
    wanted = plain_grid(rows, INPUT_HW, (8, 16), 1)
    wanted = wanted[np.argsort(-wanted[:, 4], kind="stable")]
    np.testing.assert_allclose(np.c_[corners, scores], wanted, rtol=1e-6)


def test_weak_and_double_boxes_are_left_out_and_the_best_come_first():
    rows = np.zeros((30, 8), np.float32)
    rows[[3, 4], 4] = rows[[3, 4], 6] = 1  # neighbouring cells, moved onto each other
    rows[4, 0] = -1
    rows[4, 4] = 0.9
    rows[20, 4:] = 0.05
    corners, scores = GRID.decode(rows, INPUT_HW)
    assert scores.tolist() == [1]
    np.testing.assert_allclose(corners, [[20, -4, 28, 4]])


def test_only_the_best_candidates_are_compared():
    side = 8 * 50
    many = BoxRows("grid", 1, 0, (8,), nms=0.5, least=0, most=10_000)
    rows = np.zeros((50 * 50, 6), np.float32)
    rows[:, 4:] = np.random.default_rng(0).random((2500, 2))
    _, scores = many.decode(rows, (side, side))
    assert len(scores) == CANDIDATES
    assert scores.min() >= np.sort(rows[:, 4] * rows[:, 5])[-CANDIDATES] * (1 - 1e-6)


def test_an_overflow_of_a_side_is_no_infinity():
    rows = np.zeros((30, 8), np.float32)
    rows[0] = [0, 0, 500, 500, 1, 1, 1, 1]
    assert np.isfinite(GRID.decode(rows, INPUT_HW)[0]).all()


def test_corners_are_taken_as_they_are_and_the_class_is_that_of_the_person():
    one = BoxRows("corners", least=0.1)
    rows = np.array([[1, 2, 3, 4, 0.5], [5, 6, 7, 8, 0.9], [0, 0, 1, 1, 0.05]], np.float32)
    corners, scores = one.decode(rows, INPUT_HW)
    np.testing.assert_allclose(corners, [[5, 6, 7, 8], [1, 2, 3, 4]])
    np.testing.assert_allclose(scores, [0.9, 0.5])
    classes = BoxRows("corners", classes=80, person=7, most=1)
    labelled = np.concatenate([rows, [[7], [3], [7]]], 1).astype(np.float32)
    assert classes.decode(labelled, INPUT_HW)[0].tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("rows", "shape", "says"),
    [
        (BoxRows("corners"), (1, 9, 5), None),
        (BoxRows("corners"), (1, 9, 6), r"rows of 5 numbers, \(1, N, 5\), got \(1, 9, 6\)"),
        (BoxRows("corners", classes=2), (1, 9, 6), None),
        (BoxRows("corners"), (9, 5), "rows of 5 numbers"),
        (GRID, (1, 30, 8), None),
        (GRID, (1, 30, 85), "rows of 8 numbers"),
        (GRID, (1, 31, 8), "expected 30 rows, one for each cell .* 32x48 pixels, got 31"),
    ],
)
def test_rows_of_another_shape_are_named(rows, shape, says):
    problems = list(rows.problems(shape, INPUT_HW))
    if says is None:
        assert problems == []
    else:
        (problem,) = problems
        assert re.search(says, problem)
