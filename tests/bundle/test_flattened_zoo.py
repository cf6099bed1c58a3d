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


def test_every_case_has_poses_of_several_people(expected):
    for name, inputs, (points, _, scores, _, _, noisy) in expected:
        assert inputs, name
        assert len(points) == len(scores) >= 2, name
        assert len(noisy) >= 2, name


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


@pytest.mark.parametrize("source", [zoo.source, zoo.runner])
def test_flattened_files_need_python_3_6(source, tmp_path):
    pytest.importorskip("vermin", reason="vermin is a development dependency")
    file = tmp_path / "flattened.py"
    file.write_text(source(), encoding="utf-8")
    command = [sys.executable, "-c", "from vermin import main; main()", "-t=3.6-", "--no-tips"]
    ended = subprocess.run([*command, str(file)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Minimum required versions: 3.6" in ended.stdout


@pytest.fixture
def old_python():
    """The interpreter of Python 3.6 with numpy that POSEMARK_OLD_PYTHON names."""
    python = os.environ.get("POSEMARK_OLD_PYTHON")
    if not python:
        pytest.skip("POSEMARK_OLD_PYTHON names no interpreter of Python 3.6 with numpy")
    return python


def test_an_old_python_computes_the_same_inputs_and_poses(expected, old_python, tmp_path):
    zoo.require_same(zoo.found(old_python, tmp_path, opencv=False), expected)


MEMBERS = """
import ast, importlib, sys

tree, modules = ast.parse(open(sys.argv[1], encoding="utf-8").read()), {}
for node in tree.body:
    if isinstance(node, ast.Import):
        modules.update({a.asname or a.name: importlib.import_module(a.name) for a in node.names})
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if not hasattr(importlib.import_module(node.module), alias.name):
                print(node.module, alias.name)


def member(node):
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    base = member(node.value) if isinstance(node, ast.Attribute) else None
    if isinstance(base, type(ast)) and not hasattr(base, node.attr):
        print(node.lineno, base.__name__, node.attr)
    return getattr(base, node.attr, None) if base is not None else None


for node in ast.walk(tree):
    if isinstance(node, ast.Attribute):
        member(node)
"""


def test_an_old_python_and_numpy_have_every_member_that_the_file_names(old_python, tmp_path):
    file = tmp_path / "flattened.py"
    for source in (zoo.source(), zoo.runner()):
        file.write_text(source, encoding="utf-8")
        command = [old_python, "-c", MEMBERS, str(file)]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
