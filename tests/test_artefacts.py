"""Artefacts appear whole or not at all, and are made once."""

import json

import pytest

from posemark.artefacts import Store, fingerprint
from posemark.core.errors import UsageError


def test_an_artefact_is_made_once_and_found_by_all_its_facts(tmp_path):
    store, made = Store(tmp_path / "new"), []

    def make(folder):
        made.append(folder)
        (folder / "file").write_text(str(len(made)))

    first = store.get("net", {"a": 1, "b": "x"}, make)
    assert store.get("net", {"b": "x", "a": 1}, make) == first
    assert store.get("net", {"a": 2, "b": "x"}, make) != first
    assert len(made) == 2
    assert (first / "file").read_text() == "1"
    assert json.loads((first / "facts.json").read_text()) == {"a": 1, "b": "x"}
    assert first.name == f"net-{fingerprint({'a': 1, 'b': 'x'})}"


def test_a_maker_that_dies_leaves_nothing_behind(tmp_path):
    store = Store(tmp_path)

    def dies(folder):
        (folder / "half").write_text("of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get("net", {}, dies)
    assert not list(tmp_path.iterdir())
    assert (store.get("net", {}, lambda f: (f / "whole").touch()) / "whole").exists()


def test_of_two_makers_the_first_wins(tmp_path):
    store = Store(tmp_path)

    def slow(folder):
        (folder / "who").write_text("second")
        store.get("net", {}, lambda f: (f / "who").write_text("first"))

    assert (store.get("net", {}, slow) / "who").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file.new: this folder cannot be made"):
        Store(tmp_path / "file" / "new").get("net", {}, lambda _: None)
