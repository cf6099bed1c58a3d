"""The scripts of examples/ run, with an estimator that finds spots of colour."""

import csv
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import posemark
from made_streams import BODY, RED, finder, make_video, picture, walk

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run an example in an empty folder; return what its call of load() asked for."""
    asked = []

    def load(name, **choices):
        asked.append((name, choices))
        return finder()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(posemark, "load", load)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name))
        return asked[-1]

    return run


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"photo.py", "wrists.py", "live.py"}


def test_the_people_of_a_photograph_are_drawn(run, capsys):
    cv2.imwrite("photo.png", picture({RED: (150, 100)}))
    assert run("photo.py", "photo.png", "people.png")[1] == {
        "detector": "rtmdet-nano",
        "min_score": 0.3,
    }
    assert "1 people in people.png" in capsys.readouterr().out
    assert (cv2.imread("people.png") != cv2.imread("photo.png")).any()


def test_the_wrists_of_a_video_are_written(run, tmp_path):
    run("wrists.py", make_video(tmp_path / "walk.mp4", frames=5), "wrists.csv")
    rows = list(csv.DictReader((tmp_path / "wrists.csv").read_text().splitlines()))
    assert [row["person"] for row in rows] == ["0", "1"] * 5
    red = [float(rows[8][name]) for name in ("left_x", "left_y")]
    assert np.allclose(red - BODY[9], walk(4)[RED], atol=2)


def test_a_camera_is_watched(run, tmp_path, capsys):
    run("live.py", make_video(tmp_path / "walk.mp4", frames=3))
    lines = capsys.readouterr().out.splitlines()
    assert [line.endswith("people: [0, 1]") for line in lines] == [True] * 3
    assert cv2.imread("live.jpg").shape == (240, 320, 3)
