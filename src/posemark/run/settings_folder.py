"""Where named settings are kept. Apart from what reads them, which knows networks and torch."""

from pathlib import Path

from posemark.core.places import user_cache

SUFFIX = ".toml"


def folder_of(entry: str) -> Path:
    """Where the settings of an entry (Job.name) lie."""
    return user_cache() / "settings" / entry


def saved(entry: str) -> list[Path]:
    """The files of all settings that tune saved for an entry (Job.name), by name."""
    return sorted(folder_of(entry).glob(f"*{SUFFIX}"))
