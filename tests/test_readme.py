"""README.md: its Python runs as printed, its links exist, its pictures match the code."""

import importlib.util
import io
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

import goldens
import report_rows
from posemark.cards.model import FOLDERS
from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.report import tables
from posemark.report.page import html

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = README[: README.index("\n## ")]


@pytest.fixture(scope="module")
def pictures():
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PYTHON = re.findall(r"```python\n(.*?)```", FIRST_SCREEN, re.DOTALL)


def executed(block, names):
    exec(compile(block, "README.md", "exec"), names)
    return names


@pytest.fixture
def clean_folder(tmp_path, monkeypatch):
    """No weights are imported or downloaded, and no folder of files is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(FOLDERS, raising=False)


def test_the_first_python_runs_as_printed_in_a_clean_folder(clean_folder, capsys):
    found = executed(PYTHON[0], {})
    people = len(found["scene"].truth)
    assert people == 4
    (said,) = capsys.readouterr().out.splitlines()
    shape = re.fullmatch(r"\((\d), 17, 2\) \((\d),\)", said)
    assert shape
    assert 1 <= int(shape[1]) == int(shape[2]) <= people, "one a box, less those that repeat"


def test_a_trained_model_finds_the_people_of_the_scene(clean_folder, monkeypatch):
    pytest.importorskip("openvino", reason="the runtime openvino is not installed")
    monkeypatch.setenv(FOLDERS, str(goldens.shared("weights")))
    first, second = PYTHON
    names = executed(first, {})
    poses, frame = executed(second, names)["poses"], names["scene"]
    truth, seen = np.split(frame.truth.keypoints_xyv, [2], axis=2)
    assert poses.keypoints_xy.shape == (len(frame.truth), 17, 2)
    for own, visible in zip(truth, seen[..., 0] == 2, strict=True):
        distances = np.linalg.norm(poses.keypoints_xy - own, axis=2)[:, visible]
        assert np.median(distances, axis=1).min() < 10  # pixels: a person was found there


def test_everything_that_the_readme_links_to_is_here():
    links = re.findall(r"\]\(([^)\s]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    local = {link.split("#")[0] for link in links if not link.startswith("http")} - {""}
    assert {"docs/people.jpg", "docs/benchmarks/light-small.svg"} <= local
    assert [link for link in sorted(local) if not (ROOT / link).is_file()] == []


def test_the_small_chart_has_the_very_points_of_the_measured_one(pictures):
    large, small = (
        pictures.measured(path.read_text(encoding="utf-8"))
        for path in (pictures.MEASURED, pictures.CHART)
    )
    assert len(large) == 6
    for one, other in zip(large, small, strict=True):
        assert one == other
        assert one.ap is not None
        assert one.fps_interval[0] < one.fps_pose < one.fps_interval[1]
        assert one.ap_interval[0] < one.ap["AP"] < one.ap_interval[1]


def test_the_picture_of_people_is_small(pictures):
    assert pictures.PEOPLE.stat().st_size < 200_000
    height, width = cv2.imread(str(pictures.PEOPLE)).shape[:2]
    assert width > 2 * 400  # sharp at 400 px on screens of twice the density
    assert height < width


def test_the_codec_is_in_the_file_that_the_readme_names():
    ((ending, where, not_there),) = re.findall(
        r"Their codec then ends in `(.*?)`: (.*?)\.\s(.*?)\.", README, re.DOTALL
    )
    assert "on the page" in where
    assert "in CSV and in JSON" in where
    assert not_there == "The tables of the terminal and of Markdown do\nnot show the codec"
    rows = [report_rows.row(codec=f"named{ending}")]
    shown = "named+rescore"
    assert f">{shown}</td>" in html.html(rows, "")
    assert shown in tables.csv(rows)
    assert shown in tables.to_json(rows)
    assert shown not in tables.markdown(rows)
    console = Console(width=200, file=io.StringIO())
    console.print(tables.console(rows, 200))
    assert shown not in console.file.getvalue()


def one_person(scores):
    """A person with its left keypoints at x = 60 and its right ones at x = 30, 300 pixels tall."""
    left = {left for left, _ in COCO_17.flip_pairs}
    xy = [(60 if index in left else 30, 20 + 18 * index) for index in range(17)]
    xy[0] = (45, 20)
    return Poses(np.array([xy], float), np.array([scores], float), np.ones(1), COCO_17)


def test_left_and_right_limbs_have_their_own_colours_and_the_image_stays(pictures):
    image = np.full((360, 90, 3), 128, np.uint8)
    drawn = pictures.draw_skeletons(image, one_person([0.9] * 17), COCO_17)
    assert (image == 128).all()
    assert tuple(drawn[20 + 18 * 14, 60]) == pictures.LEFT_BGR  # from left knee to left ankle
    assert tuple(drawn[20 + 18 * 15, 30]) == pictures.RIGHT_BGR
    assert tuple(drawn[20 + 18 * 5 + 9, 45]) == pictures.MIDDLE_BGR  # between the shoulders
    assert (drawn[:, :15] == 128).all()
    assert (drawn[:, 75:] == 128).all()


def test_keypoints_of_little_confidence_and_their_limbs_are_left_out(pictures):
    image = np.full((360, 90, 3), 128, np.uint8)
    scores = [0.9] * 17
    scores[15] = scores[16] = 0.1  # ankles
    drawn = pictures.draw_skeletons(image, one_person(scores), COCO_17)
    knees = 20 + 18 * 14
    assert (drawn[knees + 10 :] == 128).all()
    nobody = pictures.draw_skeletons(image, one_person([0.0] * 17), COCO_17)
    assert (nobody == image).all()
