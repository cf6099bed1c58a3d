"""Files that are costly to make and depend on nothing but what they are named after.

An exported network, a quantised one, a compiled one: kept in a folder under a hash of all
that went into them, so that the second run finds what the first one made.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from posemark.core.places import make_folder

DIGITS = 16
"""Of the hash in a name: 64 bits, ample for the artefacts of one machine."""


@dataclass(frozen=True)
class Store:
    """A folder of artefacts. It is made when the first one is, and may be deleted any time."""

    folder: Path

    def get(self, kind: str, facts: Mapping[str, object], make: Callable[[Path], object]) -> Path:
        """The folder of the artefact that these facts describe; made if it is not here.

        kind: the beginning of its name, for people. facts: everything it depends on, as JSON
        can tell it. make: fills an empty folder. A folder appears under its name only when
        make has returned, by one renaming: whoever is killed leaves no half of it, and of
        two processes that make the same one, one comes first and both use that.

        Raises:
            UsageError: if the folder cannot be made.
        """
        target = self.folder / f"{kind}-{fingerprint(facts)}"
        if not target.is_dir():
            self._make(target, facts, make)
        return target

    def _make(
        self, target: Path, facts: Mapping[str, object], make: Callable[[Path], object]
    ) -> None:
        make_folder(self.folder)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=self.folder) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            make(made)
            note = json.dumps(facts, sort_keys=True, indent=1)
            (made / "facts.json").write_text(note, encoding="utf-8")
            try:
                made.rename(target)
            except OSError:
                if not target.is_dir():
                    raise


def fingerprint(facts: Mapping[str, object]) -> str:
    """DIGITS hex digits that stand for these facts, in whatever order they are given."""
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
