"""Places for files: tested before anything is measured, and left unchanged."""

import pwd
from pathlib import Path

import pytest

from posemark.core.errors import UsageError
from posemark.core.places import require_writable, user_cache, write_whole


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
