"""Runs over clips: everybody gets an id, and key points can be smoothed inside the timed loop."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

if not (find_spec("onnx") and find_spec("onnxruntime")):
    pytest.skip("onnx and onnxruntime are not installed", allow_module_level=True)

import exported
import made_cards
from posemark.core.errors import UsageError
from posemark.core.frame import Moment
from posemark.datasets import open_dataset
from posemark.records import files
from posemark.report import missing_evidence
from posemark.report.results import load_rows
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from runs import run_one

FRAMES = 8


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a pose network and its card; the current one."""
    exported.save(exported.graph(), tmp_path)
    made_cards.card(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepared(data="motion:sample", **changes):
    (job,) = plan(["tiny.toml"], Options(data, changes.pop("threads", 1), **changes))
    dataset = open_dataset(data)
    return prepare_job(job, dataset, dataset.frames()[:FRAMES])


def record(folder, **changes):
    path, _ = run_one(prepared(**changes), folder / "out")
    return files.read(path)


def test_everybody_in_a_clip_has_an_id_whoever_gave_the_boxes(folder):
    lines = record(folder).good
    assert all(len(line.ids) == len(line.poses.scores) for line in lines)
    assert any(person >= 0 for line in lines for person in line.ids)
    assert not any(line.unsmoothed for line in lines)


def test_images_that_stand_alone_have_no_ids(folder):
    assert not any(line.ids for line in record(folder, data="sample").good)


def test_frames_that_overlap_have_no_ids(folder):
    images = prepared(data="sample", mode="overlapped", threads=2)
    frames = [replace(f, moment=Moment(0, at, at / 30)) for at, f in enumerate(images.frames)]
    path, _ = run_one(replace(images, frames=frames), folder / "out")
    assert not any(line.ids for line in files.read(path).good)


def test_smoothed_poses_are_recorded_beside_those_before(folder):
    plain, smooth = (record(folder, smooth=smooth) for smooth in (False, True))
    assert smooth.path.stem == f"{plain.path.stem}+smooth"
    assert (plain.header.settings.smooth, smooth.header.settings.smooth) == (False, True)
    moved = 0
    for before, line in zip(plain.good, smooth.good, strict=True):
        points = np.array(before.poses.keypoints).reshape(-1, 17, 3)
        assert np.array_equal(np.array(line.unsmoothed).reshape(-1, 17, 2), points[..., :2])
        smoothed = np.array(line.poses.keypoints).reshape(-1, 17, 3)
        assert np.array_equal(smoothed[..., 2], points[..., 2]), "scores stay"
        moved += (smoothed != points).sum()
    assert moved
    rows = load_rows([plain.path, smooth.path])
    assert [row.smooth for row in rows] == [False, True]
    assert rows[0].fingerprint != rows[1].fingerprint, "they do not give the same poses"
    assert [missing_evidence.run(row).count("--smooth") for row in rows] == [0, 1]


def test_images_that_stand_alone_cannot_be_smoothed(folder):
    with pytest.raises(UsageError, match=r"--smooth needs frames that .* each image of sample"):
        prepared(data="sample", smooth=True)


def test_frames_that_overlap_cannot_be_smoothed(folder):
    with pytest.raises(UsageError, match=r"--smooth needs the poses of the frame before"):
        prepared(mode="overlapped", threads=2, smooth=True)
