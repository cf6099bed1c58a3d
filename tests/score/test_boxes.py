"""Box AP and recall against pycocotools."""

import contextlib
import copy
import io

import numpy as np
import pytest

from posemark.score.boxes import box_accuracy
from posemark.score.coco import truth_json
from score_frames import frame, person

NAMES = {"AP": 0, "AP50": 1, "AP75": 2, "APS": 3, "APM": 4, "APL": 5, "AR100": 8}


def referee(truth, found):
    """Return pycocotools' finished evaluation of boxes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        people = COCO()
        people.dataset = copy.deepcopy(truth)
        people.createIndex()
        results = [
            {"image_id": i, "category_id": 1, "bbox": list(row[:4]), "score": row[4]}
            for i, rows in found.items()
            for row in rows
        ]
        evaluation = COCOeval(people, people.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def scene(seed):
    """Return annotations, and boxes near and far from their people."""
    rng = np.random.default_rng(seed)
    frames = [
        frame(7 * at, [person(rng, crowd=rng.random() < 0.15) for _ in range(rng.integers(0, 6))])
        for at in range(1, 15)
    ]
    found = {}
    for each in frames:
        near = each.truth.boxes_xywh + rng.normal(0, 6, (len(each.truth), 4))
        wild = np.c_[rng.random((3, 2)) * 300, 20 + rng.random((3, 2)) * 100]
        boxes = np.concatenate([near, wild]) if rng.random() > 0.1 else wild
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
        scores = np.sort(rng.random(len(boxes)))[::-1]
        found[each.image_id] = [tuple(map(float, row)) for row in np.c_[boxes, scores]]
    return truth_json(frames), found


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_are_those_of_pycocotools(seed):
    truth, found = scene(seed)
    used = {image_id: rows[:2] for image_id, rows in found.items()}
    figures = box_accuracy(truth, found, used, [image["id"] for image in truth["images"]])
    evaluation = referee(truth, found)
    for name, at in NAMES.items():
        wanted = evaluation.stats[at]
        assert figures[name] == (None if wanted < 0 else pytest.approx(wanted, abs=1e-9)), name
    recall = referee(truth, used).eval["recall"][0, 0, 0, -1]
    assert figures["recall"] == pytest.approx(recall, abs=1e-9)


def test_only_the_named_images_count():
    truth, found = scene(0)
    first = truth["images"][0]["id"]
    some = box_accuracy(truth, found, found, [first])
    part = {
        **truth,
        "images": truth["images"][:1],
        "annotations": [a for a in truth["annotations"] if a["image_id"] == first],
    }
    assert some == box_accuracy(part, {first: found[first]}, {first: found[first]}, [first])


def test_people_without_key_points_count_and_where_nobody_is_there_is_no_figure():
    rng = np.random.default_rng(0)
    one = person(rng, side=100, visible=np.zeros(17))
    truth = truth_json([frame(1, [one]), frame(2, [])])
    box = (*one[1].tolist(), 0.8)
    figures = box_accuracy(truth, {1: [box]}, {1: []}, [1, 2])
    assert figures["AP"] == pytest.approx(1)
    assert figures["recall"] == 0
    assert figures["APS"] is None
    assert box_accuracy(truth, {}, {}, [2]) is None
    assert box_accuracy(truth, {}, {}, [1])["AP"] == 0
