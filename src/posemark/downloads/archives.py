"""Moves members out of a zip file; the zip file shrinks meanwhile and is removed at the end."""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from posemark.core.crash_points import crash_point
from posemark.core.durable import sync_everything, sync_folder
from posemark.core.errors import DownloadError
from posemark.core.places import write_whole
from posemark.core.text import shortened
from posemark.core.zip_files import ZIP_ERRORS, opened_zip
from posemark.downloads.transfer import require_room
from posemark.downloads.wanted import SILENT, Watcher

BATCH_BYTES = 32 << 20
"""Bytes of members that are extracted before they are cut off the archive."""

_MOST_MEMBERS = 500_000
_MOST_BYTES = 64 << 30
"""Most bytes of all members of one archive."""
_LARGEST_TABLE = 64 << 20
"""Most bytes of the table of contents: 130 for each of _MOST_MEMBERS."""
_OFFSET = 8
"""Bytes at the beginning of a kept table that hold its offset in the archive."""


def begun(archive: Path) -> bool:
    """Return whether an archive is partly unpacked: `take` resumes it without a new download."""
    return archive.is_file() and _table_of(archive).is_file()


def take(
    archive: Path, wanted: Callable[[str], bool], folder: Path, watcher: Watcher = SILENT
) -> int:
    """Move members out of an archive into a folder, under their own names, and remove the archive.

    Members are taken from the last to the first, and the archive is truncated after every
    BATCH_BYTES of them, when they are on the disk. Thus archive and files together never need more
    space than the archive, one member and BATCH_BYTES, and a power failure costs no member. A copy
    of the table of contents is kept beside the archive meanwhile, so that an interrupted call can
    be resumed.

    Args:
        archive: a zip file whose digest has been verified.
        wanted: returns whether a member of this name is taken.
        folder: the destination; a file that is there already with the same content stays.
        watcher: receives the progress after each member.

    Returns:
        The number of members that were wanted.

    Raises:
        DownloadError: if the archive is damaged, a member would leave the folder, or a file
            cannot be written.
    """
    try:
        _make_readable(archive)
        with archive.open("rb") as file, opened_zip(file, _LARGEST_TABLE) as opened:
            chosen = [info for info in _sound(archive, opened) if wanted(info.filename)]
            _require_room(folder, chosen)
            _keep_table(archive, opened.start_dir)
            total = sum(info.file_size for info in chosen)
            watcher.began(f"unpacking {archive.name}", "", 0, total)
            _move(archive, opened, chosen, folder, watcher)
    except ZIP_ERRORS as error:
        _remove(archive)
        raise DownloadError(
            f"{archive}: this archive is damaged ({shortened(str(error))}), and was removed. Run "
            "the same command again to download it anew."
        ) from error
    except OSError as error:
        raise DownloadError(
            f"{folder}: the files of {archive.name} cannot be written there ({error.strerror}). "
            "The rest of the archive is kept: make room, and run the same command again."
        ) from error
    _remove(archive)
    return len(chosen)


def _move(
    archive: Path,
    opened: zipfile.ZipFile,
    chosen: list[zipfile.ZipInfo],
    folder: Path,
    watcher: Watcher,
) -> None:
    """Extract members, the last of the archive first, and cut off what is on the disk."""
    extracted = 0
    with archive.open("r+b") as cut:
        for info in sorted(chosen, key=lambda each: each.header_offset, reverse=True):
            _extract(opened, info, folder)
            watcher.moved(info.file_size)
            extracted += info.file_size
            if extracted >= BATCH_BYTES:
                crash_point("archive.before-sync")
                sync_everything()
                cut.truncate(info.header_offset)
                crash_point("archive.after-cut")
                extracted = 0
    sync_everything()


def _remove(archive: Path) -> None:
    archive.unlink(missing_ok=True)
    sync_folder(archive.parent)  # without its table, a shortened archive would be downloaded again
    _table_of(archive).unlink(missing_ok=True)


# --- what is in it --------------------------------------------------------------------------------


def _sound(archive: Path, opened: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yield the members that are files.

    Raises:
        DownloadError: if the archive is too large, or a member cannot be unpacked safely.
    """
    members, seen = opened.infolist(), set[str]()
    total = sum(info.file_size for info in members)
    if len(members) > _MOST_MEMBERS or total > _MOST_BYTES:
        raise DownloadError(
            f"{archive}: expected at most {_MOST_MEMBERS:,} files and {_MOST_BYTES:,} bytes in "
            f"this archive, got {len(members):,} and {total:,}. It is not unpacked."
        )
    for info in members:
        problem = "its name occurs twice" if info.filename in seen else _problem(info)
        if problem:
            raise DownloadError(
                f"{archive}: a file in this archive cannot be unpacked: {info.filename[:200]!r}, "
                f"because {problem}. Nothing is unpacked: this is not the expected archive."
            )
        seen.add(info.filename)
        if not info.is_dir():
            yield info


def _problem(info: zipfile.ZipInfo) -> str:
    """Return why a member cannot be unpacked safely; "" if it can."""
    name = info.orig_filename
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or ":" in parts[0] or "\\" in name:
        return "its name leads out of the folder"
    if not name.isprintable():
        return "its name has control characters"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "it is a link"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is compressed in a way that is not read here"
    return "it is encrypted" if info.flag_bits & 1 else ""


def _require_room(folder: Path, chosen: list[zipfile.ZipInfo]) -> None:
    """Require space for a batch with the largest member, and for what all members grow by."""
    folder.mkdir(parents=True, exist_ok=True)
    grown = sum(info.file_size - info.compress_size for info in chosen)
    largest = max((info.file_size for info in chosen), default=0)
    batch = min(BATCH_BYTES, sum(info.file_size for info in chosen))
    require_room(folder, max(0, grown) + largest + batch)


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path) -> None:
    """Write a member to a draft, then rename it; zipfile verifies the checksum meanwhile."""
    target = folder / info.filename
    if _is_there(target, info):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    try:
        with opened.open(info) as source, draft.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _is_there(target: Path, info: zipfile.ZipInfo) -> bool:
    if not target.is_file() or target.stat().st_size != info.file_size:
        return False
    return zlib.crc32(target.read_bytes()) == info.CRC


# --- an archive that is partly unpacked -----------------------------------------------------------


def _table_of(archive: Path) -> Path:
    return archive.with_name(archive.name + ".table")


def _keep_table(archive: Path, start: int) -> None:
    """Copy the end of the archive, which holds the offsets of its members, to a file beside it."""
    with archive.open("rb") as file:
        file.seek(start)
        write_whole(_table_of(archive), start.to_bytes(_OFFSET, "big") + file.read())


def _make_readable(archive: Path) -> None:
    """Put the table back at its offset; the gap before it takes no space in a sparse file."""
    if not begun(archive):
        return
    kept = _table_of(archive).read_bytes()
    start = int.from_bytes(kept[:_OFFSET], "big")
    if start > _MOST_BYTES:
        raise zipfile.BadZipFile("the copy of its table of contents is damaged")
    with archive.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        file.write(kept[_OFFSET:])
