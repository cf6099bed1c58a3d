"""`--weights best` as people use it, on a COCO folder of one image."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from made_records import annotation
from made_weights import imported
from posemark import cli
from posemark.cli import machine
from posemark.core.skeleton import COCO_17
from posemark.records import files

NAIVE, WIDER = "naive-litehrnet-18-256x192", "wider-naive-litehrnet-18-256x192"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "peak_figures", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "2000")


@pytest.fixture(autouse=True)
def coco(tmp_path):
    """The folder ./coco: one image with one person."""
    images, annotations = tmp_path / "coco/val2017", tmp_path / "coco/annotations"
    images.mkdir(parents=True)
    annotations.mkdir()
    cv2.imwrite(str(images / "1.jpg"), np.full((240, 160, 3), 90, np.uint8))
    content = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 160, "height": 240}],
        "annotations": [annotation(1)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }
    (annotations / "person_keypoints_val2017.json").write_text(json.dumps(content))


def ran(*arguments, code=0):
    words = ["run", *map(str, arguments), "--threads", "1", "--no-isolate"]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == code, result.exception
    return result


def records(folder):
    return {path.stem: files.read(path) for path in folder.glob("*.jsonl")}


def test_on_photographs_the_best_weights_are_used_and_told(tmp_path):
    imported(tmp_path, WIDER, "mine")
    result = ran(WIDER, NAIVE, "--data", "coco:coco", "--out", tmp_path / "run")
    assert f"best weights on this machine: {WIDER}.mine@gt\n" in result.stderr
    untrained = "no trained weights on this machine, so only the speed is measured"
    assert f"{untrained}: {NAIVE}@gt (" in result.stderr
    found = records(tmp_path / "run")
    assert set(found) == {f"{WIDER}.mine@gt", f"{NAIVE}@gt"}
    assert found[f"{WIDER}.mine@gt"].header.weights.name == "mine"
    assert found[f"{NAIVE}@gt"].header.weights.name == "none"


def test_on_drawn_scenes_weights_are_left_out_unless_asked_for(tmp_path):
    imported(tmp_path, NAIVE, "mine")
    assert "weights" not in ran(NAIVE, "--limit", 1, "--out", tmp_path / "a").stderr
    assert set(records(tmp_path / "a")) == {f"{NAIVE}@gt"}
    ran(NAIVE, "--limit", 1, "--weights", "best", "--out", tmp_path / "b")
    assert set(records(tmp_path / "b")) == {f"{NAIVE}.mine@gt"}


def test_what_has_no_weights_can_be_left_out(tmp_path):
    imported(tmp_path, WIDER, "mine")
    given = (WIDER, NAIVE, "--data", "coco:coco", "--trained-only", "--out", tmp_path / "run")
    assert NAIVE not in ran(*given).stderr.replace(WIDER, "")
    assert set(records(tmp_path / "run")) == {f"{WIDER}.mine@gt"}
    result = ran(NAIVE, "--data", "coco:coco", "--trained-only", code=1)
    assert "none of these entries has trained weights on this machine" in str(result.exception)


def test_a_run_is_resumed_with_the_weights_it_had(tmp_path):
    given = (WIDER, "--data", "coco:coco", "--out", tmp_path / "run")
    ran(*given)
    imported(tmp_path, WIDER, "official")
    ran(*given, "--resume")
    assert set(records(tmp_path / "run")) == {f"{WIDER}@gt"}
