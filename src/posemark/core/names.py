"""Help for a name that does not exist."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the known names most like this one."""
    found = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    if found:
        return f"Did you mean {' or '.join(found)}? `posemark list` shows all."
    return "`posemark list` shows all names."
