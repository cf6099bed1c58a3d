"""Where PoseMark keeps files of its own on this machine."""

import os
from pathlib import Path

from posemark.core.errors import UsageError


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, if it is not there.

    Raises:
        UsageError: if that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: this folder cannot be made ({error.strerror}). Name another one: "
            "POSEMARK_CACHE is the variable for PoseMark's own files."
        ) from error


def user_cache() -> Path:
    """$POSEMARK_CACHE, else the user's cache folder: weights, artefacts, settings."""
    base = os.environ.get("POSEMARK_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "posemark"
