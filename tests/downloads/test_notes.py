"""PoseMark's own notes: a damaged one counts as missing, and never ends a command."""

import os

import pytest

from posemark.downloads import notes

DAMAGED = [
    b"",
    b"\xff",
    b'{"made": "\xff"}',
    b'{"made": 1}',
    b"[" * 5000,
    b'{"made":' * 5000,
    b'{"made": "terms"',
    b'{"made": "terms"}' + b" " * notes.LONGEST,
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:12]))
def test_a_damaged_note_counts_as_missing(content, cache):
    path = cache / "made.json"
    path.write_bytes(content)
    assert notes.read_note(path, dict[str, str]) is None


def test_a_note_is_read_in_its_form(cache):
    path = cache / "made.json"
    path.write_bytes(b'{"made": "terms"}')
    assert notes.read_note(path, dict[str, str]) == {"made": "terms"}


def test_neither_a_folder_nor_a_pipe_is_a_note(cache):
    os.mkfifo(cache / "pipe")
    for path in (cache, cache / "pipe", cache / "absent", cache / ("n" * 300)):
        assert notes.read_note(path, dict[str, str]) is None


@pytest.mark.parametrize("content", [b"", b" ", b"\xff" * 64, b"0" * 63, b"G" * 64, b"0" * 2**21])
def test_a_damaged_digest_counts_as_missing(content):
    note = notes.digest_note("made")
    note.parent.mkdir(parents=True)
    note.write_bytes(content)
    assert notes.first_digest("made") is None
    notes.keep_digest("made", "0123456789abcdef" * 4, "made.pth")
    assert notes.first_digest("made") == "0123456789abcdef" * 4


def test_a_damaged_licence_note_has_accepted_nothing(cache):
    (cache / "licences.json").write_bytes(b'{"made":' * 5000)
    assert not notes.is_accepted("made", "CC BY-NC 4.0")
    notes.accept("made", "CC BY-NC 4.0")
    assert notes.is_accepted("made", "CC BY-NC 4.0")
