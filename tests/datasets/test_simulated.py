"""Simulated detections: their number, their quality, and that they are reproducible."""

import numpy as np
import pytest

from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.datasets.sample import Sample
from posemark.datasets.simulated import simulated_boxes


def bytes_of_no_picture():
    raise AssertionError("boxes must not need the picture")


def frame_of(image_id, boxes_xywh=(), areas=(), crowd=(), size_wh=(640, 480)):
    truth = Truth(
        keypoints_xyv=np.zeros((len(boxes_xywh), 17, 3)),
        boxes_xywh=np.array(boxes_xywh, np.float64).reshape(-1, 4),
        areas=np.array(areas, np.float64),
        is_crowd=np.array(crowd or [False] * len(boxes_xywh), bool),
        skeleton=COCO_17,
    )
    return Frame(image_id, f"{image_id}.jpg", size_wh, bytes_of_no_picture, truth)


def best_overlap(box, others):
    """Return the highest IoU of one box with (N, 4) others, all x, y, w, h."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return (shared / (box[2:].prod() + others[:, 2:].prod(axis=1) - shared)).max(initial=0)


@pytest.fixture(scope="module")
def frames():
    return Sample(400).frames()


@pytest.fixture(scope="module")
def detections(frames):
    return [simulated_boxes(frame) for frame in frames]


def test_the_same_frame_gives_the_same_boxes(frames, detections):
    for frame, before in zip(frames[:20], detections, strict=False):
        again = simulated_boxes(frame)
        np.testing.assert_array_equal(again.boxes_xywh, before.boxes_xywh)
        np.testing.assert_array_equal(again.scores, before.scores)


def test_every_prefix_has_about_as_many_boxes_as_the_published_file(detections):
    means = np.cumsum([len(d) for d in detections]) / np.arange(1, len(detections) + 1)
    off = np.abs(means - 20.8)
    assert off[7:].max() <= 3
    assert off[99:].max() <= 1


def test_long_run_mean():
    counts = [len(simulated_boxes(frame_of(image_id))) for image_id in range(1, 2001)]
    assert np.mean(counts) == pytest.approx(20.8, abs=0.1)
    assert min(counts) >= 5


def test_boxes_are_sorted_and_within_the_image(frames, detections):
    for frame, found in zip(frames, detections, strict=True):
        assert found.boxes_xywh.shape == (len(found.scores), 4)
        assert (np.diff(found.scores) <= 0).all()
        assert ((found.scores > 0) & (found.scores < 1)).all()
        assert (found.boxes_xywh[:, :2] >= 0).all()
        assert (found.boxes_xywh[:, 2:] >= 4 - 1e-9).all()
        assert (found.boxes_xywh[:, :2] + found.boxes_xywh[:, 2:] <= frame.size_wh).all()
        assert found.dropped == 0


def test_most_scores_are_low(detections):
    scores = np.concatenate([d.scores for d in detections])
    assert np.median(scores) < 0.05
    assert (scores < 0.1).mean() > 0.6


def test_most_people_are_found(frames, detections):
    hits = [
        best_overlap(box, found.boxes_xywh) > 0.5
        for frame, found in zip(frames, detections, strict=True)
        for box in frame.truth.boxes_xywh
    ]
    assert len(hits) > 400
    assert 0.85 < np.mean(hits) < 0.99


@pytest.mark.parametrize(
    ("box", "area", "recall"),
    [((100, 100, 20, 50), 500.0, 0.80), ((100, 40, 160, 400), 32000.0, 0.95)],
    ids=["small", "large"],
)
def test_large_people_are_found_more_often_than_small_ones(box, area, recall):
    found = [simulated_boxes(frame_of(i, [box], [area])) for i in range(1, 501)]
    hits = [best_overlap(np.array(box, float), d.boxes_xywh) > 0.5 for d in found]
    assert np.mean(hits) == pytest.approx(recall, abs=0.04)


def test_crowds_are_not_people():
    def found(**truth):
        return simulated_boxes(frame_of(7, size_wh=(640, 480), **truth))

    crowd = found(boxes_xywh=[(0, 0, 400, 300)], areas=[9e4], crowd=[True])
    np.testing.assert_array_equal(crowd.boxes_xywh, found().boxes_xywh)


def test_an_empty_frame_still_has_false_alarms():
    assert len(simulated_boxes(frame_of(1))) >= 5


def test_all_found_people_are_kept():
    boxes = [(30 * k, 10, 28, 90) for k in range(20)]
    counts = [len(simulated_boxes(frame_of(i, boxes, [1500.0] * 20))) for i in range(1, 100)]
    assert min(counts) >= 12
