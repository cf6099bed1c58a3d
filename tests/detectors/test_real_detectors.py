"""Real detectors on real photographs, against an independent run of the same files
(../shared/coco/detections, ../shared/facts/REFERENCE_AP.md)."""

import json
from collections import defaultdict

import numpy as np
import pytest

import goldens
from posemark import cards
from posemark.cards.detector import with_artefact
from posemark.cards.model import FOLDERS, find_artefact
from posemark.datasets import open_dataset
from posemark.detectors.network import open_network
from posemark.geometry.crop import image_of
from posemark.runtimes.registry import default_target
from posemark.score.boxes import box_accuracy
from posemark.score.coco import truth_json

pytest.importorskip("onnxruntime")

REFERENCE = {
    "rtmdet-nano": {"AP": 0.4223, "AP50": 0.6683, "AP75": 0.4296, "AR100": 0.5263},
    "yolox-nano": {"AP": 0.4003, "AP50": 0.6789, "AP75": 0.4046, "AR100": 0.4950},
}


@pytest.fixture
def frames():
    return open_dataset(f"coco:{goldens.shared('coco')}").frames()


def opened(name, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    path = cards.built_in_detectors()[name]
    card = cards.read_detector(path)
    network = with_artefact(card, find_artefact(card, path))
    return open_network(network, default_target(network.artefact), 1)


def rows(detector, frame):
    found = detector.detect(image_of(frame))
    return np.c_[found.boxes_xywh, found.scores]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", REFERENCE)
def test_box_ap_is_that_of_an_independent_run(name, frames, monkeypatch):
    detector = opened(name, monkeypatch)
    found = {f.image_id: [tuple(row) for row in rows(detector, f).tolist()] for f in frames}
    figures = box_accuracy(truth_json(frames), found, found, found)
    for figure, expected in REFERENCE[name].items():
        assert figures[figure] == pytest.approx(expected, abs=0.005), figure


def test_every_box_of_rtmdet_nano_is_that_of_an_independent_run(frames, monkeypatch):
    detector = opened("rtmdet-nano", monkeypatch)
    known = defaultdict(list)
    path = goldens.shared("coco/detections/rtmdet_nano_person_320.json")
    for each in json.loads(path.read_text(encoding="utf-8")):
        known[each["image_id"]].append([*each["bbox"], each["score"]])
    for frame in frames[::20]:
        wanted, found = np.array(known[frame.image_id]), rows(detector, frame)
        assert len(found) == len(wanted)
        apart = np.abs(wanted[:, None] - found[None])
        nearest = apart[np.arange(len(wanted)), apart[..., :4].max(2).argmin(1)]
        assert nearest[:, :4].max(initial=0) <= 0.5
        assert nearest[:, 4].max(initial=0) <= 0.005


@pytest.mark.parametrize("size", [320, 640])
def test_a_photograph_of_any_shape_gives_boxes_inside_it(size, monkeypatch):
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    path = cards.built_in_detectors()["rtmdet-nano"]
    card = cards.read_detector(path)
    network = with_artefact(card, find_artefact(card, path), size)
    detector = open_network(network, default_target(network.artefact), 1)
    for shape in ((1, 1, 3), (7, 2000, 3), (1500, 20, 3)):
        boxes = detector.detect(np.full(shape, 90, np.uint8)).boxes_xywh
        assert (boxes[:, :2] >= 0).all()
        assert (boxes[:, :2] + boxes[:, 2:] <= np.array(shape[1::-1]) + 1e-9).all()
