"""Suggests known names in messages about a name that does not exist."""

import difflib
from collections.abc import Iterable

WEIGHTS_LIST = "posemark weights list"
"""The command that shows the tags of all weights."""


def nearest(name: str, known: Iterable[str], listing: str = "posemark list") -> str:
    """Write a sentence that suggests the known names that are most similar to this one.

    Args:
        name: the name that does not exist.
        known: all names that exist.
        listing: the command that shows them all.
    """
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    if found:
        return f"Did you mean {' or '.join(found)}? `{listing}` shows all."
    return f"`{listing}` shows all names."
