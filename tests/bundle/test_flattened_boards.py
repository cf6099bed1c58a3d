"""What a bundle's file says of boards and makes of pixels is what the package does."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from made_boards import BOARDS, make
from posemark.board.facts import describe, read
from posemark.bundle.flatten import flatten
from posemark.geometry import plain_opencv

PROGRAM = """
import json
import sys
from pathlib import Path

import numpy as np

from posemark.board.facts import describe, read
from posemark.geometry.plain_opencv import imdecode, resize, warpAffine
from posemark.geometry.plain_png import plain_png

root = Path(sys.argv[1])
found = {}
for folder in sorted(root.glob("*/proc")):
    facts = read(folder.parent)
    found[folder.parent.name] = [facts, describe(facts)]
image, affine = np.load(str(root / "image.npy")), np.load(str(root / "affine.npy"))
image = imdecode(np.frombuffer(plain_png(image), np.uint8), 1)
for flags in (1, 2):
    np.save(str(root / "warped-{}.npy".format(flags)), warpAffine(image, affine, (61, 47), flags))
np.save(str(root / "resized.npy"), resize(image, (33, 71)))
json.dump(found, sys.stdout)
"""
AFFINE = np.array([[1.3, 0.2, -20.5], [-0.1, 0.9, 4.25]])


@pytest.fixture
def root(tmp_path):
    for kind in BOARDS:
        make(tmp_path / kind, kind)
    image = np.random.default_rng(0).integers(0, 256, (50, 64, 3), np.uint8)
    np.save(tmp_path / "image.npy", image)
    np.save(tmp_path / "affine.npy", AFFINE)
    (tmp_path / "run.py").write_text(flatten(program=PROGRAM).source, encoding="utf-8")
    return tmp_path


def require_same(root, python):
    command = [python, str(root / "run.py"), str(root)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert set(found) == set(BOARDS)
    for kind, said in found.items():
        facts = read(root / kind)
        assert said == [facts, describe(facts)], kind
    image = np.load(root / "image.npy")
    for flags in (cv2.INTER_LINEAR, cv2.INTER_CUBIC):
        wanted = plain_opencv.warpAffine(image, AFFINE, (61, 47), flags)
        np.testing.assert_array_equal(np.load(root / f"warped-{flags}.npy"), wanted)
    np.testing.assert_array_equal(np.load(root / "resized.npy"), cv2.resize(image, (33, 71)))


def test_the_flattened_file_reads_boards_and_samples_images_alike(root):
    require_same(root, sys.executable)


def test_an_old_python_does_so_too(root):
    python = os.environ.get("POSEMARK_OLD_PYTHON")
    if not python:
        pytest.skip("POSEMARK_OLD_PYTHON names no interpreter of Python 3.6 with numpy")
    require_same(root, python)
