"""posemark.track: frames of videos, cameras and images with their people, as a stream."""

import cv2
import numpy as np
import pytest

import posemark
from made_streams import BLUE, BODY, RED, finder, make_video, picture, walk
from posemark.core.errors import DataError, FrameError, UsageError
from posemark.core.frame import Boxes
from posemark.measure.clock import STAGES
from posemark.models import spec_of
from posemark.pipelines.build import Processing
from posemark.pipelines.follow import Tracked
from posemark.pipelines.people import GIVEN, GivenBoxes
from posemark.predict.inputs import inputs_of
from posemark.predict.shots import Part, Remarks
from posemark.predict.stream import Observer, observed
from posemark.tracking.tracker import Tracker


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("video") / "walk.mp4", frames=26)


def test_a_video_is_a_stream_of_frames_with_people_who_keep_their_ids(video):
    frames = list(posemark.track(finder(), video))
    assert [frame.index for frame in frames] == list(range(26))
    assert [frame.time_s for frame in frames] == pytest.approx([i / 10 for i in range(26)])
    assert {frame.name for frame in frames} == {"walk.mp4"}
    for frame in frames:
        nose = dict(zip(frame.poses.ids.tolist(), frame.poses.keypoints_xy[:, 0], strict=True))
        assert np.allclose(nose[0] - BODY[0], walk(frame.index)[RED], atol=2)
        assert frame.image_bgr.shape == (240, 320, 3)
        assert tuple(frame.stages_ns) == STAGES
        assert frame.latency_ns == sum(frame.stages_ns.values()) > 0
        assert frame.stages_ns["decode"] > 0
    assert len(str(frames[0])) < 400  # no pixels


def test_a_part_of_a_video(video):
    frames = list(posemark.track(finder(), str(video), start_s=0.5, end_s=1.5, step=3))
    assert [frame.index for frame in frames] == [5, 8, 11, 14]
    assert {i for frame in frames for i in frame.poses.ids.tolist()} == {0, 1}


def test_frames_are_found_when_they_are_wanted(video):
    calls = []

    class Counted(GivenBoxes):
        def saw(self, boxes, poses, moment):
            calls.append(moment.index)
            return poses

    frames = posemark.track(finder(people=Counted()), video)
    assert calls == []
    next(frames), next(frames)
    assert calls == [0, 1]


def test_a_second_video_has_a_first_frame_of_its_own(video):
    moments = []

    class Noted(GivenBoxes):
        def saw(self, boxes, poses, moment):
            moments.append(moment.index)
            return poses

    estimator = finder(people=Noted())
    for _ in range(2):
        first, *_ = posemark.track(estimator, video, end_s=0.3)
        assert first.poses.ids.tolist() == [0, 1]
    assert moments == [0, 1, 2, 0, 1, 2]


def test_the_ids_of_every_video_begin_at_0(tmp_path):
    def late(frame):
        return walk(frame) if frame > 1 else {}

    estimator = finder(people=Tracked(GIVEN, Tracker()))
    for number in range(2):
        video = make_video(tmp_path / f"{number}.mp4", frames=5, spots=late)
        ids = [frame.poses.ids.tolist() for frame in posemark.track(estimator, video)]
        assert ids == [[], [], [0, 1], [0, 1], [0, 1]]


@pytest.fixture
def images(tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture({BLUE: (100, 90 + index)}))
    (tmp_path / "1.png").write_bytes(b"broken")
    return tmp_path


def test_images_stand_alone_and_bad_ones_become_warnings(images):
    with pytest.warns(UserWarning, match="left out: .*1.png: expected a JPEG or PNG image"):
        frames = list(posemark.track(finder(), images))
    assert [(frame.name, frame.index) for frame in frames] == [("0.png", 0), ("2.png", 2)]
    assert all(frame.poses.ids is None and frame.time_s == 0 for frame in frames)


def test_a_picture_that_the_network_cannot_use_is_said_and_the_others_follow(video):
    class Picky(GivenBoxes):
        def find(self, image_bgr, given, moment):
            if moment.time_s == pytest.approx(0.2):
                raise FrameError("too dark")
            return given

    said = []
    estimator = finder(people=Picky())
    frames = list(posemark.track(estimator, video, end_s=0.5, say=said.append))
    assert [frame.index for frame in frames] == [0, 1, 3, 4]
    assert said == ["left out: walk.mp4, picture 2: too dark"]


def test_nobody_is_invented_where_a_detector_finds_nobody(tmp_path):
    class Blind(GivenBoxes):
        def find(self, image_bgr, given, moment):
            return Boxes(np.zeros((0, 4)), np.zeros(0), origin="detected")

    network = posemark.Estimator.of(
        spec_of("naive-litehrnet-18-256x192"),
        NoNetwork(),
        Processing(people=Blind(looks=True)),
    )
    path = make_video(tmp_path / "walk.mp4", frames=3)
    for frame in posemark.track(network, path):
        assert (len(frame.poses), len(frame.boxes)) == (0, 0)


class NoNetwork:
    runtime, precision, device = "fake", "fp32", "cpu"

    def prepare(self, shape):
        raise AssertionError("no crop, no input")


def test_a_top_down_model_without_a_detector_is_refused_at_once(video):
    network = posemark.Estimator.of(
        spec_of("naive-litehrnet-18-256x192"), NoNetwork(), Processing()
    )
    with pytest.raises(UsageError, match="is top-down: it needs a detector that finds the people"):
        posemark.track(network, video)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"start_s": 2, "end_s": 1}, "whose end is after its start, got a part from 2 s to 1 s"),
        ({"start_s": "1"}, "start_s: expected seconds, got '1'"),
        ({"end_s": [2]}, r"end_s: expected seconds, got \[2\]"),
        ({"step": 1.5}, "step: expected a whole number, got 1.5"),
        ({"start_s": -1}, "whose end is after its start, got a part from -1 s on"),
        ({"step": 0}, "step: expected 1 or more, got 0"),
    ],
)
def test_impossible_parts_are_refused(video, choices, says):
    with pytest.raises(UsageError, match=says):
        posemark.track(finder(), video, **choices)


@pytest.mark.parametrize("source", ["", None, 3, ["walk.mp4"]])
def test_what_names_no_source_is_refused(source):
    with pytest.raises(UsageError, match=r"track\(\): expected a video, an image, a folder"):
        posemark.track(finder(), source)


def test_what_is_no_estimator_is_refused(video):
    with pytest.raises(UsageError, match=r"expected an estimator, got None. posemark.load\(\)"):
        posemark.track(None, video)


def test_a_part_beyond_the_end_is_refused(video):
    with pytest.raises(DataError, match="no picture lies from 9 s on; the video has 2.6"):
        posemark.track(finder(), video, start_s=9)


def test_several_estimators_see_the_same_picture(images):
    (each,) = inputs_of([str(images)], Part(step=2))
    pair = [Observer(finder(), False), Observer(finder(), False)]
    for one, other in observed(pair, each, Remarks(print)):
        assert one.image_bgr is other.image_bgr
        assert np.array_equal(one.poses.keypoints_xy, other.poses.keypoints_xy)
