"""People who are followed between the looks of a detector: how often it looks, and for whom."""

import numpy as np
import pytest

from posemark.core.errors import UsageError
from posemark.core.frame import NOBODY, Boxes, Moment, Poses
from posemark.core.skeleton import COCO_17
from posemark.geometry.boxes import iou
from posemark.pipelines.follow import LOST_SCORE, Follower, Tracked
from posemark.pipelines.people import GIVEN
from posemark.tracking.tracker import NO_TRACK, START_SCORE, Tracker
from walkers import boxes_of, poses_at, standing

IMAGE = np.zeros((400, 640, 3), np.uint8)
SCORE = 0.7  # of the boxes of the detector
POOR = 0.05  # person score of a crop without a person


def seen_of(people):
    """Return the boxes (P, 4) of the parts of people (P, 17, 2) inside the image."""
    boxes = boxes_of(np.array(people).reshape(-1, 17, 2))
    first = np.clip(boxes[:, :2], 0, (640, 400))
    last = np.clip(boxes[:, :2] + boxes[:, 2:], 0, (640, 400))
    return np.concatenate([first, last - first], 1)


class Detector:
    """Finds the people of the scene whose numbers are not in `blind`."""

    looks = True

    def __init__(self):
        self.scene, self.calls, self.blind = np.zeros((0, 17, 2)), 0, set()

    def find(self, image_bgr, given, moment):
        self.calls += 1
        seen = [person for at, person in enumerate(self.scene) if at not in self.blind]
        return Boxes(seen_of(seen), np.full(len(seen), SCORE))

    def saw(self, boxes, poses, moment):
        return poses


class Network:
    """Finds the person whose box overlaps a given box most; scores are as in a real pipeline."""

    def __init__(self):
        self.quality = 0.9

    def poses(self, boxes, scene):
        overlap = (
            iou(boxes.boxes_xywh, boxes_of(scene)) if len(scene) else np.zeros((len(boxes), 1))
        )
        best = overlap.argmax(1)
        hit = overlap.max(1) > 0
        empty = boxes.boxes_xywh[:, None, :2] + np.arange(34).reshape(1, 17, 2)
        points = np.where(hit[:, None, None], scene[best] if len(scene) else empty, empty)
        values = np.where(hit, self.quality, POOR)
        poses = Poses(points, np.repeat(values[:, None], 17, 1), values * boxes.scores, COCO_17)
        _, first = np.unique(best + 99 * ~hit, return_index=True)  # OKS-NMS drops doubles
        return Poses(points[first], poses.keypoint_scores[first], poses.scores[first], COCO_17)


class Stream:
    """A follower with a fake detector and network, to which scenes are shown."""

    def __init__(self, every):
        self.detector, self.network = Detector(), Network()
        self.follower = Follower(self.detector, every)
        self.shown, self.origins, self.ids = 0, [], []

    def show(self, *people, moment=None):
        scene = self.detector.scene = np.array(people, float).reshape(-1, 17, 2)
        moment = moment or Moment(0, self.shown, self.shown / 30)
        boxes = self.follower.find(IMAGE, NOBODY, moment)
        poses = self.follower.saw(boxes, self.network.poses(boxes, scene), moment)
        self.shown += 1
        self.origins.append(boxes.origin)
        self.ids.append(poses.ids.tolist())
        return boxes, poses


LEFT, MIDDLE, RIGHT = (standing(x, 350, 300) for x in (120, 320, 520))


@pytest.mark.parametrize("every", [1, 3, 10])
def test_the_detector_looks_at_every_kth_frame(every):
    stream = Stream(every)
    for t in range(30):
        stream.show(standing(100 + 5 * t, 350, 300), RIGHT)
    assert stream.origins == ["followed" if t % every else "detected" for t in range(30)]
    assert stream.detector.calls == len(range(0, 30, every))
    assert stream.ids == [[0, 1]] * 30


def test_frames_without_moments_are_one_stream():
    detector = Detector()
    follower = Follower(detector, 4)
    detector.scene = np.array([LEFT])
    for _ in range(12):
        boxes = follower.find(IMAGE, NOBODY, None)
        follower.saw(boxes, Network().poses(boxes, detector.scene), None)
    assert detector.calls == 3


def test_to_find_changes_nothing():
    stream = Stream(10)
    stream.show(LEFT, RIGHT)
    moment = Moment(0, 1, 1 / 30)
    found = [stream.follower.find(IMAGE, NOBODY, moment) for _ in range(3)]
    assert all((boxes.boxes_xywh == found[0].boxes_xywh).all() for boxes in found)
    stream.show(LEFT)
    stream.follower.find(IMAGE, NOBODY, Moment(0, 2, 2 / 30))
    assert stream.show(LEFT)[0].origin == "early", "the first call has not used up the loss"


def test_one_leaves_and_another_comes():
    """A tracker that always wants the former number of people looks at 93 of such 120 frames."""
    stream = Stream(10)
    for t in range(120):
        people = [MIDDLE]
        if t < 34:
            people.append(LEFT)
        if t >= 47:
            people.append(RIGHT)
        stream.show(*people)
    early = [t for t, origin in enumerate(stream.origins) if origin == "early"]
    assert early == [35], "LEFT is missing in frame 34"
    assert stream.detector.calls == 120 / 10 + len(early)
    found = [len(ids) for ids in stream.ids]
    assert found == [2] * 34 + [2] + [1] * 15 + [2] * 70, "a newcomer waits for the next turn"
    assert stream.ids[-1] == [0, 2]


def test_people_who_come_and_go_cost_one_look_each():
    rng, stream = np.random.default_rng(0), Stream(8)
    places = np.array([standing(80 + 95 * k, 350, 250) for k in range(6)])
    there = rng.random(6) < 0.5
    losses = 0
    for _ in range(400):
        leaving = there & (rng.random(6) < 0.03)
        there = (there & ~leaving) | (~there & (rng.random(6) < 0.03))
        losses += int(leaving.sum())
        stream.show(*places[there])
    turns = 400 / 8
    assert stream.origins.count("detected") == turns
    assert 0 < stream.origins.count("early") <= losses
    assert stream.detector.calls == turns + stream.origins.count("early")


def test_one_who_is_found_again_early_keeps_the_id():
    stream = Stream(10)
    stream.show(LEFT)
    stream.show(np.add(LEFT, (160, 0)))  # the box around the last pose misses
    stream.show(np.add(LEFT, (20, 0)))
    assert stream.origins == ["detected", "followed", "early"]
    assert (stream.ids[0], stream.ids[2]) == ([0], [0])


def test_one_who_is_lost_again_and_again_brings_the_detector_back_once_per_turn():
    stream = Stream(10)
    for t in range(40):
        stream.network.quality = POOR if t % 2 else 0.9
        stream.show(LEFT)
    assert stream.detector.calls == 4 + 4


def test_one_whom_the_detector_misses_gets_a_second_look():
    stream = Stream(5)
    for t in range(10):
        stream.detector.blind = {1} if t == 5 else set()
        stream.show(LEFT, RIGHT)
    assert stream.origins[5:7] == ["detected", "early"]
    assert [len(ids) for ids in stream.ids] == [2] * 5 + [1] + [2] * 4
    assert stream.ids[-1] == [0, 1]


def test_a_poor_pose_is_not_followed():
    stream = Stream(10)
    stream.network.quality = 0.9 * START_SCORE / SCORE
    for _ in range(10):
        stream.show(LEFT)
    assert stream.ids == [[NO_TRACK], *[[]] * 9]
    assert stream.detector.calls == 1, "nobody is lost who was never followed"


def test_a_pose_that_becomes_poor_is_followed_until_it_is_lost():
    stream = Stream(20)
    for quality in (0.9, 1.1 * LOST_SCORE / SCORE, 0.9 * LOST_SCORE / SCORE, 0.9, 0.9):
        stream.network.quality = quality
        stream.show(LEFT)
    assert stream.origins == ["detected", "followed", "followed", "early", "followed"]


def test_one_who_has_left_the_image_is_forgotten():
    stream = Stream(40)
    for t in range(40):
        boxes, _ = stream.show(standing(120 - 6 * t, 350, 300), RIGHT)
        assert (boxes.boxes_xywh[:, :2] >= 0).all()
    people = [len(ids) for ids in stream.ids]
    outside = people.index(1)
    assert 29 <= outside <= 33, "the key points are outside from frame 29 on"
    assert people[outside:] == [1] * (40 - outside)
    assert stream.detector.calls == 1, "who walks out is not looked for"


def test_an_empty_scene_is_not_looked_at_until_the_next_turn():
    stream = Stream(10)
    for t in range(20):
        stream.show(*([LEFT] if t >= 3 else []))
    assert stream.detector.calls == 2
    assert [len(ids) for ids in stream.ids] == [0] * 10 + [1] * 10


@pytest.mark.parametrize("moment", [Moment(1, 4, 0.1), Moment(0, 0, 0), Moment(0, 2, 0.1)])
def test_another_clip_begins_with_a_look_and_new_ids(moment):
    stream = Stream(10)
    for _ in range(4):
        stream.show(LEFT, RIGHT)
    stream.show(LEFT, RIGHT, moment=moment)
    assert stream.origins[-1] == "detected"
    assert stream.ids[-1] == [2, 3]
    following = Moment(moment.clip, moment.index + 1, moment.time_s + 0.1)
    assert stream.show(LEFT, RIGHT, moment=following)[0].origin == "followed"


def test_a_turn_that_falls_on_a_dropped_frame_is_made_up_for():
    stream = Stream(10)
    for index in (0, 3, 8, 9, 12, 13, 20, 21):
        stream.show(LEFT, moment=Moment(0, index, index / 30))
    looks = ["detected", *["followed"] * 3, "detected", "followed", "detected", "followed"]
    assert stream.origins == looks


def test_followed_boxes_are_nearly_those_of_the_detector():
    stream = Stream(100)
    detected, _ = stream.show(LEFT, RIGHT)
    for _ in range(30):
        followed, poses = stream.show(LEFT, RIGHT)
    assert np.diag(iou(detected.boxes_xywh, followed.boxes_xywh)).min() > 0.75
    assert followed.scores.tolist() == [SCORE] * 2, "scores do not fade"
    np.testing.assert_allclose(poses.scores, 0.9 * SCORE)


def test_an_interval_below_one_is_refused():
    with pytest.raises(UsageError, match="at least 1, got 0. Use 1"):
        Follower(Detector(), 0)


def test_given_boxes_and_people_of_bottom_up_models_get_ids():
    tracked = Tracked(GIVEN, Tracker())
    given = Boxes(boxes_of(np.array([LEFT])), np.ones(1))
    assert not tracked.looks
    assert tracked.find(IMAGE, given, None) is given
    for clip, first in ((0, 0), (1, 2)):
        for index in range(3):
            seen = tracked.saw(NOBODY, poses_at([LEFT, RIGHT]), Moment(clip, index, index / 30))
            assert seen.ids.tolist() == [first, first + 1]
