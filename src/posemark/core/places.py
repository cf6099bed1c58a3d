"""Where PoseMark keeps files of its own on this machine."""

import os
from pathlib import Path


def user_cache() -> Path:
    """$POSEMARK_CACHE, else the user's cache folder: weights, artefacts, settings."""
    base = os.environ.get("POSEMARK_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "posemark"
