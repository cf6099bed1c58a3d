"""Every model and card in one flattened file, held to the package's own pipelines."""

import os
import subprocess
import sys

import pytest

import flattened_zoo as zoo


@pytest.fixture(scope="module")
def expected():
    return zoo.expected()


def test_inputs_and_poses_are_those_of_the_package_to_the_last_bit(expected, tmp_path):
    assert zoo.found(sys.executable, tmp_path) == expected


def test_they_are_without_opencv(expected, tmp_path):
    names = ("hrnet-w32-256x192", "dekr-w32-512", "openpose-body25", "movenet-multipose-256")
    found = zoo.found(sys.executable, tmp_path, opencv=False, names=names)
    assert found == [row for row in expected if row[0] in names]
    assert {row[0] for row in found} == set(names)


def test_the_cases_cover_every_codec_and_way_of_resizing():
    specs = zoo.specs()
    codecs = {type(spec.codec).__name__ for spec in specs}
    rules = {type(spec.method.sizing).__name__ for spec in specs if hasattr(spec.method, "sizing")}
    assert codecs == {
        *("Heatmap", "Coordinates", "AssociativeEmbedding", "CentreOffset", "Paf", "PeopleTable")
    }
    assert rules == {"ShortSide", "NetResolution", "FixedHeight", "LongSide"}
    assert {spec.convention.name for spec in specs if spec.convention} == {
        "hrnet",
        "dark",
        "mmpose0",
    }


def test_the_flattened_file_needs_python_3_6(tmp_path):
    file = tmp_path / "flattened.py"
    file.write_text(zoo.source(), encoding="utf-8")
    command = [sys.executable, "-c", "from vermin import main; main()"]
    pytest.importorskip("vermin", reason="vermin is a development dependency")
    ended = subprocess.run(
        [*command, "-t=3.6-", "--no-tips", "--eval-annotations", str(file)],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Minimum required versions: 3.6" in ended.stdout


def test_an_old_python_computes_the_same_inputs_and_poses(expected, tmp_path):
    python = os.environ.get("POSEMARK_OLD_PYTHON")
    if not python:
        pytest.skip("POSEMARK_OLD_PYTHON names no interpreter of Python 3.6 with numpy")
    zoo.require_same(zoo.found(python, tmp_path, opencv=False), expected)
