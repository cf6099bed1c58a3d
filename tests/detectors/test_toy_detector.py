"""Adding a detector that needs no file costs one file: this test adds one, and touches no other."""

import subprocess
import sys

import numpy as np
import pytest

from posemark import detectors
from posemark.datasets.sample import Sample
from posemark.records import files
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from runs import run_one

SOURCE = '''
"""A detector that sees one person in the middle of every image, for a test."""

import numpy as np

from posemark.core.frame import Boxes
from posemark.detectors import BuiltIn


class Middle:
    def __init__(self, size):
        self._size = size

    def detect(self, image_bgr):
        height, width = image_bgr.shape[:2]
        box = [width / 4, height / 4, width / 2, height / 2]
        return Boxes(np.array([box]), np.array([0.75]))


DETECTOR = BuiltIn(
    name="middle",
    says="the middle",
    licence="none",
    runtime="numpy",
    version=lambda: "1",
    size=100,
    unavailable=lambda: "",
    open=Middle,
)
'''


@pytest.fixture
def middle(tmp_path, monkeypatch):
    (tmp_path / "middle.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    detectors.built_in.cache_clear()
    yield
    detectors.built_in.cache_clear()
    sys.modules.pop("posemark.detectors.middle", None)


def test_it_is_found_and_finds_people_in_a_run(middle, tmp_path):
    options = Options("sample", 1, boxes="detector:middle", detector_size=64, limit=2)
    (job,) = plan(["naive-litehrnet-18-256x192"], options)
    dataset = Sample(2)
    path, _ = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path / "out")
    record = files.read(path)
    assert path.stem == "naive-litehrnet-18-256x192@detected+middle-64"
    assert (record.header.detector.sha256, record.header.detector.runtime) == ("1", "numpy")
    for line, frame in zip(record.good, dataset.frames(), strict=True):
        width, height = frame.size_wh
        middle_box = (width / 4, height / 4, width / 2, height / 2, 0.75)
        np.testing.assert_allclose(line.found, [middle_box])
        assert line.stages["detect"] > 0


def test_the_folder_is_searched_only_when_a_detector_is_asked_for():
    code = "import sys, posemark.detectors; assert 'posemark.detectors.hog' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
