"""Drafts: their names, and which of them are removed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from posemark.core import drafts
from posemark.core.drafts import draft_of
from posemark.core.places import write_whole
from posemark.run import settings_folder

DAY = 24 * 3600


def child(code, **variables):
    """Start Python with this code."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
    )


def a_process_that_ended():
    """Return the number of a process that has ended."""
    with child("") as process:
        process.wait(60)
    return process.pid


def killed_while_writing(path):
    """Let a process write a file, and kill it when the draft is complete; return the draft."""
    code = f"""
from pathlib import Path
from posemark.core.places import write_whole
write_whole(Path({str(path)!r}), b"never named")
"""
    at = {"POSEMARK_TESTING": "1", "POSEMARK_CRASH_AT": "file.before-rename"}
    with child(code, **at) as process:
        assert process.wait(60) == -signal.SIGKILL
    (draft,) = path.parent.glob(".*")
    return draft


def aged(path, seconds):
    """Make a file that was changed so long ago; return it."""
    path.write_bytes(b"unfinished")
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def at_place(path, place, process=1):
    """Return the draft of a file by a process in another place."""
    own = draft_of(path)
    drafts._remove_abandoned.cache_clear()
    return own.with_name(own.name.replace(f"{drafts._place()}-{os.getpid()}", f"{place}-{process}"))


def test_a_draft_is_hidden_and_has_no_ending_of_a_file(tmp_path):
    draft = draft_of(tmp_path / "walk.MP4")
    assert (draft.parent, draft.suffix, draft.name[:9]) == (tmp_path, ".draft", ".walk.MP4")


def test_files_of_one_name_with_different_endings_have_different_drafts(tmp_path):
    name = "n" * 100
    assert draft_of(tmp_path / f"{name}.csv") != draft_of(tmp_path / f"{name}.json")


def test_the_draft_of_a_killed_process_is_removed_when_the_file_is_written_again(tmp_path):
    path = tmp_path / "best.toml"
    draft = killed_while_writing(path)
    assert draft.read_bytes() == b"never named"
    write_whole(path, b"named")
    assert list(tmp_path.iterdir()) == [path]


def test_the_draft_of_a_video_whose_process_was_killed_is_removed(tmp_path):
    draft = at_place(tmp_path / "walk.mp4", drafts._place(), a_process_that_ended())
    video = aged(draft.with_name(f"{draft.name}.mp4"), 0)
    write_whole(tmp_path / "a.json", b"ours")
    assert not video.exists()


def test_the_draft_of_a_killed_process_is_no_saved_setting(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path))
    folder = settings_folder.folder_of("small@gt")
    folder.mkdir(parents=True)
    killed_while_writing(folder / "best.toml")
    assert settings_folder.saved("small@gt") == []


@pytest.mark.parametrize("age", [0, 100 * DAY])
def test_the_draft_of_a_living_process_stays_however_old_it_is(tmp_path, age):
    with child("import sys; print(flush=True); sys.stdin.read()") as other:
        theirs = aged(at_place(tmp_path / "a.json", drafts._place(), other.pid), age)
        write_whole(tmp_path / "a.json", b"ours")
        assert theirs.exists()
        other.kill()
        other.wait()
        drafts._remove_abandoned.cache_clear()
        write_whole(tmp_path / "b.json", b"ours")
        assert not theirs.exists()


def test_a_draft_of_another_machine_is_removed_when_it_is_older_than_a_day(tmp_path):
    """Its process has a number that no process has here."""
    place = at_place(tmp_path / "young.json", "0123abcd", a_process_that_ended())
    young = aged(place, DAY - 600)
    old = aged(place.with_name(place.name.replace("young", "old")), DAY + 600)
    write_whole(tmp_path / "young.json", b"ours")
    assert (young.exists(), old.exists()) == (True, False)


def test_where_the_system_hides_the_place_only_age_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(drafts, "_place", lambda: drafts._UNKNOWN)
    path = tmp_path / "a.json"
    unknown = path.with_name(f".a.json.{drafts._UNKNOWN}-{a_process_that_ended()}.draft")
    aged(unknown, 600)
    write_whole(path, b"ours")
    assert unknown.exists()


@pytest.mark.parametrize(
    "name", ["notes.draft", ".notes.2024.draft.md", ".a.json.12-34.draft", "x"]
)
def test_files_of_others_stay(tmp_path, name):
    theirs = aged(tmp_path / name, 100 * DAY)
    write_whole(tmp_path / "a.json", b"ours")
    assert theirs.exists()


def test_a_folder_that_cannot_be_read_is_no_error(tmp_path):
    assert draft_of(tmp_path / "missing" / "a.json").parent == tmp_path / "missing"
