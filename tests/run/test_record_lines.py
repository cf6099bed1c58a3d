"""Lines of a record from measurements: only finite poses are stored."""

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from posemark.core.frame import Boxes, Poses
from posemark.core.skeleton import COCO_17
from posemark.measure.clock import STAGES
from posemark.measure.loop import Timed
from posemark.pipelines import Found
from posemark.records import schema
from posemark.run.record_lines import frame_line

FRAME = SimpleNamespace(image_id=7)
BOXES = Boxes(np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]), np.array([0.5, 0.25]), dropped=1)


def line(poses, trained=True, boxes=BOXES):
    pipeline = SimpleNamespace(trained=trained, pixels=lambda work: 0)
    timed = Timed(dict.fromkeys(STAGES, 1), 5, Found(poses, load=2, boxes=boxes))
    made = frame_line(FRAME, object(), timed, pipeline, None)
    assert made.error or (made.boxes, made.dropped) == (2, 1)
    return made


def poses(x=1.0, score=0.5, person=0.5):
    points, scores = np.ones((2, 17, 2)), np.full((2, 17), 0.5)
    points[1, 3, 0], scores[1, 3] = x, score
    return Poses(points, scores, np.array([0.9, person]), COCO_17)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e10])
@pytest.mark.parametrize("place", ["x", "score", "person"])
def test_a_frame_with_output_that_is_not_finite_fails_and_the_reason_is_stated(place, value):
    made = line(poses(**{place: value}))
    assert made.error.startswith("the network's output is not finite")
    assert made.poses is None
    assert made.stages == {}


def test_poses_that_are_numbers_are_kept_however_far():
    made = line(poses(x=-schema.FARTHEST))
    assert made.error is None
    assert made.poses.keypoints[1][9] == -schema.FARTHEST


def test_without_trained_weights_only_the_time_is_kept():
    made = line(poses(x=np.nan), trained=False)
    assert (made.error, made.poses, made.frame_ns) == (None, None, 5)


@pytest.mark.parametrize("x", [0.5, -1e9, 1e9, 123.4567])
def test_what_is_kept_can_be_read_again(x):
    text = msgspec.json.encode(line(poses(x=x)))
    assert msgspec.json.decode(text, type=schema.Line) == line(poses(x=x))


def test_boxes_found_inside_the_clock_are_kept_and_so_are_ids():
    assert line(poses()).found == []
    assert line(poses()).ids == []
    followed = replace(poses(), ids=np.array([4, -1]))
    made = line(followed, boxes=replace(BOXES, origin="early"))
    assert made.origin == "early"
    assert made.found == [(1, 2, 3, 4, 0.5), (5, 6, 7, 8, 0.25)]
    assert made.ids == [4, -1]
    assert msgspec.json.decode(msgspec.json.encode(made), type=schema.FrameLine) == made
    assert line(followed, trained=False).ids == []
