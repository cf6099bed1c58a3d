"""Locates the files of named settings.

It is a module of its own because the module that reads the files imports networks and torch.
"""

from pathlib import Path

from posemark.core.places import user_cache

SUFFIX = ".toml"


def folder_of(entry: str) -> Path:
    """Return the folder with the settings of an entry (Job.name)."""
    return user_cache() / "settings" / entry


def saved(entry: str) -> list[Path]:
    """Return the files of all saved settings of an entry (Job.name), sorted by name."""
    return sorted(folder_of(entry).glob(f"*{SUFFIX}"))
