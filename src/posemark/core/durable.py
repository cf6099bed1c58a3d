"""Passes files and names to the disk, so that they survive a power failure.

A file that was written is at first only in the memory of the system, and so is a new name in a
folder. Each is on the disk once it was synchronised. The environment variable POSEMARK_SYNC=never
leaves this out, for disks on which it takes long; a killed process loses nothing either way.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import IO, Any

from posemark.core.crash_points import crash_point
from posemark.core.errors import UsageError

VARIABLE = "POSEMARK_SYNC"
"""The environment variable with one of WAYS."""

WAYS = ("block", "never")
"""When files are synchronised: records after each block and other files when they are complete, or
never. The first is the default."""

_NOT_FOR_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}
"""How file systems say that they cannot synchronise a folder; some also refuse to open it."""


def syncing() -> bool:
    """Return whether files are synchronised.

    Raises:
        UsageError: if POSEMARK_SYNC has another value than WAYS.
    """
    way = os.environ.get(VARIABLE) or WAYS[0]
    if way not in WAYS:
        raise UsageError(
            f"{VARIABLE}={way}: expected {' or '.join(WAYS)}. Set one of these, or unset the "
            "variable."
        )
    return way != "never"


def sync(file: IO[Any]) -> None:
    """Pass the content of an open file to the disk.

    Raises:
        OSError: if the system refuses, for example because the disk is full.
    """
    file.flush()
    if syncing():
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Pass the content of a closed file to the disk.

    Raises:
        OSError: if the system refuses.
    """
    if syncing():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Pass the names in a folder to the disk, if the file system can do so.

    Raises:
        OSError: if the disk fails.
    """
    if not syncing():
        return
    try:
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise


def sync_tree(folder: Path) -> None:
    """Pass all files below a folder and their names to the disk; the folder's own name is not.

    Raises:
        OSError: if the system refuses.
    """
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            sync_file(path)
    sync_folder(folder)


def sync_everything() -> None:
    """Pass all written files of the machine to the disk.

    One call is much quicker than one for each of many small files.
    """
    if syncing():
        os.sync()


def place(draft: Path, target: Path, point: str = "file") -> None:
    """Give a complete file its name, in place of an older file of this name.

    After a power failure the name has the old content or the new one, and the new one once this
    returns.

    Args:
        draft: the complete file, closed, in the same file system.
        target: its name.
        point: what the file is, in the names of the crash points.

    Raises:
        OSError: if the system refuses.
    """
    crash_point(f"{point}.before-sync")
    sync_file(draft)
    crash_point(f"{point}.before-rename")
    draft.replace(target)
    crash_point(f"{point}.after-rename")
    sync_folder(target.parent)


def move(source: Path, target: Path) -> None:
    """Move a file, also to another file system; a power failure leaves it at one of both places.

    Args:
        source: the file.
        target: its new name; its folder is made if necessary.

    Raises:
        OSError: if the system refuses. Then the file is where it was.
    """
    make_folders(target.parent)
    try:
        place(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # it is on another file system, and is copied
            raise
        draft = target.with_name(f".{target.name}.draft")
        try:
            shutil.copyfile(source, draft)
            place(draft, target)
        finally:
            draft.unlink(missing_ok=True)
        source.unlink()


def make_folders(folder: Path) -> None:
    """Create a folder and its parents, if they do not exist, and pass the new names to the disk.

    Raises:
        OSError: if the system refuses.
    """
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in new:
        sync_folder(each.parent)
