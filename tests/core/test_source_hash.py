"""The source files of a network, and their hash, on which artefacts depend."""

import importlib
import sys
from functools import partial

import pytest
import torch

import posemark
from posemark import export
from posemark.core.errors import UsageError
from posemark.core.source_hash import code_hash, sources
from posemark.models import all_models, spec_of

FILES = {
    "__init__.py": "",
    "first.py": "import math\nfrom . import blocks\n\n\ndef build(size=1):\n    return size\n",
    "second.py": "def build():\n    from toyzoo.inner.head import head\n    return head\n",
    "blocks.py": "WIDTH = 8\n",
    "inner/__init__.py": "",
    "inner/head.py": "from ..blocks import WIDTH\nfrom .tail import tail\nhead = WIDTH\n",
    "inner/tail.py": "tail = 1\n",
    "unused.py": "",
}


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """The folder of another project's package, which provides two families."""
    folder = tmp_path / "toyzoo"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "toyzoo"]:
        del sys.modules[name]


def hashes():
    return [code_hash([importlib.import_module(f"toyzoo.{n}").build]) for n in ("first", "second")]


def test_imports_are_followed_within_the_package(plug_in):
    importlib.import_module("toyzoo.first")
    first, second = (sources([f"toyzoo.{name}"]) for name in ("first", "second"))
    assert list(first) == ["toyzoo", "toyzoo.blocks", "toyzoo.first"]
    names = ("blocks", "inner.head", "inner.tail", "second")
    assert list(second) == [f"toyzoo.{name}" for name in names]
    assert second["toyzoo.inner.tail"] == plug_in / "inner" / "tail.py"
    loaded = {name for name in sys.modules if name.startswith("toyzoo")}
    assert loaded == {"toyzoo", "toyzoo.first", "toyzoo.blocks"}, "nothing is imported to look"


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("first.py", (True, False)),
        ("second.py", (False, True)),
        ("blocks.py", (True, True)),
        ("inner/tail.py", (False, True)),
        ("unused.py", (False, False)),
    ],
)
def test_the_hash_changes_with_the_files_behind_a_network_and_no_others(plug_in, edited, changes):
    before = hashes()
    assert hashes() == before
    path = plug_in / edited
    path.write_text(path.read_text() + "# edited\n")
    assert tuple(a != b for a, b in zip(before, hashes(), strict=True)) == changes


def test_fixed_arguments_count_whatever_their_addresses_are(plug_in):
    build = importlib.import_module("toyzoo.first").build
    assert code_hash([partial(build, 1)]) != code_hash([partial(build, 2)])
    assert code_hash([partial(build, size=1)]) != code_hash([partial(build, 1)])

    def passed():
        class Argument:
            pass

        return Argument()

    kept = passed()
    assert code_hash([partial(build, kept)]) == code_hash([partial(build, passed())])


def test_a_function_that_is_passed_on_is_covered(plug_in):
    first, second = (importlib.import_module(f"toyzoo.{n}").build for n in ("first", "second"))
    before = code_hash([partial(first, second)])
    (plug_in / "second.py").write_text(FILES["second.py"] + "# edited\n")
    assert code_hash([partial(first, second)]) != before


def test_code_without_a_file_is_refused(monkeypatch):
    build = eval("lambda: 1", {"__name__": "typed_in"})
    with pytest.raises(UsageError, match="code of 'typed_in', which is not a file"):
        code_hash([build])


@pytest.mark.parametrize("name", all_models())
def test_every_layer_of_a_network_is_of_a_file_that_is_covered(name):
    with torch.device("meta"):
        layers = posemark.network(name).modules()
    behind = {type(layer).__module__ for layer in layers}
    ours = {module for module in behind if module.startswith("posemark.")}
    found = sources(ours)
    family = {module for module in found if module.startswith("posemark.models.")}
    assert len(family) == 1
    assert ours <= set(sources(family)) == set(found)


def test_functions_of_the_shared_blocks_are_covered_and_other_families_are_not():
    names = ("posemark.models.dekr", "posemark.nn.deform", "posemark.nn.hrnet")
    assert tuple(sources(["posemark.models.dekr"])) == names


def test_an_artefact_is_of_the_code_of_its_own_network(monkeypatch):
    asked = []

    def kept(builders, others):
        asked.append((builders, {path.name for path in others}))
        return "0" * 16

    monkeypatch.setattr(export, "code_hash", kept)
    spec = spec_of("dekr-w32-512")
    assert export.facts(spec, "aa", "1", "fp32")["code"] == "0" * 16
    ((builders, others),) = asked
    assert builders == [spec.build, spec.convert]
    assert {"export.py", "export_cache.py", "open_vino.py", "tflite.py"} <= others
