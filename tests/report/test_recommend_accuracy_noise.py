"""APs over a sample of images against APs over all: `--max-ap-loss` is not answered from noise.

A population of images simulates the world. Networks differ in their precision, and all of them
are less precise in hard images. A benchmark sees a sample of the population.
"""

import random
from collections import Counter
from functools import cache

import numpy as np
import pytest

import made_records as records
import report_rows
from posemark.core.skeleton import COCO_17
from posemark.report.recommend.answer import Wishes, recommend
from posemark.score.ap_bootstrap import resampled_aps
from posemark.score.coco import judge

NETWORKS = {"a": 8.0, "b": 8.3, "c": 9.0, "d": 10.0, "e": 12.0}
"""Errors of the networks' key points in an image of usual difficulty, in pixels."""

POPULATION = 2000
BENCHMARKS = 5
WISHES_PER_BENCHMARK = 100


@cache
def world():
    """Return the annotations, and the results of each network in every image."""
    chance = np.random.default_rng(1)
    truth = records.truth(range(POPULATION))
    hard = chance.lognormal(0, 0.5, POPULATION)
    found = {name: [_found(a, pixels, hard, chance) for a in truth["annotations"]]
             for name, pixels in NETWORKS.items()}  # fmt: skip
    return truth, found


def _found(annotation, pixels, hard, chance):
    points = np.reshape(annotation["keypoints"], (17, 3)).astype(float)
    off = pixels * hard[annotation["image_id"]] * chance.lognormal(0, 0.2)
    points[:, :2] += chance.normal(0, off, (17, 2))
    score = float(np.clip(0.9 - 0.01 * off + chance.normal(0, 0.1), 0.01, 1))
    found = {"image_id": annotation["image_id"], "category_id": 1, "score": score}
    return found | {"keypoints": points.ravel().tolist()}


@cache
def true_aps():
    truth, found = world()
    return {
        name: judge(truth, results, range(POPULATION), COCO_17.sigmas).figures["AP"]
        for name, results in found.items()
    }


def measured(images):
    """Return a row for each network over these images; all are equally fast."""
    truth, found = world()
    rows = []
    for name, results in found.items():
        judged = judge(truth, results, images, COCO_17.sigmas)
        changes = {"entry": name, "ap_draws": resampled_aps(judged), "ap_images": len(images)}
        rows.append(report_rows.row(letter=None, ap=judged.figures, images="same", **changes))
    return rows


def judged(rows, wish, tally):
    """Count the answers that are right, wrong in either direction, and undecided."""
    answer = recommend(rows, wish)
    fits = {each.name for each in answer.fitting}
    out = {each.name for each in answer.excluded}
    best = max(true_aps().values())
    for row in rows:
        true = 100 * (best - true_aps()[row.entry]) <= wish.max_ap_loss
        if row.entry in fits:
            tally["right" if true else "wrongly in"] += 1
        elif row.entry in out:
            tally["wrongly out" if true else "right"] += 1
        else:
            tally["undecided"] += 1


def counts(benchmarks):
    """Return the counts over benchmarks of 20 to 300 images and wishes of up to 12 points."""
    tally, dice = Counter(), random.Random(5)
    for number in range(benchmarks):
        chance = np.random.default_rng(number)
        images = chance.choice(POPULATION, chance.choice([20, 60, 300]), replace=False)
        rows = measured(images.tolist())
        for _ in range(WISHES_PER_BENCHMARK):
            judged(rows, Wishes(max_ap_loss=dice.uniform(0, 12)), tally)
    return tally


@pytest.fixture(scope="module")
def tally():
    return counts(BENCHMARKS)


def test_wishes_for_ap_are_answered_rightly_or_not_at_all(tally):
    assert tally.total() == len(NETWORKS) * BENCHMARKS * WISHES_PER_BENCHMARK
    assert tally["wrongly in"] + tally["wrongly out"] <= 0.05 * tally.total()
    assert tally["right"] >= 0.5 * tally.total()


def test_the_networks_differ_by_less_and_by_more_than_noise():
    aps = sorted(true_aps().values())
    assert 0.002 < aps[-1] - aps[-2] < 0.03
    assert aps[-1] - aps[0] > 0.1
