"""docs/architecture.md agrees with the code: layout, layers, counts of files, function sizes."""

import ast
import re
import tomllib
from importlib import resources
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "posemark"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_bytes())
    for path in sorted(PACKAGE.rglob("*.py"))
}


def functions(tree):
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def docstrings(tree):
    """Return the ids of the nodes of all docstrings."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Module)
    bodies = [each.body for each in ast.walk(tree) if isinstance(each, kinds)]
    # A string below a constant is the description of the constant.
    return {id(each.value) for body in bodies for each in body if isinstance(each, ast.Expr)}


def texts(tree):
    """Yield the strings that the code uses or prints."""
    described = docstrings(tree)
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and id(each) not in described:
            yield str(each.value)


def row(addition):
    """Return how many files the table of additions states for one, and which files it names."""
    (cells,) = re.findall(rf"^\| {addition} \| (.*) \|$", PAGE, re.MULTILINE)
    number = re.match(r"(?:up to )?(\d+)", cells)
    return int(number[1]), set(re.findall(r"`([\w./]+\.(?:py|toml))`", cells))


def test_the_layout_is_that_of_the_package():
    listed = re.findall(r"^  (\w+(?:/|\.py)) .*$", PAGE, re.MULTILINE)
    to_come = re.findall(r"^  (\w+/) .*\(to come", PAGE, re.MULTILINE)
    here = [
        path.name + "/" * path.is_dir()
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    assert sorted(set(listed) - set(to_come)) == sorted(here)


def test_the_layers_are_those_that_are_enforced():
    (layers,) = re.findall(r"^`(cli -> .*)`\.$", PAGE, re.MULTILINE)
    contract = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    # __main__ only calls cli.
    enforced = [layer.replace(" ", "") for layer in contract if layer != "__main__"]
    assert layers.split(" -> ") == enforced


def test_strict_typing_is_where_the_page_says():
    (names,) = re.findall(r"basedpyright \(strict on ([\w., ]+)\)", PAGE)
    included = PROJECT["tool"]["basedpyright"]["include"]
    assert names.split(", ") == [path.removeprefix("src/posemark/") for path in included]
    assert PROJECT["tool"]["basedpyright"]["typeCheckingMode"] == "strict"


def test_type_checkers_of_users_find_that_the_package_is_typed():
    assert "Typing :: Typed" in PROJECT["project"]["classifiers"]
    assert resources.files("posemark").joinpath("py.typed").is_file()
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"] == {"packages": ["src/posemark"]}


def test_every_document_is_listed():
    (line,) = re.findall(r"^docs/ .*$", PAGE, re.MULTILINE)
    here = {path.name for path in (ROOT / "docs").glob("*.md")} - {"architecture.md"}
    assert {name for name in here if name not in line} == set()


LIBRARIES = re.compile(r"\b(jaxtyping|beartype|pydantic|attrs|equinox)\b")


def test_no_library_is_named_that_is_not_used():
    known = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert {name for name in LIBRARIES.findall(PAGE) if name not in known} == set()


def test_functions_are_as_small_as_the_page_says():
    usual, most, cap, cap_of_models = map(
        int,
        re.search(
            r"median <= (\d+) lines, 95% <= (\d+), cap (\d+); (\d+) in models", PAGE
        ).groups(),
    )
    lines = {
        f"{name}: {each.name}": each.end_lineno - first_line(each) + 1
        for name, tree in TREES.items()
        for each in functions(tree)
    }
    assert len(lines) > 1000
    assert median(lines.values()) <= usual
    assert quantiles(lines.values(), n=20)[-1] <= most
    caps = {name: cap_of_models if name.startswith("models/") else cap for name in lines}
    assert [name for name, count in lines.items() if count > caps[name]] == []


def first_line(function):
    """Return the line where the body of a function begins, after its docstring."""
    start = function.body[0]
    documented = ast.get_docstring(function) is not None and len(function.body) > 1
    return function.body[1].lineno if documented else start.lineno


# --- what an addition costs ---------------------------------------------------------------------


def test_no_per_cent_sign_is_separated_from_its_number():
    """A wrapped line could begin with the sign, and options have no space: --until 2%."""
    parted = re.compile(r"(?:[0-9]|^) %(?![a-z(\d])")
    shown = [
        *((name, text) for name, tree in TREES.items() for text in texts(tree)),
        *((path.name, path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.js")),
        *((path.name, path.read_text(encoding="utf-8")) for path in (ROOT / "docs").rglob("*.md")),
        ("README.md", (ROOT / "README.md").read_text(encoding="utf-8")),
    ]
    assert [(name, text) for name, text in shown if parted.search(text)] == []


def test_a_runtime_is_named_in_no_other_file_than_the_page_says():
    number, named = row("runtime")
    own = {"runtimes/open_vino.py", "runtimes/open_vino_deform.py"}
    # A bundle runs on devices, and needs neither at home.
    own |= {"bundle/runner/engines/openvino_engine.py", "bundle/targets.py"}
    found = {
        name
        for name, tree in TREES.items()
        if name not in own and any(re.search(r"\bopenvino\b", text) for text in texts(tree))
    }
    assert found | {"pyproject.toml"} == {name for name in named if not name.startswith("tests/")}
    assert number == 1


CODECS = {
    each.name
    for name, tree in TREES.items()
    if name.startswith("codecs/")
    for each in tree.body
    if isinstance(each, ast.ClassDef)
    if {"encode", "decode"} <= {f.name for f in each.body if isinstance(f, ast.FunctionDef)}
}


def test_the_class_of_a_codec_is_asked_for_nowhere():
    assert len(CODECS) == 6
    asked = [
        name
        for name, tree in TREES.items()
        for each in ast.walk(tree)
        if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "isinstance"
        if {getattr(n, "id", getattr(n, "attr", "")) for n in ast.walk(each.args[1])} & CODECS
    ]
    assert asked == []


def test_what_a_network_sees_is_asked_for_in_one_file():
    asked = {
        name
        for name, tree in TREES.items()
        for each in ast.walk(tree)
        if isinstance(each, ast.Call) and getattr(each.func, "id", "") == "isinstance"
        if {getattr(n, "id", "") for n in ast.walk(each.args[1])} & {"TopDown", "WholeImage"}
    }
    assert asked == {"pipelines/build.py"}


@pytest.mark.parametrize("addition", ["runtime", "codec", "person detector", "data set", "metric"])
def test_every_file_of_an_addition_is_there(addition):
    _, named = row(addition)
    assert [each for each in named if not any((r / each).is_file() for r in (PACKAGE, ROOT))] == []
