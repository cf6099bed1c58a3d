"""Artefacts are stored completely or not at all, and are made once."""

import errno
import fcntl
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posemark.artefacts import SUMS, Store, fingerprint
from posemark.core.errors import ExportError, UsageError
from power_failure import recording, sampled, tree_of


@pytest.fixture(autouse=True)
def audible(caplog, monkeypatch):
    """Record warnings, even if libraries in earlier tests changed logging in this process."""
    logger = logging.getLogger("posemark.artefacts")
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "propagate", True)
    caplog.set_level(logging.WARNING, logger.name)


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
    with pytest.raises(UsageError, match=r"file.new: cannot create this folder"):
        Store(tmp_path / "file" / "new").get("net", {}, lambda _: None)


def two_files(folder):
    (folder / "model.xml").write_text("a network")
    (folder / "parts").mkdir()
    (folder / "parts" / "model.bin").write_bytes(bytes(range(256)))


def flip_a_bit(folder):
    path = folder / "parts" / "model.bin"
    content = bytearray(path.read_bytes())
    content[100] ^= 128
    path.write_bytes(content)


DAMAGE = {
    "a flipped bit": (flip_a_bit, "parts/model.bin has changed since it was made"),
    "a missing file": (
        lambda folder: (folder / "model.xml").unlink(),
        "model.xml has changed since it was made",
    ),
    "a file cut short": (
        lambda folder: os.truncate(folder / "parts" / "model.bin", 9),
        "parts/model.bin has changed since it was made",
    ),
    "other facts": (
        lambda folder: (folder / "facts.json").write_text("null"),
        "facts.json has changed since it was made",
    ),
    "no sums": (lambda folder: (folder / SUMS).unlink(), f"its {SUMS} cannot be read"),
    "empty sums": (lambda folder: (folder / SUMS).write_text(""), f"its {SUMS} is empty"),
    "sums that are none": (
        lambda folder: (folder / SUMS).write_bytes(b"\xff\xfe"),
        f"its {SUMS} cannot be read",
    ),
    "sums of nothing": (
        lambda folder: (folder / SUMS).write_text("x\n"),
        f"{SUMS} has changed since it was made",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_artefact_is_replaced_with_a_warning(tmp_path, kind, caplog):
    store, (damage, said) = Store(tmp_path), DAMAGE[kind]
    folder = store.get("net", {}, two_files)
    damage(folder)
    assert store.get("net", {}, two_files) == folder
    (warning,) = caplog.messages
    assert warning == f"{folder}: {said}. The artefact is damaged and is made anew."
    assert (folder / "parts" / "model.bin").read_bytes() == bytes(range(256))
    caplog.clear()

    def never(_):
        raise AssertionError

    store.get("net", {}, never)
    assert not caplog.messages
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_the_warning_reaches_stderr_without_any_set_up(tmp_path):
    """Worker processes configure no logging."""
    folder = Store(tmp_path).get("net", {}, two_files)
    flip_a_bit(folder)
    code = (
        "from pathlib import Path; from posemark.artefacts import Store; "
        f"Store(Path({str(tmp_path)!r})).get('net', {{}}, lambda f: (f / 'x').touch())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.startswith(f"{folder}: parts/model.bin has changed since it was made.")
    assert done.stdout == ""


def test_sha256sum_reads_the_sums(tmp_path):
    folder = Store(tmp_path).get("net", {}, two_files)
    checked = ["sha256sum", "--check", "--strict", SUMS]
    done = subprocess.run(checked, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count(": OK\n")) == (0, 3)


def test_a_damaged_artefact_that_cannot_be_replaced_is_refused(tmp_path, monkeypatch):
    store = Store(tmp_path)
    folder = store.get("net", {}, two_files)
    flip_a_bit(folder)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("posemark.artefacts.tempfile.TemporaryDirectory", full)
    with pytest.raises(ExportError, match="No space left on device") as error:
        store.get("net", {}, two_files)
    assert f"delete the artefact {folder}" in str(error.value)


def test_a_damaged_artefact_that_cannot_be_moved_is_refused(tmp_path, monkeypatch):
    store = Store(tmp_path)
    folder = store.get("net", {}, two_files)
    flip_a_bit(folder)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(ExportError, match=r"cannot be replaced \(Permission denied\)"):
        store.get("net", {}, two_files)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("posemark.artefacts.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(UsageError, match=r"kept \(Permission denied\)\. Make it writable"):
        Store(tmp_path).get("net", {}, two_files)


def test_of_two_that_replace_a_damaged_artefact_the_first_wins(tmp_path, caplog):
    store = Store(tmp_path)
    folder = store.get("net", {}, two_files)
    flip_a_bit(folder)

    def slow(made):
        (made / "who").write_text("second")
        store.get("net", {}, lambda f: (f / "who").write_text("first"))

    assert (store.get("net", {}, slow) / "who").read_text() == "first"
    assert len(caplog.messages) == 2
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_full_disk_while_an_artefact_is_made_is_explained_and_leaves_nothing(tmp_path):
    def make(folder):
        (folder / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "half"))

    with pytest.raises(
        UsageError, match=r"could not be made.*No space left.*POSEMARK_CACHE"
    ) as why:
        Store(tmp_path / "kept").get("kind", {}, make)
    assert str(tmp_path / "kept") in str(why.value)
    assert not list((tmp_path / "kept").iterdir())


def test_the_folder_of_a_killed_maker_is_removed_and_that_of_a_running_one_is_not(tmp_path):
    abandoned, held = tmp_path / ".making-1", tmp_path / ".making-2"
    for folder in (abandoned, held):
        (folder / "made").mkdir(parents=True)
    number = os.open(held, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    try:
        Store(tmp_path).get("net", {"a": 1}, lambda into: (into / "file").touch())
    finally:
        os.close(number)
    assert held.exists()
    assert not abandoned.exists()
    Store(tmp_path).get("net", {"a": 2}, lambda into: (into / "file").touch())
    assert not list(tmp_path.glob(".making-*"))


def test_two_processes_that_make_one_artefact_both_get_it(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from posemark.artefacts import Store\n"
        "def make(folder):\n"
        "    print('making', flush=True); sys.stdin.readline()\n"
        "    (folder / 'file').write_text('network')\n"
        "print(Store(Path(sys.argv[1])).get('net', {'a': 1}, make))"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    makers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "store"], **pipes)
        for _ in range(2)
    ]
    assert [maker.stdout.readline() for maker in makers] == ["making\n"] * 2
    found = [maker.communicate("go\n", timeout=60)[0].strip() for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0]
    assert found[0] == found[1]
    assert (Path(found[0]) / "file").read_text() == "network"
    assert [path.name for path in (tmp_path / "store").iterdir()] == [Path(found[0]).name]


# --- power failures -----------------------------------------------------------------------------


@pytest.mark.parametrize("damaged", [False, True], ids=["new", "in place of a damaged one"])
def test_after_a_power_failure_an_artefact_is_whole_or_made_again(tmp_path, monkeypatch, damaged):
    folder = tmp_path / "store"
    folder.mkdir()
    content = {"model.onnx": b"network" * 9, "inner/part.bin": b"weights"}

    def make(into):
        for name, data in content.items():
            (into / name).parent.mkdir(exist_ok=True)
            (into / name).write_bytes(data)

    if damaged:
        made = Store(folder).get("onnx", {"a": 1}, make)
        (made / "model.onnx").write_bytes(b"nonsense")
    with recording(folder, monkeypatch) as recorder:
        Store(folder).get("onnx", {"a": 1}, make)
        recorder.mark("made")
    assert recorder.disk(len(recorder.ops)).tree() == tree_of(folder)
    for again, marks in sampled(recorder, tmp_path, monkeypatch):
        makes = []
        found = Store(again).get("onnx", {"a": 1}, lambda into, m=makes: m.append(1) or make(into))
        assert {name: (found / name).read_bytes() for name in content} == content
        assert not (makes and marks), "an artefact was lost that was reported as made"
