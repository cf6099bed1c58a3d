"""Files that survive a power failure: synchronised before they are named, names afterwards."""

import errno
import os
import random
from pathlib import Path

import pytest

from posemark.core import drafts, durable, places
from posemark.core.errors import UsageError
from power_failure import recording, tree_of


@pytest.fixture
def calls(monkeypatch):
    """Return the list of what is synchronised and renamed, in order."""
    made = []
    sync, replace = os.fsync, os.replace

    def fsync(number):
        made.append(("sync", str(Path(f"/proc/self/fd/{number}").readlink())))
        sync(number)

    def rename(source, target):
        made.append(("rename", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    return made


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows it")
def test_content_is_on_the_disk_before_the_name_and_the_name_before_it_returns(tmp_path, calls):
    path = tmp_path / "new" / "folder" / "file.json"
    places.write_whole(path, b"content")
    draft = drafts.draft_of(path)
    assert calls == [
        ("sync", str(tmp_path / "new")),
        ("sync", str(tmp_path)),
        ("sync", str(draft)),
        ("rename", str(path)),
        ("sync", str(path.parent)),
    ]
    assert path.read_bytes() == b"content"


def test_never_leaves_it_out_and_another_word_is_refused(tmp_path, calls, monkeypatch):
    monkeypatch.setenv("POSEMARK_SYNC", "never")
    places.write_whole(tmp_path / "a", b"content")
    assert calls == [("rename", str(tmp_path / "a"))]
    monkeypatch.setenv("POSEMARK_SYNC", "sometimes")
    with pytest.raises(UsageError, match=r"POSEMARK_SYNC=sometimes: expected block or never"):
        places.write_whole(tmp_path / "b", b"content")
    assert not (tmp_path / "b").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    monkeypatch.setenv("POSEMARK_SYNC", "")
    assert durable.syncing()


def test_a_file_system_that_cannot_synchronise_folders_is_used_and_a_broken_disk_is_not(
    tmp_path, monkeypatch
):
    def refuse(number):
        raise OSError(number_of_error, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    number_of_error = errno.EINVAL
    durable.sync_folder(tmp_path)
    number_of_error = errno.EIO
    with pytest.raises(OSError, match="refused"):
        durable.sync_folder(tmp_path)


def test_one_of_many_small_files_is_named_only_when_complete_and_not_synchronised(tmp_path, calls):
    places.write_whole(tmp_path / "1.png", b"picture", one_of_many=True)
    assert calls == [("rename", str(tmp_path / "1.png"))]


def test_after_a_power_failure_a_file_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    folder = tmp_path / "settings"
    folder.mkdir()
    path = folder / "best.toml"
    path.write_bytes(b"old")
    with recording(folder, monkeypatch) as recorder:
        places.write_whole(path, b"new")
        recorder.mark("written")
    assert recorder.disk(len(recorder.ops)).tree() == tree_of(folder) == {"best.toml": b"new"}
    seen = set()
    for at, disk in recorder.states(random.Random(0)):
        seen.add(disk.tree()["best.toml"])
        assert disk.tree()["best.toml"] in ([b"new"] if recorder.marks(at) else [b"old", b"new"])
    assert seen == {b"old", b"new"}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same disk", "another disk"])
def test_a_moved_file_has_its_new_name_only_when_it_is_complete(tmp_path, monkeypatch, elsewhere):
    source, target = tmp_path / "from" / "file", tmp_path / "to" / "new" / "file"
    source.parent.mkdir()
    source.write_bytes(b"content")
    real, seen = os.replace, []

    def replace(old, new):
        if elsewhere and old == source:
            raise OSError(errno.EXDEV, "another disk")
        seen.append((Path(old).read_bytes(), Path(new).exists()))
        real(old, new)

    monkeypatch.setattr(os, "replace", replace)
    durable.move(source, target)
    assert seen == [(b"content", False)]
    assert target.read_bytes() == b"content"
    assert not source.exists()
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_cannot_be_moved_stays(tmp_path):
    source = tmp_path / "file"
    source.write_bytes(b"content")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        durable.move(source, tmp_path / "folder")
    assert source.read_bytes() == b"content"
