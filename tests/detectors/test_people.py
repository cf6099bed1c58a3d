"""Which boxes of a detector are used."""

import numpy as np
import pytest

from posemark.core.errors import FrameError, UsageError
from posemark.core.frame import NOBODY, Boxes
from posemark.core.target import Target
from posemark.detectors.people import DetectedPeople

IMAGE = np.zeros((48, 64, 3), np.uint8)


class Fixed:
    """A detector that always finds the same."""

    def __init__(self, scores):
        self.boxes = Boxes(np.arange(4.0 * len(scores)).reshape(-1, 4), np.array(scores))

    def detect(self, image_bgr):
        return self.boxes


@pytest.mark.parametrize(
    ("min_score", "most", "used"),
    [(0, 9, 4), (0.3, 9, 3), (0.31, 9, 2), (0, 2, 2), (0.9, 1, 1), (1, 9, 0)],
)
def test_the_best_boxes_are_used_and_the_others_are_noted(min_score, most, used):
    detector = Fixed([0.9, 0.5, 0.3, 0.1])
    found = DetectedPeople(detector, min_score, most).find(IMAGE, NOBODY, None)
    assert (len(found), found.origin, found.dropped) == (used, "detected", 0)
    every = np.concatenate([np.c_[found.boxes_xywh, found.scores], found.unused_xywhs])
    np.testing.assert_array_equal(every, np.c_[detector.boxes.boxes_xywh, detector.boxes.scores])


def test_where_nobody_is_found_there_is_no_box():
    found = DetectedPeople(Fixed([])).find(IMAGE, NOBODY, None)
    assert len(found) == 0
    assert found.boxes_xywh.shape == (0, 4)


# --- networks -----------------------------------------------------------------------------------

made_detectors = pytest.importorskip("made_detectors", reason="onnx is not installed")
pytest.importorskip("onnxruntime")


def opened(path, size=None, runtime="onnxruntime", streams=1):
    from posemark import cards
    from posemark.cards.detector import with_artefact
    from posemark.cards.model import find_artefact
    from posemark.detectors.network import open_network

    card = cards.read_detector(path)
    network = with_artefact(card, find_artefact(card, path), size)
    return open_network(network, Target(runtime, "fp32", streams=streams), 1)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_boxes_are_in_pixels_of_the_image_whichever_runtime_finds_them(runtime, tmp_path):
    pytest.importorskip(runtime)
    found = opened(made_detectors.here(tmp_path), runtime=runtime).detect(IMAGE)
    np.testing.assert_allclose(found.scores, [0.9, 0.4, 0.05], rtol=1e-6)
    wanted = [[8, 4, 32, 44], [30, 8, 30, 40], [2, 2, 18, 28]]  # clipped at the height of 48
    np.testing.assert_allclose(found.boxes_xywh, wanted, rtol=1e-6)


def test_at_another_size_the_same_rows_are_other_places(tmp_path):
    path = made_detectors.here(tmp_path)
    own, twice = opened(path).detect(IMAGE), opened(path, 128).detect(IMAGE)
    np.testing.assert_allclose(twice.boxes_xywh[1, 2], own.boxes_xywh[1, 2] / 2)


def test_several_threads_may_detect_at_the_same_time(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    detector = opened(made_detectors.here(tmp_path), streams=2)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(detector.detect, [IMAGE] * 8))
    assert {len(each) for each in found} == {3}


def test_classes_may_be_an_output_of_their_own(tmp_path):
    made_detectors.save(tmp_path, labels=[0, 4, 0, 0])
    changes = {
        'rows = "corners"': 'rows = "corners"\nclasses = 5',
        '["dets"]': '["dets", "labels"]',
    }
    found = opened(made_detectors.card(tmp_path, changes)).detect(IMAGE)
    np.testing.assert_allclose(found.scores, [0.9, 0.05], rtol=1e-6)


def test_an_output_that_is_not_finite_fails_the_frame(tmp_path):
    path = made_detectors.here(tmp_path, rows=[[1, 2, 3, np.nan, 0.5]])
    with pytest.raises(FrameError, match="detector tiny-detector is not finite"):
        opened(path).detect(IMAGE)


def test_a_file_with_other_rows_than_its_card_says_is_refused(tmp_path):
    path = made_detectors.here(tmp_path, rows=[[1, 2, 3, 4, 5, 6, 7]])
    with pytest.raises(UsageError, match=r"detector.onnx is not what its card says: expected rows"):
        opened(path)
