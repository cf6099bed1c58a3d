"""The top-down pipeline: its stages, against an oracle and against the official evaluation."""

import json
from dataclasses import replace
from itertools import groupby

import cv2
import numpy as np
import pytest

import goldens
from posemark.codecs.heatmap import Heatmap
from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.core.spec import ModelSpec, TopDown
from posemark.datasets.boxes import open_boxes
from posemark.datasets.coco import Coco
from posemark.geometry.affine import crop_affines
from posemark.geometry.boxes import centre_scale, crop_areas
from posemark.geometry.conventions import DARK, HRNET, MMPOSE0
from posemark.measure.clock import STAGES
from posemark.measure.loop import run_block
from posemark.pipelines import topdown
from posemark.pipelines.perfect_outputs import MATCH_IOU, matched_people
from posemark.pipelines.topdown import JOINT_THRESHOLD, TopDownPipeline, suppress_doubles

SIZE_WH = (320, 240)
CONVENTIONS = (HRNET, DARK, MMPOSE0)
FAMILIES = [("topdown_hrnet", HRNET), ("topdown_dark", DARK)]


class FakeSession:
    """A 'network' without weights: map k is a shifted, shrunk copy of the crop's red."""

    runtime, precision = "fake", "fp32"

    def __init__(self):
        self.batches, self.prepared = [], []

    def prepare(self, shape):
        self.prepared.append(shape)

    def infer(self, batch):
        self.batches.append(batch.copy())
        assert batch.flags["C_CONTIGUOUS"]
        small = batch[:, 0, ::4, ::4]
        maps = [np.roll(small, (3 * k, k), (1, 2)) for k in range(17)]
        return {"heatmaps": np.stack(maps, 1) * np.float32(0.25)}


def spec(convention=HRNET, codec=None):
    return ModelSpec(
        name="fake-256x192",
        family="Fake",
        paper="",
        origin="",
        licence="",
        input_hw=(256, 192),
        build=lambda: None,
        method=TopDown(convention, codec or Heatmap("quarter")),
        parameters=0,
        macs=0,
    )


def pipeline(convention=HRNET, codec=None, flip=False, most=1, trained=True):
    own = spec(convention, codec)
    return TopDownPipeline(own, own.method, FakeSession(), flip, most, trained)


def encoded_picture():
    picture = goldens.image(5, SIZE_WH[1], SIZE_WH[0])
    return cv2.imencode(".png", picture)[1].tobytes()


def person(rng, box_xywh):
    """Return a person with 17 key points anywhere inside the box; the fourth is unlabelled."""
    points = np.array(box_xywh[:2]) + rng.random((17, 2)) * box_xywh[2:]
    points = np.concatenate([points, np.full((17, 1), 2.0)], 1)
    points[3] = 0
    return points


BOXES = np.array([[20.0, 30, 70, 150], [120, 20, 90, 200], [235, 60.5, 60, 80.25]])


def frame(boxes_xywh=BOXES, crowd=None, size_wh=SIZE_WH, read=encoded_picture):
    rng = np.random.default_rng(0)
    boxes = np.array(boxes_xywh, np.float64).reshape(-1, 4)
    points = np.array([person(rng, box) for box in boxes]).reshape(-1, 17, 3)
    crowd = np.zeros(len(boxes), bool) if crowd is None else np.array(crowd)
    return Frame(
        1, "1.png", size_wh, read, Truth(points, boxes, boxes[:, 2] * boxes[:, 3], crowd, COCO_17)
    )


def boxes_of(boxes_xywh=BOXES, scores=None):
    boxes = np.array(boxes_xywh, np.float64).reshape(-1, 4)
    return Boxes(boxes, np.ones(len(boxes)) if scores is None else np.array(scores))


def ignore(stage):
    pass


def run(line, boxes=None, one=None):
    return line.process(line.prepare(one or frame(), boxes or boxes_of()), ignore).poses


def assert_same_poses(a, b):
    np.testing.assert_array_equal(a.keypoints_xy, b.keypoints_xy)
    np.testing.assert_array_equal(a.keypoint_scores, b.keypoint_scores)
    np.testing.assert_array_equal(a.scores, b.scores)


# --- stages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)
def test_serial_and_batched_give_the_same_poses(convention, flip, trained):
    boxes = boxes_of(scores=[0.4, 0.9, 0.6])
    serial, batched = (
        pipeline(convention, flip=flip, most=most, trained=trained) for most in (1, 8)
    )
    poses = run(serial, boxes)
    assert len(poses) == 3
    assert_same_poses(poses, run(batched, boxes))
    passes = 2 if flip else 1
    assert [len(b) for b in serial.session.batches] == [1] * 3 * passes
    assert [len(b) for b in batched.session.batches] == [3] * passes


@pytest.mark.parametrize(("most", "sizes"), [(1, [1, 1, 1]), (2, [2, 1]), (8, [3])])
def test_batches_hold_no_more_than_allowed_and_are_prepared_before_the_clock(most, sizes):
    line = pipeline(most=most)
    work = line.prepare(frame(), boxes_of())
    assert line.session.prepared == [(size, 3, 256, 192) for size in sizes]
    assert line.session.batches == []
    assert_same_poses(line.process(work, ignore).poses, run(pipeline()))
    assert [len(batch) for batch in line.session.batches] == sizes


def test_flip_runs_the_network_once_more_on_the_mirrored_input():
    line = pipeline(flip=True, most=8)
    run(line)
    plain, mirrored = line.session.batches
    np.testing.assert_array_equal(mirrored, plain[..., ::-1])
    assert (plain != mirrored).any()


def test_flip_averages_with_the_maps_brought_back():
    """A session whose answer to the mirrored crop is empty halves every score."""

    class Forgetful(FakeSession):
        def infer(self, batch):
            maps = super().infer(batch)["heatmaps"]
            return {"heatmaps": maps * np.float32(len(self.batches) == 1)}

    plain, flipped = pipeline(most=8), pipeline(most=8, flip=True)
    flipped = replace(flipped, session=Forgetful())
    whole, half = run(plain), run(flipped)
    np.testing.assert_allclose(
        np.sort(half.keypoint_scores.ravel()), np.sort(whole.keypoint_scores.ravel()) / 2
    )


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("most", [1, 8])
def test_laps_follow_the_ledger_and_leave_no_stage_out(most, trained):
    line, laps = pipeline(most=most, trained=trained), []
    line.process(line.prepare(frame(), boxes_of()), laps.append)
    person_laps = ["preprocess", "infer", "postprocess"]
    rounds = 1 if most > 1 else 3
    assert laps == ["decode", "detect", *person_laps * rounds, "postprocess"]
    if most > 1:
        assert tuple(stage for stage, _ in groupby(laps)) == STAGES


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("most", [1, 8])
@pytest.mark.parametrize("people", [[], BOXES], ids=["nobody annotated", "people annotated"])
def test_a_frame_without_boxes_has_no_poses_but_every_stage(people, most, flip, trained):
    line = pipeline(flip=flip, most=most, trained=trained)
    nobody = boxes_of(np.zeros((0, 4)))
    ((_, work, timed),) = run_block(
        iter([frame(people)]), lambda f: line.prepare(f, nobody), line.process, 1
    )
    assert tuple(timed.stages) == STAGES
    assert timed.stages["preprocess"] == timed.stages["infer"] == 0
    assert timed.stages["decode"] > 0
    assert line.session.batches == []
    for poses in (timed.found.poses, line.perfect(work.frame, nobody)):
        assert len(poses) == 0
        assert poses.keypoints_xy.shape == (0, 17, 2)
        assert poses.keypoint_scores.shape == (0, 17)


def test_a_broken_image_is_found_under_the_clock_and_named():
    line = pipeline()
    broken = line.prepare(frame(read=lambda: b"no image"), boxes_of())
    with pytest.raises(FrameError, match=r"1\.png: expected a JPEG or PNG"):
        line.process(broken, ignore)
    other_size = line.prepare(frame(size_wh=(240, 320)), boxes_of())
    with pytest.raises(FrameError, match=r"240x320.*320x240"):
        line.process(other_size, ignore)


def test_an_untrained_network_runs_and_its_outputs_are_not_used():
    line = pipeline(trained=False)
    work = line.prepare(frame(), boxes_of())
    poses = line.process(work, ignore).poses
    assert len(line.session.batches) == 3
    assert_same_poses(poses, line.perfect(work.frame, work.boxes))


# --- the oracle ---------------------------------------------------------------------------------


def cell_px(convention, boxes):
    """Return image pixels per map cell, for each box."""
    centres, scales = centre_scale(boxes.boxes_xywh, (192, 256), convention)
    return 1 / crop_affines(centres, scales, (48, 64), convention)[:, 0, 0]


def errors_in_cells(convention, codec, flip):
    """Return (P, K) distances of labelled key points: the larger of those along x and y."""
    line = pipeline(convention, codec, flip, trained=False)
    # Decreasing scores keep the order of the people when suppress_doubles sorts them.
    boxes = boxes_of(scores=[0.9, 0.8, 0.7])
    one = frame()
    poses = run(line, boxes, one)
    truth = one.truth.keypoints_xyv
    off = np.abs(poses.keypoints_xy - truth[..., :2]).max(-1) / cell_px(convention, boxes)[:, None]
    return off[truth[..., 2] > 0]


ERRORS = {
    "argmax": (Heatmap("argmax"), 0.5),
    "quarter": (Heatmap("quarter"), 0.25),
    "dark": (Heatmap("dark"), 0.1),
}


@pytest.mark.parametrize(("codec", "limit"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)
def test_perfect_maps_decode_to_the_truth_within_the_codecs_own_error(convention, codec, limit):
    off = errors_in_cells(convention, codec, flip=False)
    assert len(off) == 3 * 16
    assert off.max() <= limit + 1e-9


@pytest.mark.parametrize(("codec", "limit"), ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda c: c.name)
def test_the_flip_test_adds_an_eighth_of_a_cell_at_most(convention, codec, limit):
    """Input and output are mirrored 0.75 cells apart; after the shift by one, 0.25 remains."""
    bias = 0.125 if convention.flip_shift else 0
    assert errors_in_cells(convention, codec, flip=True).max() <= limit + bias + 1e-3


def test_under_the_unbiased_convention_the_flip_test_moves_nothing():
    dark = Heatmap("dark")
    off = [errors_in_cells(DARK, dark, flip) for flip in (False, True)]
    np.testing.assert_allclose(*off, atol=1e-3)


@pytest.mark.parametrize("flip", [False, True])
def test_a_box_without_a_person_gets_a_low_score(flip):
    nobody = [[5.0, 190, 30, 40], [290, 5, 25, 40]]
    boxes = boxes_of([*BOXES, *nobody])
    poses = run(pipeline(flip=flip, trained=False), boxes)
    assert (poses.scores[:3] > 0.8).all()
    assert len(poses) == 5, "noise is decoded, and suppressed by nobody"
    assert (poses.scores[3:] < 0.2).all()
    assert (poses.keypoint_scores[3:] < JOINT_THRESHOLD).all()


@pytest.mark.parametrize("flip", [False, True])
def test_an_unlabelled_key_point_is_not_invented_and_costs_no_other(flip):
    poses = run(pipeline(flip=flip, trained=False))
    assert (poses.keypoint_scores[:, 3] == 0).all()
    assert (np.delete(poses.keypoint_scores, 3, 1) > 0.8).all()


def test_a_box_shows_the_person_it_overlaps_most():
    truth = frame().truth
    moved = BOXES[[2, 0]] + [[4.0, -6, 0, 0], [0, 0, 5, 5]]
    assert matched_people(truth, boxes_of(moved)).tolist() == [2, 0]


def test_crowds_and_loose_boxes_match_no_person():
    crowded = frame(crowd=[False, True, False]).truth
    assert matched_people(crowded, boxes_of()).tolist() == [0, -1, 2]
    x, y, w, h = BOXES[0]
    for factor, person in ((MATCH_IOU * 0.99, -1), (MATCH_IOU * 1.01, 0)):
        part = boxes_of([[x, y, w, h * factor]])
        assert matched_people(frame().truth, part).tolist() == [person]
    assert matched_people(frame([]).truth, boxes_of()).tolist() == [-1, -1, -1]
    assert matched_people(frame().truth, boxes_of(np.zeros((0, 4)))).tolist() == []


# --- suppression --------------------------------------------------------------------------------


def test_the_person_score_is_the_box_score_times_the_mean_of_the_sure_joints():
    joints = np.zeros((1, 17, 3))
    joints[0, :5, 2] = [0.9, 0.5, 0.2, 0.1, 0.19]
    (score,) = suppress_doubles(joints, np.array([0.5]), np.ones(1), COCO_17).scores
    assert score == pytest.approx(0.5 * (0.9 + 0.5) / 2), "0.2 itself does not count"
    joints[..., 2] = 0.2
    (score,) = suppress_doubles(joints, np.array([0.5]), np.ones(1), COCO_17).scores
    assert score == 0


def test_of_doubles_the_better_stays_and_poses_come_best_first():
    rng = np.random.default_rng(1)
    near = np.concatenate([rng.random((17, 2)) * 100, np.full((17, 1), 0.8)], 1)
    people = np.stack([near, np.add(near, (0.1, 0, 0)), np.add(near, (500, 0, 0))])
    areas = np.full(3, 100.0**2)
    poses = suppress_doubles(people, np.array([0.3, 0.6, 0.9]), areas, COCO_17)
    np.testing.assert_allclose(poses.scores, [0.8 * 0.9, 0.8 * 0.6])
    np.testing.assert_allclose(poses.keypoints_xy, people[[2, 1], :, :2])


def test_doubles_are_judged_by_the_area_of_the_padded_crop(monkeypatch):
    seen = []

    def watched(keypoints_xys, box_scores, areas, skeleton):
        seen.append(areas)
        return suppress_doubles(keypoints_xys, box_scores, areas, skeleton)

    monkeypatch.setattr(topdown, "suppress_doubles", watched)
    # 3:4 crops around 70 x 150 and 90 x 60, a quarter larger on each side.
    run(pipeline(), boxes_of([[20, 30, 70, 150], [20, 30, 90, 60]]))
    np.testing.assert_allclose(seen, [[112.5 * 150 * 1.25**2, 90 * 120 * 1.25**2]], rtol=1e-6)


# --- the official evaluation --------------------------------------------------------------------


def official(family):
    return json.loads(goldens.path(f"{family}/coco_evaluate_256x192.json").read_text())


@pytest.fixture
def opened(tmp_path):
    """Official annotations and detections as files, read like the files of users."""

    def open_golden(golden, mode, convention):
        (tmp_path / "annotations").mkdir()
        annotations = tmp_path / "annotations/person_keypoints_val2017.json"
        annotations.write_text(json.dumps(golden["annotations"]))
        detections = tmp_path / "detections.json"
        detections.write_text(json.dumps(golden["detections"]))
        frames = Coco(tmp_path).frames()
        text = "gt" if mode == "gt" else f"file:{detections}"
        source = open_boxes(text, convention, 0.0, "coco", frames)
        return [(one.image_id, source.of(one)) for one in frames]

    return open_golden


@pytest.mark.parametrize("mode", ["gt", "det"])
@pytest.mark.parametrize(("family", "convention"), FAMILIES)
def test_the_boxes_taken_and_their_crops_are_the_official_ones(opened, family, convention, mode):
    golden = official(family)
    rows = golden["modes"][mode]["db"]
    found = opened(golden, mode, convention)
    boxes = np.concatenate([b.boxes_xywh for _, b in found])
    centres, scales = centre_scale(boxes, (192, 256), convention)
    assert [i for i, b in found for _ in range(len(b))] == [row["image_id"] for row in rows]
    np.testing.assert_allclose(np.concatenate([b.scores for _, b in found]), _column(rows, "score"))
    np.testing.assert_allclose(centres, _column(rows, "center"), rtol=0, atol=1e-4)
    np.testing.assert_allclose(scales, _column(rows, "scale"), rtol=1e-6)


def _column(rows, name):
    return [row[name] for row in rows]


@pytest.mark.parametrize("mode", ["gt", "det"])
@pytest.mark.parametrize(("family", "convention"), FAMILIES)
def test_rescoring_and_suppression_leave_the_official_results(family, convention, mode):
    run = official(family)["modes"][mode]
    ids = np.array(_column(run["db"], "image_id"))
    people, rows = np.array(run["preds"]), np.array(run["all_boxes"])
    np.testing.assert_allclose(crop_areas(rows[:, 2:4]), rows[:, 4], rtol=1e-5)
    kept = 0
    for image_id in np.unique(ids):
        at = ids == image_id
        poses = suppress_doubles(people[at], rows[at, 5], rows[at, 4], COCO_17)
        results = [r for r in run["results"] if r["image_id"] == image_id]
        results.sort(key=lambda r: -r["score"])
        expected = np.array(_column(results, "keypoints")).reshape(-1, 17, 3)
        assert len(poses) == len(results)
        np.testing.assert_allclose(poses.scores, _column(results, "score"), rtol=1e-6)
        np.testing.assert_allclose(poses.keypoints_xy, expected[..., :2], rtol=0, atol=1e-4)
        np.testing.assert_allclose(poses.keypoint_scores, expected[..., 2], rtol=0, atol=1e-6)
        kept += len(poses)
    assert kept == len(run["results"])
    assert (kept < len(people)) == (mode == "det"), "detections hold doubles to suppress"
