"""run.py as one file, in this Python and in an old one with the engines that it has."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from made_bundle import TOP_DOWN, made_bundle
from posemark.bundle.expression import expression
from posemark.bundle.flatten import flatten
from posemark.records import files

OLD = os.environ.get("POSEMARK_OLD_PYTHON")
PROGRAM = """
import sys
from pathlib import Path

from posemark.bundle.runner.main import main
{bundle}
if __name__ == "__main__":
    sys.exit(main(BUNDLE, Path(__file__).resolve()))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    bundle = made_bundle(tmp_path_factory.mktemp("bundle") / "b", frames=4)
    program = PROGRAM.format(bundle=expression(bundle.bundle).assigned("BUNDLE"))
    bundle.script.write_text(flatten(program=program, command="posemark bundle").source)
    return bundle


def run(python, made, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command = [python, str(made.script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def here(made, tmp_path_factory):
    """Poses of the flattened file in this Python, by image."""
    out = tmp_path_factory.mktemp("here")
    how = ("--engine", "onnxruntime", "--threads", 1, "--repeat", 1, "--out", out)
    code, _, errors = run(sys.executable, made, *how)
    assert (code, errors) == (0, "")
    return poses(out / f"{TOP_DOWN}+onnxruntime.jsonl")


def poses(path):
    record = files.read(path)
    assert record.complete
    return {frame.image_id: frame.poses for frame in record.good}


def test_the_flattened_file_runs_here(here):
    assert sorted(here) == [1, 2, 3, 4]


NO_OLD = pytest.mark.skipif(not OLD, reason="POSEMARK_OLD_PYTHON names no old Python")


@pytest.mark.parametrize("python", [sys.executable, pytest.param(OLD, marks=NO_OLD)])
def test_it_measures_what_a_damaged_line_held_again(made, here, python, tmp_path):
    how = ("--engine", "onnxruntime", "--threads", 1, "--repeat", 1, "--out", tmp_path)
    run(python, made, *how)
    path = tmp_path / f"{TOP_DOWN}+onnxruntime.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"image_id":2', b'"image_id":9'))
    code, printed, errors = run(python, made, *how)
    assert (code, errors) == (0, "")
    assert "damaged lines are passed over" in printed
    assert sorted(poses(path)) == sorted(here)


@NO_OLD
@pytest.mark.parametrize("engine", ["onnxruntime", "opencv", "openvino"])
def test_it_finds_the_same_people_in_an_old_python(made, here, engine, tmp_path):
    script, text = tmp_path / "b" / "run.py", made.script.read_text()
    copy = type(made)(shutil.copytree(made.folder, tmp_path / "b"), made.prepared, made.bundle)
    if engine != "opencv":  # old OpenCV samples pixels with other rounding than this one
        script.write_text("import sys\nsys.modules['cv2'] = None\n" + text)
    how = ("--engine", engine, "--threads", 1, "--repeat", 1, "--out", tmp_path)
    code, printed, errors = run(OLD, copy, *how)
    if f"{engine}: not installed" in " ".join(printed.split()):
        pytest.skip(f"{engine} is not installed there")
    assert (code, errors) == (0, "")
    found = poses(tmp_path / f"{TOP_DOWN}+{engine}.jsonl")
    assert sorted(found) == sorted(here)
    wanted, got = (
        np.concatenate([points(each[image]) for image in here]) for each in (here, found)
    )
    far = np.abs(wanted - got).max(-1) > 0.01
    assert far.mean() < (0.25 if engine == "opencv" else 0.01)


def points(people):
    """Return the key points (N, 17, 2) of the poses of a frame."""
    return np.array(people.keypoints).reshape(-1, 17, 3)[..., :2]
