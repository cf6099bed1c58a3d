"""Rows y, x, score: decoding returns what was encoded."""

import numpy as np

from posemark.codecs.coordinates import OUTPUT, Coordinates
from posemark.core.skeleton import COCO_17
from posemark.geometry.conventions import HRNET

CODEC = Coordinates((192, 256))


def decoded(rows):
    return CODEC.decode({OUTPUT: rows}, None, HRNET, COCO_17)


def test_rows_are_shares_of_height_and_width():
    rows = np.zeros((1, 1, 17, 3), np.float32)
    rows[0, 0, 3] = 0.25, 0.5, 0.875  # y, x, score
    cells, scores = decoded(rows)
    assert cells[0, 3].tolist() == [96, 64]
    assert scores[0, 3] == 0.875


def test_what_is_encoded_is_read_back_and_what_is_hidden_or_outside_scores_nothing():
    points = np.random.default_rng(0).uniform(0, 190, (5, 17, 2))
    points[0, 0] = -1, 5
    visible = np.ones((5, 17), bool)
    visible[1, 1] = False
    encoded = CODEC.encode(points, visible, (192, 256))[OUTPUT]
    assert encoded.shape == (5, 1, 17, 3)
    cells, scores = decoded(encoded)
    np.testing.assert_allclose(cells, points, atol=1e-4)
    assert scores[0, 0] == scores[1, 1] == 0
    assert scores.sum() == 5 * 17 - 2
    assert CODEC.encode(points[:0], visible[:0], (192, 256))[OUTPUT].shape == (0, 1, 17, 3)
