"""Places for files: tested before anything is measured, and left unchanged."""

import os
import pwd
from pathlib import Path

import pytest

from posemark.core.errors import UsageError
from posemark.core.places import require_place, require_writable, user_cache, write_whole


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    require_writable(tmp_path / "a" / "b", "Choose another.")
    require_writable(tmp_path, "Choose another.")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nope", "/dev/full"])
def test_a_folder_that_cannot_be_written_is_refused_with_the_reason_and_the_remedy(tmp_path, place):
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(UsageError, match=r"cannot write into.*\(.+\)\. Choose another\.") as why:
        require_writable(tmp_path / place, "Choose another.")
    assert place in str(why.value)
    assert ("a file is where a folder should be" in str(why.value)) == (place != "/proc/nope")
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    write_whole(tmp_path / "new" / "file", b"one")
    assert (tmp_path / "new" / "file").read_bytes() == b"one"
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"two")
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["new", "taken"]


def test_where_a_file_can_be_written_nothing_changes(tmp_path):
    (tmp_path / "old").write_bytes(b"kept")
    for place in ("old", "new", "folder/new", "n" * 251 + ".csv"):
        require_place(tmp_path / place, "Choose another.")
    assert [each.name for each in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("pipe", "this is a pipe or a device, which would be removed"),
        ("/dev/full", "this is a pipe or a device, which would be removed"),
        ("folder", "this is a folder"),
        ("n" * 256, "File name too long"),
        ("folder/" * 1000 + "x", "File name too long"),
        ("old/x", "a file is where a folder should be"),
        ("/proc/x", "cannot write into this folder"),
    ],
)
def test_where_no_file_can_be_written_the_reason_is_named_and_nothing_changes(tmp_path, place, why):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "old").write_bytes(b"kept")
    before = {each: each.stat().st_mode for each in tmp_path.iterdir()}
    with pytest.raises(UsageError, match=rf"{why}.* Choose another\.") as told:
        require_place(tmp_path / place, "Choose another.")
    assert Path(place).parts[0] in str(told.value)
    assert {each: each.stat().st_mode for each in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "name", ["n" * 251 + ".mp4", "\N{SNOWMAN}" * 85, "n" * 100 + "." + "m" * 154]
)
def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path, name):
    write_whole(tmp_path / name, b"one")
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 (the name as it is stored)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"POSEMARK_CACHE": "/a/b"}, "/a/b"),
        ({"POSEMARK_CACHE": "~/b"}, "/h/b"),
        ({"POSEMARK_CACHE": "", "XDG_CACHE_HOME": "/x"}, "/x/posemark"),
        ({"XDG_CACHE_HOME": ""}, "/h/.cache/posemark"),
        ({"XDG_CACHE_HOME": "relative"}, "/h/.cache/posemark"),
        ({}, "/h/.cache/posemark"),
    ],
)
def test_the_cache_is_where_the_user_says_or_in_the_home_folder(variables, expected, monkeypatch):
    for name in ("POSEMARK_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/h"} | variables).items():
        monkeypatch.setenv(name, value)
    assert user_cache() == Path(expected)


def test_a_user_without_a_home_folder_is_asked_to_name_one(monkeypatch):
    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("POSEMARK_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no home folder.* POSEMARK_CACHE"):
        user_cache()
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert user_cache() == Path("/x/posemark")


def test_an_impossible_way_of_synchronising_is_refused_before_anything_is_made(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("POSEMARK_SYNC", "off")
    with pytest.raises(UsageError, match="POSEMARK_SYNC=off: expected block or never"):
        require_writable(tmp_path / "a", "Choose another.")
    assert not (tmp_path / "a").exists()
