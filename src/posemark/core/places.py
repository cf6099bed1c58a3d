"""The folders where PoseMark stores its own files, and safe ways to write into them."""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from platformdirs.unix import Unix

from posemark.core import durable
from posemark.core.drafts import draft_of
from posemark.core.errors import UsageError

CACHE_REMEDY = (
    "Name another folder for PoseMark's own files in the environment variable POSEMARK_CACHE, or "
    "make room."
)


def with_home(path: str | Path) -> Path:
    """Replace a leading ~ by the home folder, or return the path unchanged if there is none.

    A shell does the same: it leaves ~nobody/x as it is, and opening that file reports that it
    does not exist.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_file(path: Path) -> bool:
    """Return whether a path names a file; False for a name that is too long or impossible.

    Path.is_file raises OSError for a name that is too long, up to Python 3.13.
    """
    return os.path.isfile(path)  # noqa: PTH113 (see above)


def is_folder(path: Path) -> bool:
    """Return whether a path names a folder; False for a name that is too long or impossible."""
    return os.path.isdir(path)  # noqa: PTH112 (as in is_file)


def exists(path: Path) -> bool:
    """Return whether a path names anything; False for a name that is too long or impossible."""
    return os.path.exists(path)  # noqa: PTH110 (as in is_file)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, if they do not exist.

    Raises:
        UsageError: if the system refuses.
    """
    try:
        durable.make_folders(folder)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot create this folder ({error.strerror}). {CACHE_REMEDY}"
        ) from error


def require_writable(folder: Path, remedy: str) -> None:
    """Check that files can be written into a folder.

    The check writes a temporary file, because permissions alone do not reveal a full disk or what
    root may do. It removes that file and every folder that it created.

    Args:
        folder: the folder, which need not exist.
        remedy: a sentence for the message, about what the user can do.

    Raises:
        UsageError: if the folder cannot be created or written into, or POSEMARK_SYNC has a value
            that it cannot have.
    """
    durable.syncing()  # refuses an impossible setting before anything is made
    made: list[Path] = []
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(bytes(_PROBE))
    except OSError as error:
        in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
        why = "a file is where a folder should be" if in_the_way else error.strerror
        raise UsageError(f"{folder}: cannot write into this folder ({why}). {remedy}") from error
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


def require_place(path: Path, remedy: str) -> None:
    """Check that a file can be written at a path, where at most a file may be so far.

    A file is written beside its place and then renamed. This would remove a pipe or a device.

    Args:
        path: the file.
        remedy: a sentence for the message, about what the user can do.

    Raises:
        UsageError: if something else is there, the name is impossible, or the folder cannot be
            written into.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError as error:
        raise UsageError(f"{path}: cannot write this file ({error.strerror}). {remedy}") from error
    if mode is not None and not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device, which would be removed"
        raise UsageError(f"{path}: expected the name of a file, but this is {what}. {remedy}")
    require_writable(path.parent, remedy)


_PROBE = 4096
"""Bytes of the temporary file: one block of most file systems."""


def write_whole(path: Path, content: bytes, one_of_many: bool = False) -> None:
    """Write a file completely or not at all, and create its folder if necessary.

    When this returns, the file survives a power failure (durable).

    Args:
        path: the file.
        content: its content.
        one_of_many: whether it is one of many small results that the same command writes again.
            Only then it may be lost in a power failure, because each would take milliseconds.

    Raises:
        OSError: if the system refuses. A file that was there before is unchanged.
    """
    durable.make_folders(path.parent)
    draft = draft_of(path)
    try:
        draft.write_bytes(content)
        if one_of_many:
            draft.replace(path)
        else:
            durable.place(draft, path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def data_folder() -> Path:
    """Return the folder into which `posemark get` downloads data sets.

    It is $POSEMARK_DATA, or else `data` in the user's cache folder. COCO is in its subfolder
    `coco`. An empty variable counts as not set.

    Raises:
        UsageError: for the same reason as user_cache.
    """
    own = os.environ.get("POSEMARK_DATA")
    return with_home(own) if own else user_cache() / "data"


def user_cache() -> Path:
    """Return the folder for weights, artefacts and settings.

    It is $POSEMARK_CACHE, or else `posemark` in the user's cache folder. An empty variable and a
    relative XDG_CACHE_HOME count as not set, as the XDG Base Directory Specification demands.

    Raises:
        UsageError: if no variable names the folder and the user has no home folder, as in a
            container that runs under a number without a user.
    """
    try:
        own = os.environ.get("POSEMARK_CACHE")
        if own:
            return Path(own).expanduser()
        return Unix("posemark").user_cache_path  # on macOS too, where it has always been
    except RuntimeError as error:
        raise UsageError(
            "PoseMark stores weights and exported networks in the user's cache folder, but this "
            "user has no home folder. Name a folder in the environment variable POSEMARK_CACHE, "
            "without a ~."
        ) from error
