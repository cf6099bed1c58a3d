"""Where PoseMark keeps files of its own on this machine."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from posemark.core.errors import UsageError

CACHE_REMEDY = (
    "Name another folder for PoseMark's own files in the environment variable POSEMARK_CACHE, or "
    "make room."
)


def with_home(path: str | Path) -> Path:
    """A path with the home folder in place of a ~ it begins with, or as it is without such a home.

    As a shell does it: ~nobody/x stays, and whoever opens it reports that it is not there.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, if it is not there.

    Raises:
        UsageError: if that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: this folder cannot be made ({error.strerror}). {CACHE_REMEDY}"
        ) from error


def require_writable(folder: Path, remedy: str) -> None:
    """Refuse a folder that cannot be made, or in which no file can be written.

    It is tried: permissions alone do not tell of full disks, nor what root may do. Nothing is
    left behind, no folder either.

    Args:
        folder: need not exist.
        remedy: a sentence on what to do.

    Raises:
        UsageError: naming the folder and what the system said.
    """
    made: list[Path] = []
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(bytes(_PROBE))
    except OSError as error:
        in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
        why = "a file is in its way" if in_the_way else error.strerror
        raise UsageError(
            f"{folder}: nothing can be written into this folder ({why}). {remedy}"
        ) from error
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


_PROBE = 4096
"""Bytes: one block of most file systems."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all; its folder is made if it is not there.

    Raises:
        OSError: if the system refuses; what was there before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def data_folder() -> Path:
    """$POSEMARK_DATA, else `data` in the user's cache folder: where `posemark get` puts data.

    COCO lies in its folder `coco`. An empty variable counts as not set.

    Raises:
        UsageError: as user_cache.
    """
    own = os.environ.get("POSEMARK_DATA")
    return with_home(own) if own else user_cache() / "data"


def user_cache() -> Path:
    """$POSEMARK_CACHE, else the user's cache folder: weights, artefacts, settings.

    A variable that is empty counts as not set, as the XDG Base Directory Specification has it; so
    does a relative XDG_CACHE_HOME.

    Raises:
        UsageError: if no variable names the folder and the user has no home folder, as in a
            container under a number that stands for no user.
    """
    try:
        own = os.environ.get("POSEMARK_CACHE")
        if own:
            return Path(own).expanduser()
        shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "posemark"
    except RuntimeError as error:
        raise UsageError(
            "PoseMark keeps weights and what is costly to make in the user's cache folder, but "
            "this user has no home folder. Name a folder in the environment variable "
            "POSEMARK_CACHE, without a ~."
        ) from error
