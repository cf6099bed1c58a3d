"""Matching all images at once equals faster-coco-eval's results for single images bit by bit."""

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster

from posemark.core.skeleton import COCO_17
from posemark.score import matching
from posemark.score.coco import judge, truth_json
from score import test_coco as made_up


def case(seed, digits, points=17):
    """Return crowds, unlabelled people, empty images, too many detections, equal scores."""
    rng = np.random.default_rng(seed)
    frames = made_up.random_frames(rng)
    results = made_up.random_predictions(rng, frames, digits)
    twins = [{**r, "score": r["score"] / 2} for r in results[::3]]
    return made_up.of_first_key_points(points, truth_json(frames), [*results, *twins])


def alone(truth, results, sigmas):
    """Return the unchanged evaluation of the library."""
    truth = {**truth, "annotations": [{**each} for each in truth["annotations"]]}
    people = COCO(truth)
    found = people.loadRes([{**each} for each in results])
    evaluation = COCOeval_faster(people, found, "keypoints", kpt_oks_sigmas=list(sigmas))
    evaluation.run()
    return evaluation


def plain_match(oks, thresholds, people):
    """Return matches by COCO's rule, with plain loops over thresholds and detections."""
    person = np.full((len(thresholds), len(oks)), -1)
    for t, threshold in enumerate(thresholds):
        taken = set()
        for d, similar in enumerate(oks):
            best, enough = -1, min(threshold, 1 - 1e-10)
            for g in sorted(range(len(people)), key=lambda g: bool(people[g]["ignore"])):
                if g in taken and not people[g]["iscrowd"]:
                    continue
                if best >= 0 and people[g]["ignore"] and not people[best]["ignore"]:
                    break
                if similar[g] >= enough:
                    best, enough = g, similar[g]
            person[t, d] = best
            taken.add(best)
    return person


CASES = [(seed, digits, points) for seed in range(4) for digits in (6, 1) for points in (17, 5)]


@pytest.mark.parametrize(("seed", "digits", "points"), CASES)
@pytest.mark.parametrize("small", [False, True], ids=["at once", "in small blocks"])
def test_similarities_and_figures_are_those_of_the_library(
    monkeypatch, seed, digits, points, small
):
    monkeypatch.setattr(matching, "_PAIRS", 7 if small else matching._PAIRS)
    truth, results = case(seed, digits, points)
    sigmas = COCO_17.sigmas[:points]
    theirs = alone(truth, results, sigmas)
    ours = judge(truth, results, [image["id"] for image in truth["images"]], sigmas)
    compared = 0
    for at, image in enumerate(theirs.params.imgIds):
        expected = np.array(theirs.ious[image, 1])
        found = ours.pairs.of_image(at)
        assert found.ravel().tolist() == expected.ravel().tolist()
        compared += found.size
    assert compared > 50
    stats = [theirs.stats[at] for at in (0, 1, 2, 3, 4, 5)]
    assert list(ours.figures.values()) == [None if stat < 0 else stat for stat in stats]


@pytest.mark.parametrize(("seed", "digits", "points"), CASES)
@pytest.mark.parametrize("small", [False, True], ids=["at once", "in small blocks"])
def test_matches_are_those_of_the_rule(monkeypatch, seed, digits, points, small):
    monkeypatch.setattr(matching, "_IMAGES", 2 if small else matching._IMAGES)
    truth, results = case(seed, digits, points)
    sigmas = COCO_17.sigmas[:points]
    theirs = alone(truth, results, sigmas)
    matches = judge(truth, results, [image["id"] for image in truth["images"]], sigmas).matches
    first = 0
    for at, image in enumerate(theirs.params.imgIds):
        people = theirs.gt_dataset.get(image, 1)
        oks = np.reshape(theirs.ious[image, 1], (-1, len(people))) if people else []
        own = matches.detections.image == at
        found = np.where(matches.person[:, own] < 0, -1, matches.person[:, own] - first)
        if people and len(oks):
            assert found.tolist() == plain_match(oks, theirs.params.iouThrs, people).tolist()
        else:
            assert (found == -1).all()
        assert matches.counted[at] == sum(not person["ignore"] for person in people)
        first += len(people)
    assert (matches.person >= 0).sum() > 20


def test_areas_and_the_best_twenty_are_those_of_the_library():
    truth, results = case(2, 1)
    theirs = alone(truth, results, COCO_17.sigmas)
    found = judge(
        truth, results, [image["id"] for image in truth["images"]], COCO_17.sigmas
    ).matches.detections
    crowded = 0
    for at, image in enumerate(theirs.params.imgIds):
        all_of_them = theirs.dt_dataset.get(image, 1)
        best = sorted(all_of_them, key=lambda d: -d["score"])[:20]
        own = found.image == at
        assert found.scores[own].tolist() == [d["score"] for d in best]
        assert found.areas[own].tolist() == [d["area"] for d in best]
        assert found.rank[own].tolist() == list(range(len(best)))
        crowded += len(all_of_them) > 20
    assert crowded, "one image has more than twenty"
