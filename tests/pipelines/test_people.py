"""The stage "detect", with a test double of a detector, which runs inside the clock."""

import cv2
import numpy as np
import pytest

from posemark.core.errors import UsageError
from posemark.core.frame import NOBODY, Boxes
from posemark.core.skeleton import COCO_17
from posemark.datasets.boxes import open_boxes
from posemark.datasets.sample import Sample
from posemark.estimator import Estimator
from posemark.measure.clock import STAGES
from posemark.measure.loop import run_block
from posemark.models import spec_of
from posemark.pipelines.build import Processing, pipeline_of
from posemark.run.record_lines import frame_line

SPEC = spec_of("naive-litehrnet-18-256x192")


class Detector:
    """Recognises the picture of a known scene, and returns its annotated people."""

    looks, remembers = True, False

    def __init__(self, frames):
        source = open_boxes("gt", SPEC.convention, 0, "sample", frames)
        self._known = {self._key(picture(frame)): source.of(frame) for frame in frames}
        self.calls = 0
        self.seen = []

    def find(self, image_bgr, given, moment):
        assert len(given) == 0, "nothing is given where a detector looks"
        self.calls += 1
        return self._known[self._key(image_bgr)]

    def saw(self, boxes, poses, moment):
        self.seen.append(moment)
        return poses

    def _key(self, image):
        return cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).tobytes()


class Session:
    """A network whose output is noise; it keeps the sizes of its batches."""

    runtime, precision, device = "fake", "fp32", "cpu"

    def __init__(self):
        self.batches = []

    def prepare(self, shape):
        self.batches.append(("ready", shape[0]))

    def infer(self, batch):
        self.batches.append(("run", len(batch)))
        maps = np.random.default_rng(0).random((len(batch), 17, 64, 48), np.float32)
        return {"heatmaps": maps}


def picture(frame):
    return cv2.imdecode(np.frombuffer(frame.read(), np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def frames():
    return [f for f in Sample(40).frames() if len(f.truth) in (2, 3)][:3]


@pytest.mark.parametrize("trained", [True, False])
def test_a_detectors_time_is_booked_and_its_boxes_are_the_load(frames, trained):
    detector = Detector(frames)
    how = Processing(trained=trained, people=detector, most=8)
    pipeline = pipeline_of(SPEC, Session(), how)
    lines = []
    for frame, work, timed in run_block(
        iter(frames), lambda f: pipeline.prepare(f, NOBODY), pipeline.process, 60
    ):
        assert tuple(timed.stages) == STAGES
        assert timed.stages["detect"] > 0
        lines.append(frame_line(frame, work, timed, pipeline, None))
    assert [line.boxes for line in lines] == [len(frame.truth) for frame in frames]
    assert detector.calls == 2 * len(frames), "once outside the clock, to get ready, once inside"
    kinds = [kind for kind, _ in pipeline.session.batches]
    assert kinds == ["ready", "run"] * len(frames)


def test_the_poses_are_those_of_the_same_boxes_given(frames):
    source = open_boxes("gt", SPEC.convention, 0, "sample", frames)
    looked = pipeline_of(SPEC, Session(), Processing(trained=False, people=Detector(frames)))
    given = pipeline_of(SPEC, Session(), Processing(trained=False))
    for frame in frames:
        one = looked.process(looked.prepare(frame, NOBODY), lambda _: None)
        other = given.process(given.prepare(frame, source.of(frame)), lambda _: None)
        np.testing.assert_array_equal(one.poses.keypoints_xy, other.poses.keypoints_xy)
        assert (one.load, one.poses.skeleton) == (other.load, COCO_17)


def test_an_estimator_with_a_detector_needs_no_boxes(frames):
    with_detector = Estimator.of(SPEC, Session(), Processing(people=Detector(frames)))
    assert len(with_detector(picture(frames[0]))) >= 1
    without = Estimator.of(SPEC, Session(), Processing())
    with pytest.raises(UsageError, match="needs the boxes of the people"):
        without(picture(frames[0]))


def test_given_boxes_cost_no_look_at_the_image():
    boxes = Boxes(np.array([[1.0, 2, 3, 4]]), np.ones(1))
    people = Processing().people
    assert not people.looks
    assert people.find(np.zeros((9, 9, 3), np.uint8), boxes, None) is boxes
