"""Poses on ground-truth boxes beside those on a detector's: which frames get a line."""

import numpy as np
import pytest

from posemark.core.errors import FrameError
from posemark.core.frame import NOBODY, Boxes, Poses
from posemark.core.skeleton import COCO_17
from posemark.datasets.sample import Sample
from posemark.run.model_accuracy import OnTruth

ONE = Boxes(np.array([[1.0, 2, 3, 4]]), np.ones(1))


@pytest.fixture
def frames():
    return Sample(5).frames()


def poses(value=7.0):
    return Poses(np.full((1, 17, 2), value), np.ones((1, 17)), np.ones(1), COCO_17)


def test_every_image_has_one_line_however_often_it_is_measured(frames):
    asked = []
    on_truth = OnTruth(lambda _: ONE, lambda f, _: asked.append(f.image_id) or poses(), {2})
    ids = [line.image_id for line in on_truth.lines([*frames[:3], frames[0]])]
    assert ids == asked == [1, 3]
    assert list(on_truth.lines(frames[:3])) == []


def test_an_image_without_people_is_not_read(frames):
    on_truth = OnTruth(lambda _: NOBODY, lambda *_: pytest.fail("the image was read"), set())
    (line,) = on_truth.lines(frames[:1])
    assert line.people.scores == []


def test_what_cannot_be_used_has_no_line(frames):
    def broken(frame, _):
        if frame.image_id == 1:
            raise FrameError("damaged")
        return poses(np.nan if frame.image_id == 2 else 7.0)

    on_truth = OnTruth(lambda _: ONE, broken, set())
    assert [line.image_id for line in on_truth.lines(frames[:3])] == [3]
