"""The built-in scenes: equal everywhere, in COCO's shapes, and drawn at the annotated places."""

import hashlib
from collections import Counter

import cv2
import numpy as np
import pytest

from posemark.core.skeleton import COCO_17
from posemark.datasets import sample
from posemark.datasets._scene import Scene
from posemark.datasets.sample import Sample

COCO_PEOPLE_A_FRAME = 6352 / 5000
TRUTH_HASH = "ae23aac1c80e1e0f"


@pytest.fixture(scope="module")
def frames():
    return Sample(500).frames()


@pytest.fixture(scope="module")
def people(frames):
    """Return key points (P, 17, 3), boxes (P, 4), areas (P,), image sizes (P, 2) of all people."""
    truths = [frame.truth for frame in frames]
    sizes = [frame.size_wh for frame in frames for _ in range(len(frame.truth))]
    return (
        np.concatenate([t.keypoints_xyv for t in truths]),
        np.concatenate([t.boxes_xywh for t in truths]),
        np.concatenate([t.areas for t in truths]),
        np.array(sizes, np.float64),
    )


def decoded(frame):
    return cv2.imdecode(np.frombuffer(frame.read(), np.uint8), cv2.IMREAD_COLOR)


def test_the_first_frames_have_the_stored_truth(frames):
    digest = hashlib.sha256()
    for frame in frames[:20]:
        digest.update(repr(frame.size_wh).encode())
        for array in (frame.truth.keypoints_xyv, frame.truth.boxes_xywh, frame.truth.areas):
            digest.update(np.round(array * 1e6).astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == TRUTH_HASH


def test_a_frame_does_not_depend_on_the_size_of_the_data(frames):
    for short, long in zip(Sample(8).frames(), frames, strict=False):
        assert (short.image_id, short.name, short.size_wh) == (
            *(long.image_id, long.name),
            long.size_wh,
        )
        np.testing.assert_array_equal(short.truth.keypoints_xyv, long.truth.keypoints_xyv)
        np.testing.assert_array_equal(short.truth.areas, long.truth.areas)


def test_drawing_twice_gives_the_same_bytes(frames):
    first = frames[2].read()
    sample._draw_jpeg.cache_clear()
    assert frames[2].read() == first


def test_names_and_fingerprints():
    assert [frame.name for frame in Sample(2).frames()] == [
        "sample-000001.jpg",
        "sample-000002.jpg",
    ]
    assert Sample().name == "sample"
    assert Sample().fingerprint == Sample(500).fingerprint != Sample(499).fingerprint
    assert len(Sample().fingerprint) == 16


def test_every_prefix_has_about_as_many_people_as_coco():
    counts = [len(sample._scene(index).people) for index in range(1, 65)]
    means = np.cumsum(counts) / np.arange(1, len(counts) + 1)
    off = np.abs(means - COCO_PEOPLE_A_FRAME)
    assert counts[0] >= 1
    assert off[7:31].max() <= 0.6
    assert off[31:].max() <= 0.3


def test_longer_prefixes_are_closer_still(frames):
    means = np.cumsum([len(f.truth) for f in frames]) / np.arange(1, len(frames) + 1)
    off = np.abs(means - COCO_PEOPLE_A_FRAME)
    assert off[31:].max() <= 0.3
    assert off[199:].max() <= 0.1


def test_frames_by_number_of_people(frames):
    shares = Counter(len(frame.truth) for frame in frames)
    assert shares[0] / len(frames) == pytest.approx(2654 / 5000, abs=0.01)
    assert shares[1] / len(frames) == pytest.approx(1098 / 5000, abs=0.01)
    assert max(shares) <= 13


def test_image_sizes(frames):
    sizes = Counter(frame.size_wh for frame in frames)
    total = sum(images for _, _, images in sample._SIZES_WH)
    for width, height, images in sample._SIZES_WH:
        assert sizes[width, height] / len(frames) == pytest.approx(images / total, abs=0.02)


def test_people_are_as_large_and_as_labelled_as_in_coco(people):
    keypoints, boxes, areas, _ = people
    flags = keypoints[..., 2]
    assert np.median(boxes[:, 3]) == pytest.approx(160.9, rel=0.15)
    assert np.median(boxes[:, 2]) == pytest.approx(86.4, rel=0.15)
    assert (flags > 0).sum(axis=1).mean() == pytest.approx(10.74, abs=0.6)
    assert (flags == 1).sum() / (flags > 0).sum() == pytest.approx(0.13, abs=0.04)
    assert np.median(areas / boxes[:, 2:].prod(axis=1)) == pytest.approx(0.52, abs=0.06)


def test_labels_are_well_formed(people):
    keypoints, boxes, areas, sizes = people
    xy, flags = keypoints[..., :2], keypoints[..., 2]
    labelled = flags > 0
    assert set(np.unique(flags)) == {0, 1, 2}
    assert labelled.any(axis=1).all()
    assert (xy[~labelled] == 0).all()
    assert (xy >= 0).all()
    assert (xy <= sizes[:, None] - 1).all()
    low, high = boxes[:, None, :2] - 2, boxes[:, None, :2] + boxes[:, None, 2:] + 2
    assert ((xy >= low) & (xy <= high)).all(axis=-1)[labelled].all()
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= sizes).all()
    assert (areas > 0).all()
    assert (areas <= boxes[:, 2:].prod(axis=1)).all()


def test_left_is_right_of_right_in_a_face_that_looks_at_us(people):
    keypoints = people[0]
    index = {name: k for k, name in enumerate(COCO_17.keypoints)}
    seen = (keypoints[:, [index["left_eye"], index["right_eye"]], 2] == 2).all(axis=1)
    eyes = keypoints[seen, index["left_eye"], 0] - keypoints[seen, index["right_eye"], 0]
    assert seen.sum() > 50
    assert (eyes > 0).mean() > 0.97


@pytest.mark.parametrize("position", [0, 1, 7, 20])
def test_pictures_decode_to_the_stated_size(frames, position):
    frame = frames[position]
    height, width = decoded(frame).shape[:2]
    assert (width, height) == frame.size_wh
    assert 20_000 < len(frame.read()) < 300_000


def test_people_are_drawn_at_their_joints(frames):
    """At nearly every visible joint the picture differs from the empty scene."""
    differs = []
    for frame in [f for f in frames if len(f.truth)][:20]:
        empty = sample._draw(frame.image_id, Scene(frame.size_wh, ()))
        full = sample._draw(frame.image_id, sample._scene(frame.image_id))
        change = cv2.blur(cv2.absdiff(full, empty).mean(axis=2), (3, 3))
        keypoints = frame.truth.keypoints_xyv.reshape(-1, 3)
        x, y = np.round(keypoints[keypoints[:, 2] == 2, :2]).astype(int).T
        differs += list(change[y, x] > 3)
    assert len(differs) > 150
    assert np.mean(differs) > 0.97
