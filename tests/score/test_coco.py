"""COCO AP against pycocotools, the referee, and against the official evaluations."""

import contextlib
import copy
import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

import goldens
from posemark.core.frame import Moment
from posemark.core.skeleton import COCO_17
from posemark.records import truth
from posemark.score.coco import evaluate, truth_json
from score_frames import frame, person

NAMES = ("AP", "AP50", "AP75", "APM", "APL", "AR")
OFFICIAL = ("AP", "Ap .5", "AP .75", "AP (M)", "AP (L)", "AR")


def random_frames(rng):
    frames = [frame(1000, [])]
    for image_id in range(1, 13):
        people = [person(rng, crowd=rng.random() < 0.15) for _ in range(rng.integers(0, 5))]
        frames.append(frame(image_id * 7, people))
    return frames


def prediction(image_id, keypoints_xy, score):
    keypoints = np.concatenate([keypoints_xy, np.full((17, 1), 0.5)], 1).round(3)
    return {
        "image_id": image_id,
        "category_id": 1,
        "keypoints": keypoints.ravel().tolist(),
        "score": score,
    }


def random_predictions(rng, frames, digits):
    """Return precise and imprecise copies of the truth, inventions, and over 20 in one image."""
    results = []
    for one in frames:
        for points, box in zip(one.truth.keypoints_xyv, one.truth.boxes_xywh, strict=True):
            for _ in range(rng.integers(0, 3)):
                noise = rng.standard_normal((17, 2)) * box[3] * rng.choice([0.005, 0.03, 0.2])
                score = round(rng.random(), digits)
                results.append(prediction(one.image_id, points[:, :2] + noise, score))
        for _ in range(30 if one is frames[2] else rng.integers(0, 3)):
            invented = rng.uniform(0, 480, 2) + rng.random((17, 2)) * 100
            results.append(prediction(one.image_id, invented, round(rng.random(), digits)))
    return results


def referee(truth, results, image_ids, sigmas=COCO_17.sigmas):
    """Return the six numbers from pycocotools; None for its -1."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # pycocotools uses numpy in deprecated ways
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        ground_truth = COCO()
        ground_truth.dataset = copy.deepcopy(truth)
        ground_truth.createIndex()
        judge = COCOeval(ground_truth, ground_truth.loadRes(copy.deepcopy(results)), "keypoints")
        judge.params.imgIds = sorted(image_ids)
        judge.params.kpt_oks_sigmas = np.array(sigmas)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return {
        name: None if stat < 0 else stat for name, stat in zip(NAMES, judge.stats[:6], strict=True)
    }


@pytest.mark.parametrize("digits", [6, 1], ids=["distinct scores", "many equal scores"])
@pytest.mark.parametrize("seed", range(8))
def test_all_six_numbers_are_those_of_pycocotools(seed, digits):
    rng = np.random.default_rng(seed)
    frames = random_frames(rng)
    truth, results = truth_json(frames), random_predictions(rng, frames, digits)
    every = [f.image_id for f in frames]
    for image_ids in (every, every[:7]):
        wanted = [r for r in results if r["image_id"] in image_ids]
        ours, theirs = (
            evaluate(truth, results, image_ids, COCO_17.sigmas),
            referee(truth, wanted, image_ids),
        )
        assert tuple(ours) == NAMES
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert 0 < evaluate(truth, results, every, COCO_17.sigmas)["AP"] < 1, (
        "the made-up case decides something"
    )


def of_first_key_points(number, truth, results):
    """Return truth and results with only the first key points."""
    truth, results = copy.deepcopy((truth, results))
    truth["categories"][0]["keypoints"] = truth["categories"][0]["keypoints"][:number]
    for each in [*truth["annotations"], *results]:
        each["keypoints"] = each["keypoints"][: 3 * number]
    for each in truth["annotations"]:
        each["num_keypoints"] = sum(seen > 0 for seen in each["keypoints"][2::3])
    return truth, results


@pytest.mark.parametrize("number", [5, 17])
@pytest.mark.parametrize("seed", range(4))
def test_any_skeleton_is_judged_by_its_own_sigmas(seed, number):
    rng = np.random.default_rng(seed)
    frames = random_frames(rng)
    results = random_predictions(rng, frames, 6)
    truth, results = of_first_key_points(number, truth_json(frames), results)
    image_ids = [f.image_id for f in frames]
    sigmas = tuple(rng.uniform(0.1, 0.3, number))
    ours = evaluate(truth, results, image_ids, sigmas)
    assert ours == pytest.approx(referee(truth, results, image_ids, sigmas), abs=1e-6)
    usual = evaluate(truth, results, image_ids, COCO_17.sigmas[:number])
    assert abs(ours["AP"] - usual["AP"]) > 0.01, "the made-up case decides something"


@pytest.mark.parametrize("wide", [False, True])
def test_one_person_is_judged_by_the_definition_of_oks(rng, wide):
    """OKS by hand: mean exp(-d^2 / (2 area (2 sigma)^2)); a match at every threshold up to it."""
    sigmas = np.array(COCO_17.sigmas) * (3 if wide else 1)
    points, box, area, _ = person(rng, 200, 2)
    found = np.round(points[:, :2] + rng.normal(0, 12, (17, 2)), 3)
    squared = ((found - points[:, :2]) ** 2).sum(1)
    oks = np.exp(-squared / (2 * area * (2 * sigmas) ** 2)).mean()
    expected = np.mean([oks >= threshold for threshold in np.arange(0.5, 1, 0.05)])
    truth = truth_json([frame(1, [(points, box, area, False)])])
    ap = evaluate(truth, [prediction(1, found, 0.9)], [1], tuple(sigmas))["AP"]
    assert ap == pytest.approx(expected)
    assert 0 < expected < 1, "the made-up case decides something"


def test_another_number_of_sigmas_than_of_key_points_is_refused(rng):
    with pytest.raises(ValueError, match="16 sigmas for 17 key points"):
        evaluate(truth_json(one_each(rng)), [], [1, 2], COCO_17.sigmas[1:])


@pytest.mark.parametrize("mode", ["gt", "det"])
@pytest.mark.parametrize("family", ["topdown_hrnet", "topdown_dark"])
def test_official_results_get_the_official_numbers(family, mode):
    golden = json.loads(goldens.path(f"{family}/coco_evaluate_256x192.json").read_text())
    truth, run = golden["annotations"], golden["modes"][mode]
    image_ids = [image["id"] for image in truth["images"]]
    ours = evaluate(truth, run["results"], image_ids, COCO_17.sigmas)
    expected = {name: run["stats"][key] for name, key in zip(NAMES, OFFICIAL, strict=True)}
    assert ours == pytest.approx(expected, abs=1e-6)


def one_each(rng, sides=(60, 200), **changes):
    return [frame(i, [person(rng, side, 2, **changes)]) for i, side in enumerate(sides, 1)]


def true_predictions(frames):
    return [
        prediction(f.image_id, points[:, :2], 0.9)
        for f in frames
        for points in f.truth.keypoints_xyv
    ]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_the_truth_itself_scores_one(rng):
    frames = one_each(rng)
    found = evaluate(truth_json(frames), true_predictions(frames), [1, 2], COCO_17.sigmas)
    assert found == pytest.approx(dict.fromkeys(NAMES, 1.0), abs=1e-9)


def test_no_detections_score_zero(rng):
    assert evaluate(truth_json(one_each(rng)), [], [1, 2], COCO_17.sigmas) == dict.fromkeys(
        NAMES, 0.0
    )


@pytest.mark.parametrize("somebody_found", [True, False])
def test_a_size_without_people_is_none_and_never_zero(rng, somebody_found):
    frames = one_each(rng, sides=(200, 250))
    results = true_predictions(frames) if somebody_found else []
    found = evaluate(truth_json(frames), results, [1, 2], COCO_17.sigmas)
    assert found["APM"] is None
    assert found["APL"] == pytest.approx(float(somebody_found), abs=1e-9)


def test_without_annotated_people_there_is_nothing_to_score(rng):
    results = [prediction(1, np.ones((17, 2)), 0.5)]
    for people in ([], [person(rng, visible=0)], [person(rng, visible=2, crowd=True)]):
        assert evaluate(truth_json([frame(1, people)]), results, [1], COCO_17.sigmas) is None
        assert evaluate(truth_json([frame(1, people)]), [], [1], COCO_17.sigmas) is None
    assert evaluate(truth_json(one_each(rng)), results, [], COCO_17.sigmas) is None


def test_only_the_images_run_count(rng):
    frames = one_each(rng)
    truth = truth_json(frames)
    first, second = true_predictions(frames)
    far_off = prediction(2, np.full((17, 2), 5000.0), 0.95)
    assert evaluate(truth, [first], [1], COCO_17.sigmas)["AP"] == pytest.approx(1)
    assert evaluate(truth, [first, far_off], [1], COCO_17.sigmas)["AP"] == pytest.approx(1)
    assert evaluate(truth, [first, far_off], [1, 2], COCO_17.sigmas)["AP"] < 0.6
    assert evaluate(truth, [first, second], [1, 2], COCO_17.sigmas)["AP"] == pytest.approx(1)


def test_scoring_changes_neither_truth_nor_results(rng):
    frames = one_each(rng)
    truth, results = truth_json(frames), true_predictions(frames)
    before = copy.deepcopy((truth, results))
    assert evaluate(truth, results, [1, 2], COCO_17.sigmas) == evaluate(
        truth, results, [1, 2], COCO_17.sigmas
    )
    assert (truth, results) == before


def test_the_truth_keeps_everybody_and_can_be_written_as_json(rng):
    people = [person(rng, visible=2), person(rng, visible=0), person(rng, visible=1, crowd=True)]
    truth = json.loads(json.dumps(truth_json([frame(5, people), frame(9, [])])))
    assert [image["id"] for image in truth["images"]] == [5, 9]
    assert truth["images"][0] == {"id": 5, "file_name": "5.jpg", "width": 640, "height": 480}
    found = [(a["id"], a["num_keypoints"], a["iscrowd"]) for a in truth["annotations"]]
    assert found == [(1, 17, 0), (2, 0, 0), (3, 17, 1)], "an id of 0 would count as no match"
    np.testing.assert_allclose(truth["annotations"][0]["keypoints"], people[0][0].ravel())
    np.testing.assert_allclose(truth["annotations"][0]["bbox"], people[0][1])
    assert truth["annotations"][0]["area"] == people[0][2]


def test_frames_of_a_clip_carry_their_place_and_who_is_who(tmp_path):
    """What stability is computed from lies beside the records, with the annotations."""
    rng = np.random.default_rng(4)
    alone = frame(1, [person(rng, visible=2)])
    affine = np.array([[1.5, 0.1, -3], [-0.1, 1.5, 4]])
    first = replace(
        frame(2, [person(rng, visible=2), person(rng, visible=1)]), moment=Moment(3, 0, 0.0, affine)
    )
    first = replace(first, truth=replace(first.truth, ids=np.array([8, 5])))
    second = replace(frame(3, []), moment=Moment(3, 1, 0.04))
    content = truth_json([alone, first, second])
    truth.write(content, tmp_path / "truth.json")
    found = truth.read(tmp_path / "truth.json")
    assert found == content
    assert set(found["images"][0]) == {"id", "file_name", "width", "height"}
    assert {**found["images"][1]}.items() >= {"clip": 3, "index": 0, "time_s": 0.0}.items()
    assert found["images"][1]["from_still"] == affine.tolist()
    assert "from_still" not in found["images"][2]
    assert [one.get("track_id") for one in found["annotations"]] == [None, 8, 5]
