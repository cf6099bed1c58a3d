"""Hostile downloads: answers of servers, zip archives, and PoseMark's own notes on both."""

import io
import os
import zipfile
from pathlib import Path

import requests
import urllib3

from hostile.checksums import zip_with_sums
from hostile.kind import Kind, written
from posemark.cli import list_entries
from posemark.downloads import archives, notes, transfer, web
from posemark.weights import cache

_LICENCE = "CC BY-NC 4.0"
_TABLE = b"PK\1\2"
"""The first bytes of the table of contents of a zip file."""

# ------------------------------------------------------------------------------------- archives


def zips() -> list[bytes]:
    """Return an archive with two folders, compressed and not, and one with a comment."""
    made = []
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            archive.writestr("val/", b"")
            archive.writestr("val/1.jpg", b"one" * 20)
            archive.writestr("val/b/2.jpg", b"two" * 20)
            archive.comment = b"made"
        made.append(file.getvalue())
    return made


def read_archive(folder: Path, content: bytes) -> object:
    """Unpack an archive into an empty folder, as if nothing had been tried before."""
    inner = folder / "made"
    inner.mkdir(exist_ok=True)
    _empty(inner)
    archive = written(inner / "made.zip", content)
    return archives.take(archive, lambda name: name.endswith(".jpg"), inner / "unpacked")


def read_table(folder: Path, content: bytes) -> object:
    """Continue to unpack an archive; the mutant is the table of contents beside it."""
    inner, whole = folder / "made", zips()[0]
    inner.mkdir(exist_ok=True)
    _empty(inner)
    archive = written(inner / "made.zip", whole[: whole.index(_TABLE)])
    written(inner / "made.zip.table", content)
    return archives.take(archive, lambda name: True, inner / "unpacked")


def table() -> bytes:
    whole = zips()[0]
    start = whole.index(_TABLE)
    return start.to_bytes(8, "big") + whole[start:]


def _empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


# ---------------------------------------------------------------------------------------- notes


def own_notes() -> list[bytes]:
    """Return a licence note, a digest in the format of sha256sum, and other notes."""
    return [
        b'{"made": "CC BY-NC 4.0"}',
        b"0123456789abcdef" * 4 + b"  made.pth\n",
        b'{"sha256": "' + b"0123456789abcdef" * 4 + b'", "part": ""}',
        b'{"url": "https://a.example/b", "tag": "x", "total": 12}',
    ]


def read_notes(folder: Path, content: bytes) -> object:
    """Read the same bytes as every kind of note."""
    os.environ["POSEMARK_CACHE"] = str(folder)
    path = written(folder / "licences.json", content)
    notes.digest_note("made").parent.mkdir(exist_ok=True)
    written(notes.digest_note("made"), content)
    forms = [
        notes.read_note(path, form) for form in (transfer._Note, cache._Note, list_entries._Rows)
    ]
    return notes.first_digest("made"), notes.is_accepted("made", _LICENCE), forms


# -------------------------------------------------------------------------------------- answers


def answers() -> list[bytes]:
    """Return status lines and headers of a whole file, of a part, and of a busy server."""
    return [
        b'200\nContent-Length: 12\nETag: "x"\nLast-Modified: now\nContent-Encoding: identity',
        b"206\nContent-Range: bytes 5-11/12\nContent-Type: application/zip",
        b"503\nRetry-After: 12\nContent-Type: text/html",
    ]


class _Session:
    """Gives one answer to every request, as requests.Session would."""

    def __init__(self, content: bytes) -> None:
        status, *lines = content.decode("latin-1").split("\n")
        self._answer = requests.Response()
        self._answer.status_code = int(status) if status.isdecimal() and len(status) < 9 else 200
        self._answer.headers.update(line.partition(": ")[::2] for line in lines)
        self._answer.raw = urllib3.HTTPResponse(io.BytesIO(content), preload_content=False)

    def get(self, url: str, **_: object) -> requests.Response:
        return self._answer


def read_answer(folder: Path, content: bytes) -> object:
    try:
        with web.asked(_Session(content), "https://a.example", 5, "x", 9.0) as reply:
            return web.is_page(content), reply.start, reply.total, reply.tag, reply.read()
    except web.WebError:  # caught where the next mirror is tried
        return None


KINDS = {
    "archives": Kind(zips, read_archive, repair=zip_with_sums),
    "archive-tables": Kind(lambda: [table()], read_table),
    "notes": Kind(own_notes, read_notes),
    "answers": Kind(answers, read_answer),
}
