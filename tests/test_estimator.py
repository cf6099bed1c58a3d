"""posemark.load: the same poses as `run` writes, and errors that name the mistake."""

import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

import posemark
from posemark import detectors
from posemark.core import errors
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.frame import NOBODY, Boxes, Moment
from posemark.datasets.boxes import open_boxes
from posemark.datasets.sample import Sample
from posemark.models import spec_of
from posemark.records import files
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.run.setting import folder_of, write
from runs import run_one

SMALL = "naive-litehrnet-18-256x192"
BOTTOM_UP = "openpose-coco"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def frames():
    return Sample(6).frames()


@pytest.fixture(scope="module")
def small():
    return posemark.load(SMALL, weights="none")


def image_of(frame):
    return cv2.imdecode(np.frombuffer(frame.read(), np.uint8), cv2.IMREAD_COLOR)


def saved(tmp_path, model):
    """A checkpoint that counts as trained, so that a run stores the network's poses."""
    from safetensors.torch import save_file

    from posemark.nn import formula

    network = spec_of(model).build()
    formula.initialise(network)
    path = tmp_path / "trained.safetensors"
    save_file(network.state_dict(), path)
    return path


def test_an_estimator_is_printed_in_one_line(small):
    assert repr(small) == f"Estimator({SMALL}, torch fp32 on cpu)"


def test_the_poses_are_those_that_a_run_writes(tmp_path, frames):
    path = saved(tmp_path, SMALL)
    options = Options("sample", 1, weights=str(path))
    (job,) = plan([f"{SMALL}@gt"], options)
    record = files.read(run_one(prepare_job(job, Sample(6), frames), tmp_path / "run")[0])
    estimator = posemark.load(SMALL, weights=str(path))
    boxes = open_boxes("gt", spec_of(SMALL).convention, 0, "sample", frames)
    counts = []
    for frame, line in zip(frames, record.frames, strict=True):
        poses = estimator(image_of(frame), boxes.of(frame).boxes_xywh)
        written = np.reshape(line.poses.keypoints, (-1, 17, 3))
        np.testing.assert_allclose(poses.keypoints_xy, written[..., :2], atol=1e-3)
        np.testing.assert_allclose(poses.keypoint_scores, written[..., 2], atol=2e-5)
        np.testing.assert_allclose(poses.scores, line.poses.scores, atol=2e-5)
        counts.append(len(poses))
    assert max(counts) > 1
    assert 0 in counts, "a frame without people is one too"


def test_detected_boxes_give_their_scores_to_the_poses(small, frames):
    image, box = image_of(frames[0]), [[20, 30, 100, 200]]
    full, half = small(image, box), small(image, box, [0.5])
    assert half.scores == pytest.approx(full.scores / 2)


def test_a_setting_is_what_runs(tmp_path, small):
    assert (small.runtime, small.precision, small.device) == ("torch", "fp32", "cpu")
    write(folder_of(f"{SMALL}@gt") / "best.toml", {"precision": "bf16", "codec": "argmax"}, [])
    tuned = posemark.load(SMALL, weights="none", setting="best")
    assert (tuned.precision, tuned.spec.codec.name) == ("bf16", "argmax")


def test_bottom_up_models_need_no_boxes_and_take_none(frames, monkeypatch):
    estimator = posemark.load(BOTTOM_UP, weights="none")
    seen = []
    session = estimator.pipeline.session
    monkeypatch.setattr(session, "infer", lambda batch: seen.append(batch.shape) or maps(batch))

    def maps(batch):
        _, _, height, width = batch.shape
        shapes = spec_maps(height // 8, width // 8)
        return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}

    poses = estimator(image_of(frames[0]))
    assert (len(seen), len(poses)) == (1, 0)
    with pytest.raises(UsageError, match="is bottom-up"):
        estimator(image_of(frames[0]), [[0, 0, 9, 9]])


def spec_maps(height, width):
    """Return the shapes of the outputs of OpenPose's network, by name."""
    frame = Sample(1).frames()[0]
    codec = spec_of(BOTTOM_UP).codec
    (scaled,) = spec_of(BOTTOM_UP).method.sizing.inputs(frame.size_wh, (1.0,))
    outputs = codec.encode(frame.truth, scaled, False)
    return {name: (*each.shape[:2], height, width) for name, each in outputs.items()}


@pytest.mark.parametrize(
    ("image", "boxes", "words"),
    [
        (None, [], "got shape None of NoneType"),
        (np.zeros((4, 4), np.uint8), [], "(4, 4)"),
        (np.zeros((4, 4, 3), np.float32), [], "float32"),
        (np.zeros((0, 4, 3), np.uint8), [], "(0, 4, 3)"),
        (np.zeros((9, 9, 3), np.uint8), None, "needs the boxes"),
        (np.zeros((9, 9, 3), np.uint8), [1, 2, 3, 4], "got shapes (4,)"),
        (np.zeros((9, 9, 3), np.uint8), 3, "got shapes ()"),
        (np.zeros((9, 9, 3), np.uint8), [[0, 0, 5, 5], [20, 0, 5, 5]], "box 1, [20.0"),
        (np.zeros((9, 9, 3), np.uint8), [[0, 0, np.nan, 5]], "box 0"),
    ],
)
def test_impossible_arguments_are_explained(small, image, boxes, words):
    with pytest.raises(UsageError) as error:
        small(image, boxes)
    assert words in str(error.value)


def test_no_boxes_are_no_poses(small):
    assert len(small(np.zeros((9, 9, 3), np.uint8), [])) == 0


def test_untrained_weights_must_be_asked_for(tmp_path):
    with pytest.raises(UsageError, match="weights='none' if only"):
        posemark.load(SMALL)
    with pytest.raises(CheckpointError):
        posemark.load(f"{SMALL}.mine")
    with pytest.raises(UsageError, match=r"'lite\*' matches \d+ entries"):
        posemark.load("lite*", weights="none")


def test_importing_the_package_stays_light():
    code = "import posemark, sys; posemark.load; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_several_crops_in_a_forward_give_the_same(small, frames):
    batched = replace(small, pipeline=replace(small.pipeline, most=4))
    image = image_of(frames[0])
    boxes = [[20 * i, 30, 100, 200] for i in range(5)]
    one, several = small(image, boxes), batched(image, boxes)
    np.testing.assert_allclose(one.keypoints_xy, several.keypoints_xy, atol=1e-3)


def test_the_package_exports_what_an_application_names():
    exported = {name: getattr(posemark, name) for name in posemark.__all__}
    assert exported["Estimator"] is type(posemark.load(SMALL, weights="none"))
    assert exported["Poses"].__module__ == exported["Boxes"].__module__ == "posemark.core.frame"
    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree - {"Mapping"} <= exported.keys(), "every error of the tree"
    assert set(dir(posemark)) >= {"load", "network"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        posemark.nothing  # noqa: B018


def test_poses_know_their_skeleton(small, frames):
    poses = small(image_of(frames[0]), [[20, 30, 100, 200]])
    assert isinstance(poses.skeleton, posemark.Skeleton)
    assert len(poses.skeleton.sigmas) == poses.keypoints_xy.shape[1]


def test_options_of_a_run_are_options_of_an_application():
    estimator = posemark.load(SMALL, weights="none", precision="bf16", codec="argmax", flip=True)
    assert (estimator.precision, estimator.spec.codec.name) == ("bf16", "argmax")
    assert estimator.pipeline.flip
    for wrong, words in (
        ({"threads": 0}, "load\\(\\): threads: expected 1 to 1024, got 0"),
        ({"max_batch": 4}, "max_batch=4 only applies with persons='batched'"),
        ({"flip": "no"}, "flip"),
        ({"persons": "batchd"}, "persons"),
        ({"threads": "2"}, "threads"),
        ({"threads": 10**30}, "threads: expected 1 to 1024"),
        ({"codec": ""}, "codec='': expected a value, got an empty one"),
        ({"prec": "bf16"}, "takes no option 'prec'; it takes runtime, precision"),
        ({"runtime": "caffe"}, "no runtime is called 'caffe'"),
        ({"precision": "fp8"}, "precision"),
    ):
        with pytest.raises(UsageError, match=words):
            posemark.load(SMALL, weights="none", **wrong)


def test_an_option_must_not_contradict_the_setting():
    write(folder_of(f"{SMALL}@gt") / "best.toml", {"precision": "bf16"}, [])
    assert posemark.load(SMALL, "none", "best", codec="argmax").precision == "bf16"
    with pytest.raises(UsageError, match="--precision fp32 contradicts the setting"):
        posemark.load(SMALL, "none", "best", precision="fp32")


@pytest.mark.parametrize("name", [3, None, b"x", "", ["naive-litehrnet-18-256x192"]])
def test_a_name_is_text_or_a_path(name):
    with pytest.raises(UsageError, match="name: expected a name or a path"):
        posemark.load(name, weights="none")


def test_weights_and_settings_may_be_paths(tmp_path):
    setting = tmp_path / "own.toml"
    write(setting, {"precision": "bf16"}, [])
    estimator = posemark.load(SMALL, weights=saved(tmp_path, SMALL), setting=setting)
    assert estimator.precision == "bf16"


BOX = [[10, 10, 40, 60]]


@pytest.mark.parametrize(
    ("boxes", "scores", "words"),
    [
        ("box", None, "boxes_xywh: expected an array of numbers"),
        ([[1, 2, 3, 4], [1, 2]], None, "boxes_xywh: expected an array of numbers"),
        ({}, None, "boxes_xywh: expected an array of numbers"),
        (BOX, ["a"], "box_scores: expected an array of numbers"),
        (BOX, [np.nan], "box_scores.0. is nan: expected a number from 0 to 1"),
        (BOX, [7], "box_scores.0. is 7.0: expected a number from 0 to 1"),
        ([[-1e300, -1e300, 2e300, 2e300]], None, "has no size or is outside"),
        ([[10, 10, 1e-300, 1e-300]], None, "has no size or is outside"),
    ],
)
def test_boxes_and_scores_are_numbers_within_reason(small, boxes, scores, words):
    with pytest.raises(UsageError, match=words):
        small(np.zeros((90, 80, 3), np.uint8), boxes, scores)


def test_threads_wait_passively_before_torch_is_loaded():
    code = (
        "import os, sys; os.environ.pop('OMP_WAIT_POLICY', None); import posemark; "
        f"posemark.network({SMALL!r}); sys.exit(os.environ['OMP_WAIT_POLICY'] != 'passive')"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- smoothed people ----------------------------------------------------------------------------


class Middle:
    """A detector that sees one person in the middle of every image."""

    def __init__(self, size):
        pass

    def detect(self, image_bgr):
        height, width = image_bgr.shape[:2]
        return Boxes(np.array([[width / 4, height / 4, width / 2, height / 2]]), np.ones(1))


@pytest.fixture
def middle(monkeypatch):
    names = ("middle", "the middle", "none", "numpy", lambda: "1", 100, lambda: "", Middle)
    monkeypatch.setattr(detectors, "built_in", lambda: {"middle": detectors.BuiltIn(*names)})


def test_people_of_a_detector_may_be_followed_and_smoothed(frames, middle):
    estimator = posemark.load(SMALL, weights="none", smooth=True, detector="middle", every=2)
    people = estimator.pipeline.people
    assert people.looks
    assert people.remembers
    image = image_of(frames[0])
    for index in range(2):
        poses = estimator.pipeline.poses(image, NOBODY, Moment(0, index, index / 25))
        assert poses.ids is not None
    with pytest.raises(UsageError, match=r"needs the time of every frame.*posemark.track\(\)"):
        estimator(image)


@pytest.mark.parametrize("smooth", ["yes", 1, None])
def test_smoothing_is_wanted_or_not(smooth):
    with pytest.raises(UsageError, match=rf"smooth: expected True or False, got {smooth!r}"):
        posemark.load(BOTTOM_UP, weights="none", smooth=smooth)


def test_a_bottom_up_model_may_be_smoothed():
    people = posemark.load(BOTTOM_UP, weights="none", smooth=True).pipeline.people
    assert people.remembers
    assert not people.looks
