"""The bootstrap of AP: counting matches again must equal a new evaluation."""

import numpy as np
import pytest

from posemark.core.skeleton import COCO_17
from posemark.score import ap_bootstrap
from posemark.score.ap_bootstrap import (
    FEWEST_IMAGES,
    Curve,
    ap_interval,
    difference_interval,
    resampled_aps,
)
from posemark.score.coco import evaluate, judge, truth_json
from score import test_coco as made_up


def case(seed, digits=6):
    """Return frames with crowds, unlabelled people, empty images and too many detections."""
    rng = np.random.default_rng(seed)
    frames = made_up.random_frames(rng)
    return truth_json(frames), made_up.random_predictions(rng, frames, digits)


def ids(truth):
    return [image["id"] for image in truth["images"]]


def ap_of_each_once(judged, truth):
    (ap,) = Curve.of(judged).aps(np.ones((1, len(truth["images"])), int))
    return ap


@pytest.mark.parametrize("digits", [6, 1], ids=["distinct scores", "many equal scores"])
@pytest.mark.parametrize("seed", range(8))
def test_every_image_once_is_the_ap_of_the_evaluation(seed, digits):
    truth, results = case(seed, digits)
    judged = judge(truth, results, ids(truth), COCO_17.sigmas)
    assert ap_of_each_once(judged, truth) == pytest.approx(judged.figures["AP"], abs=1e-9)
    assert 0 < judged.figures["AP"] < 1, "the made-up case decides something"


def copies(truth, results, times):
    """Return the images as often as they were drawn, each as an image of its own."""
    drawn = [image for image, n in zip(sorted(ids(truth)), times, strict=True) for _ in range(n)]
    images, annotations, found = [], [], []
    for new, old in enumerate(drawn, 1):
        images += [i | {"id": new} for i in truth["images"] if i["id"] == old]
        annotations += [a | {"image_id": new} for a in truth["annotations"] if a["image_id"] == old]
        found += [r | {"image_id": new} for r in results if r["image_id"] == old]
    annotations = [a | {"id": number} for number, a in enumerate(annotations, 1)]
    return truth | {"images": images, "annotations": annotations}, found


@pytest.mark.parametrize("seed", range(4))
def test_any_draw_is_the_ap_of_an_evaluation_of_the_drawn_images(seed):
    truth, results = case(seed)
    images = len(truth["images"])
    curve = Curve.of(judge(truth, results, ids(truth), COCO_17.sigmas))
    draws = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), 5)
    found = curve.aps(draws)
    anew = [copies(truth, results, times) for times in draws]
    assert found == pytest.approx(
        [evaluate(t, r, ids(t), COCO_17.sigmas)["AP"] for t, r in anew], abs=1e-9
    )
    assert np.ptp(found) > 0.01, "the draws differ"


def test_a_false_detection_beyond_all_sizes_is_ignored_as_the_evaluation_does():
    truth, results = case(0)
    enormous = made_up.prediction(7, np.linspace(0, 2e5, 34).reshape(17, 2), 0.999)
    judged = judge(truth, [*results, enormous], ids(truth), COCO_17.sigmas)
    assert ap_of_each_once(judged, truth) == pytest.approx(judged.figures["AP"], abs=1e-9)
    assert judged.figures["AP"] == evaluate(truth, results, ids(truth), COCO_17.sigmas)["AP"]


def plain_ap(judged, times):
    """Return the AP of one draw by a plain loop over detections and thresholds."""
    matches, recalls = judged.matches, judged.params.recThrs
    people = sum(int(count) * n for count, n in zip(matches.counted, times, strict=True))
    detections = zip(matches.detections.image, matches.detections.scores, strict=True)
    found = [(-score, matches.person[:, at] >= 0, matches.ignored[:, at], times[image])
             for at, (image, score) in enumerate(detections)]  # fmt: skip
    found.sort(key=lambda each: each[0])
    return float(np.mean([
        plain_precisions([(n, each[t], ignored[t]) for _, each, ignored, n in found],
                         people, recalls) for t in range(10)
    ]))  # fmt: skip


def plain_precisions(found, people, recalls):
    """Return the best precision at or beyond each recall level."""
    right = everything = 0
    curve = []
    for times, taken, ignored in found:
        right += 0 if ignored else times * int(taken)
        everything += 0 if ignored else times
        curve.append((right / people, right / (everything + np.spacing(1))))
    return [max((p for recall, p in curve if recall >= level), default=0.0) for level in recalls]


def images_with_and_without(rng, digits):
    """Return truth and results: as many images without people and results as others."""
    frames = made_up.random_frames(rng)
    results = made_up.random_predictions(rng, frames, digits)
    empty = [made_up.frame(5000 + number, []) for number in range(len(frames))]
    return truth_json([*frames, *empty]), results


@pytest.mark.parametrize("numbers", [1, 500, ap_bootstrap._NUMBERS], ids="{} in an array".format)
@pytest.mark.parametrize("digits", [6, 1, 0], ids=["distinct scores", "equal ones", "two scores"])
@pytest.mark.parametrize("seed", range(3))
def test_all_draws_at_once_are_to_the_last_bit_what_the_plain_way_gives(
    monkeypatch, seed, digits, numbers
):
    monkeypatch.setattr(ap_bootstrap, "_NUMBERS", numbers)
    truth, results = images_with_and_without(np.random.default_rng(seed), digits)
    judged = judge(truth, results, ids(truth), COCO_17.sigmas)
    curve, images = Curve.of(judged), len(truth["images"])
    draws = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), 20)
    draws = draws[draws @ curve.people > 0]
    found = curve.aps(draws)
    assert found.tolist() == [plain_ap(judged, times) for times in draws.tolist()]
    assert len(set(found)) > 10, "the draws differ"


def test_without_any_detection_every_draw_is_zero_and_without_any_draw_there_is_none():
    truth, _ = images_with_and_without(np.random.default_rng(0), 6)
    curve = Curve.of(judge(truth, [], ids(truth), COCO_17.sigmas))
    each = np.ones((3, len(truth["images"])), int)
    assert curve.aps(each).tolist() == [0, 0, 0]
    assert curve.aps(each[:0]).tolist() == []


def people_everywhere(images, rng, looseness):
    """Return three people in each image, found with more or less noise."""
    frames = [
        made_up.frame(i, [made_up.person(rng, visible=2) for _ in range(3)])
        for i in range(1, images + 1)
    ]
    results = [
        made_up.prediction(
            f.image_id,
            points[:, :2] + rng.standard_normal((17, 2)) * box[3] * rng.uniform(0, looseness),
            rng.random(),
        )
        for f in frames
        for points, box in zip(f.truth.keypoints_xyv, f.truth.boxes_xywh, strict=True)
    ]
    return truth_json(frames), results


def interval_of(truth, results, **options):
    return ap_interval(resampled_aps(judge(truth, results, ids(truth), COCO_17.sigmas)), **options)


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_the_ap_and_is_the_same_each_time(seed):
    truth, results = people_everywhere(40, np.random.default_rng(seed), 0.1)
    low, high = interval_of(truth, results)
    assert 0 < low < evaluate(truth, results, ids(truth), COCO_17.sigmas)["AP"] < high < 1
    assert interval_of(truth, results) == (low, high)


def test_more_images_and_a_lower_level_make_it_narrower():
    truth, results = people_everywhere(160, np.random.default_rng(1), 0.1)
    some = [image for image in ids(truth) if image <= 20]
    wide = np.diff(ap_interval(resampled_aps(judge(truth, results, some, COCO_17.sigmas))))
    narrow = np.diff(interval_of(truth, results))
    assert 2 < wide / narrow < 5, "about the root of eight"
    assert np.diff(interval_of(truth, results, level=0.5)) < 0.6 * narrow


def test_it_covers_the_ap_of_all_images_about_as_often_as_it_says():
    truth, results = people_everywhere(400, np.random.default_rng(2), 0.1)
    true_ap = evaluate(truth, results, ids(truth), COCO_17.sigmas)["AP"]
    covered = 0
    for first in range(1, 401, 20):
        judged = judge(truth, results, range(first, first + 20), COCO_17.sigmas)
        low, high = ap_interval(resampled_aps(judged))
        covered += low <= true_ap <= high
    assert 15 <= covered <= 20


@pytest.mark.parametrize(("looseness", "ap"), [(0, 1.0), (50, 0.0)])
def test_where_all_images_agree_there_is_no_width(looseness, ap):
    truth, results = people_everywhere(12, np.random.default_rng(0), looseness)
    results = results if ap else []
    assert interval_of(truth, results) == pytest.approx((ap, ap))


def test_a_draw_without_anybody_says_nothing_and_is_left_out(monkeypatch):
    monkeypatch.setattr(ap_bootstrap, "FEWEST_IMAGES", 1)
    truth, results = people_everywhere(1, np.random.default_rng(0), 0)
    truth["images"] += truth_json([made_up.frame(8, []), made_up.frame(9, [])])["images"]
    assert interval_of(truth, results) == pytest.approx((1, 1)), "a third of the draws is empty"


def test_few_images_with_people_have_no_interval():
    truth, results = people_everywhere(FEWEST_IMAGES, np.random.default_rng(0), 0.1)
    assert interval_of(truth, results) is not None
    without_one = [a for a in truth["annotations"] if a["image_id"] != 1]
    assert interval_of(truth | {"annotations": without_one}, results) is None


def noisier(truth, results, rng):
    """Return the poses, each a little further off."""
    boxes = {a["image_id"]: a["bbox"][3] for a in truth["annotations"]}
    return [
        r
        | {
            "keypoints": (
                np.reshape(r["keypoints"], (17, 3))
                + [[0.02 * boxes[r["image_id"]], 0, 0]] * rng.standard_normal((17, 1))
            )
            .ravel()
            .tolist()
        }
        for r in results
    ]


def test_frames_of_a_clip_are_drawn_together():
    truth, results = people_everywhere(40, np.random.default_rng(0), 0.1)
    images = len(truth["images"])
    clip, found = copies(truth, results, [3] * images)
    alone, frames = (
        judge(t, r, ids(t), COCO_17.sigmas) for t, r in ((truth, results), (clip, found))
    )
    clips = np.repeat(np.arange(images), 3).tolist()
    width, together, apart = (
        np.ptp(ap_interval(aps))
        for aps in (resampled_aps(alone), resampled_aps(frames, clips), resampled_aps(frames))
    )
    assert together == pytest.approx(width, rel=0.1), "copies of an image are no evidence"
    assert apart < 0.8 * together


def test_fewer_than_ten_clips_give_no_interval():
    truth, results = people_everywhere(40, np.random.default_rng(0), 0.1)
    judged = judge(truth, results, ids(truth), COCO_17.sigmas)
    images = len(truth["images"])
    assert resampled_aps(judged, [at % (FEWEST_IMAGES - 1) for at in range(images)]) == ()
    assert len(resampled_aps(judged)) == 200
    assert resampled_aps(judged, list(range(images))) == resampled_aps(judged)


def test_the_difference_of_two_on_the_same_images_is_known_better_than_either():
    rng = np.random.default_rng(4)
    truth, results = people_everywhere(60, rng, 0.1)
    one = judge(truth, results, ids(truth), COCO_17.sigmas)
    other = judge(truth, noisier(truth, results, rng), ids(truth), COCO_17.sigmas)
    pair = [resampled_aps(each) for each in (one, other)]
    low, high = difference_interval(*pair)
    assert low < one.figures["AP"] - other.figures["AP"] < high
    assert high - low < 0.7 * min(np.diff(ap_interval(aps)).item() for aps in pair)
    assert difference_interval(pair[0], pair[0]) == (0, 0)
    assert difference_interval(*reversed(pair)) == pytest.approx((-high, -low))


def test_no_difference_where_one_has_too_few_images():
    truth, results = people_everywhere(12, np.random.default_rng(0), 0.1)
    known = resampled_aps(judge(truth, results, ids(truth), COCO_17.sigmas))
    few = resampled_aps(judge(truth, results, ids(truth)[:9], COCO_17.sigmas))
    assert few == ()
    assert difference_interval(known, few) is None
    assert difference_interval(few, few) is None
