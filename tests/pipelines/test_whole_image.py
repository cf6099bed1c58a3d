"""The bottom-up pipeline with every bottom-up model of the zoo, on a session that only counts."""

from dataclasses import replace

import numpy as np
import pytest

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes
from posemark.core.spec import ONE_SCALE
from posemark.datasets.sample import Sample
from posemark.geometry.crop import decode_bgr
from posemark.measure.clock import STAGES
from posemark.measure.loop import run_block
from posemark.models import all_models
from posemark.pipelines.whole_image import MOST_INPUT_PIXELS, WholeImagePipeline

SPECS = [spec for spec in all_models().values() if spec.approach == "bottom-up"]
NOBODY = Boxes(np.zeros((0, 4)), np.zeros(0))
VARIANTS = [
    pytest.param(spec, scales, id=f"{spec.name}-{'multi' if len(scales) > 1 else 'single'}")
    for spec in SPECS
    for scales in spec.method.scale_sets
]


class Silent:
    """A session whose network finds no people; it keeps the shapes of its inputs."""

    runtime, precision = "fake", "fp32"

    def __init__(self, spec):
        self.spec, self.shapes, self.prepared = spec, [], []

    def prepare(self, shape):
        self.prepared.append(shape)

    def infer(self, batch):
        self.shapes.append(batch.shape)
        empty = frames(0)[0]
        scaled = self.spec.method.sizing.inputs(empty.size_wh, ONE_SCALE)[0]
        outputs = self.spec.codec.encode(empty.truth, scaled, False)
        ratio = np.array(batch.shape[2:]) / np.array(scaled.size_wh[::-1])
        return {
            name: np.zeros((1, maps.shape[1], *(maps.shape[2:] * ratio).astype(int)), np.float32)
            for name, maps in outputs.items()
        }


def frames(people):
    """Return sample scenes with this many people."""
    return [f for f in Sample(120).frames() if len(f.truth) == people]


def pipeline(spec, scales=ONE_SCALE, flip=False, trained=False):
    return WholeImagePipeline(spec, spec.method, Silent(spec), scales, flip, trained)


@pytest.mark.parametrize(("spec", "scales"), VARIANTS)
@pytest.mark.parametrize("flip", [False, True])
def test_perfect_outputs_give_the_true_people_back(spec, scales, flip):
    """Key points of single people are found within a cell of the coarsest map, in image pixels."""
    line = pipeline(spec, scales, flip)
    for frame in frames(1)[:4]:
        poses = line.perfect(frame, NOBODY)
        base = next(s for s in spec.method.sizing.inputs(frame.size_wh, scales) if s.scale == 1)
        cell = spec.outputs[0].stride / base.affine[0, 0]
        truth = frame.truth.keypoints_xyv[0]
        assert len(poses) >= 1
        off = np.abs(poses.keypoints_xy - truth[:, :2]).max(-1)
        seen = (truth[:, 2] > 0) & (poses.keypoint_scores > 0)
        worst = [
            person[joints].max() for person, joints in zip(off, seen, strict=True) if joints.any()
        ]
        assert min(worst) <= 1.5 * cell


@pytest.mark.parametrize(("spec", "scales"), VARIANTS)
def test_every_stage_is_booked_and_every_scale_is_run_largest_first(spec, scales):
    line = pipeline(spec, scales, flip=True, trained=True)
    frame = frames(1)[0]
    ((_, _, timed),) = run_block(iter([frame]), lambda f: line.prepare(f, NOBODY), line.process, 1)
    assert tuple(timed.stages) == STAGES
    assert timed.stages["infer"] > 0
    assert len(timed.found.poses) == timed.found.load == 0
    sizes = [s.size_wh[::-1] for s in spec.method.sizing.inputs(frame.size_wh, scales)]
    expected = [(1, 3, *size) for size in sizes for _ in ("image", "mirrored")]
    assert line.session.shapes == expected
    assert set(line.session.prepared) == set(expected)
    assert expected == sorted(expected, reverse=True)


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_without_trained_weights_the_codec_reads_perfect_outputs(spec):
    line = pipeline(spec)
    frame = frames(1)[0]
    poses = line.process(line.prepare(frame, NOBODY), lambda stage: None).poses
    expected = line.perfect(frame, NOBODY)
    np.testing.assert_array_equal(poses.keypoints_xy, expected.keypoints_xy)
    assert len(poses) >= 1


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_an_empty_scene_has_no_poses(spec):
    line = pipeline(spec)
    poses = line.process(line.prepare(frames(0)[0], NOBODY), lambda stage: None).poses
    assert poses.keypoints_xy.shape == (0, 17, 2)


def test_a_rescorer_judges_poses_in_image_pixels():
    class Halving:
        def rescored(self, people, scores):
            self.people = people
            return scores / 2

    spec = next(s for s in SPECS if s.method.rescoring)
    plain, judged = pipeline(spec), replace(pipeline(spec), rescorer=Halving())
    frame = frames(3)[0]
    expected, poses = plain.perfect(frame, NOBODY), judged.perfect(frame, NOBODY)
    np.testing.assert_allclose(poses.scores, expected.scores / 2)
    np.testing.assert_array_equal(judged.rescorer.people[..., :2], expected.keypoints_xy)


@pytest.mark.parametrize("spec", [s for s in SPECS if s.family == "OpenPose"], ids=lambda s: s.name)
def test_a_part_that_was_not_found_is_at_minus_1_in_the_image(spec):
    frame = frames(1)[0]
    truth = frame.truth
    truth.keypoints_xyv[0, 13:, 2] = 0
    poses = pipeline(spec).perfect(frame, NOBODY)
    missing = poses.keypoint_scores == 0
    assert missing[:, 13:].all()
    assert (poses.keypoints_xy[missing] == -1).all()
    assert (poses.keypoints_xy[~missing] > 0).all()


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
def test_an_image_whose_input_would_be_enormous_is_a_frame_error(spec):
    frame = replace(frames(1)[0], size_wh=(65500, 10))
    line = pipeline(spec)
    largest = spec.method.sizing.inputs(frame.size_wh, ONE_SCALE)[0].size_wh
    if largest[0] * largest[1] <= MOST_INPUT_PIXELS:
        assert spec.family == "OpenPose", "whose width is bounded"
        return
    for use in (line.prepare, line.perfect):
        with pytest.raises(FrameError, match=r"65500x10 pixels would make a network input of"):
            use(frame, NOBODY)
    assert line.session.prepared == []


class Broken(Silent):
    """A session whose outputs are NaN."""

    def infer(self, batch):
        return {name: np.full_like(maps, np.nan) for name, maps in super().infer(batch).items()}


def noticed(line, image):
    """Return whether broken outputs end in an error, or in poses that are refused as not finite."""
    try:
        poses = line.poses(image, NOBODY)
    except FrameError as error:
        return "not finite" in str(error)
    return len(poses) > 0 and not np.isfinite(poses.scores).all()


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_outputs_that_are_not_finite_are_not_an_image_without_people(spec):
    line = replace(pipeline(spec, trained=True), session=Broken(spec))
    (scene,) = frames(1)[:1]
    assert noticed(line, decode_bgr(scene.read(), scene.size_wh, scene.name))
