"""Files that are costly to make and depend on nothing but what they are named after.

An exported network, a quantised one, a compiled one: kept in a folder under a hash of all
that went into them, so that the second run finds what the first one made. Beside each lie the
SHA-256 sums of its files, and every opening holds the files to them: a network with some flipped
bits still runs, and finds other poses.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from posemark.core.digests import sha256_of
from posemark.core.errors import ExportError, UsageError
from posemark.core.places import make_folder

DIGITS = 16
"""Of the hash in a name: 64 bits, ample for the artefacts of one machine."""

SUMS = "SHA256SUMS"
"""The file with the sums, in the form of the program sha256sum, which can check it, too."""

_log = logging.getLogger(__name__)


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

        An artefact whose files are not those that were made is made anew, which is logged as a
        warning: Python prints it on stderr where no handler says otherwise.

        Raises:
            UsageError: if the folder cannot be made, or the artefact not be written, as on a full
                disk.
            ExportError: if a damaged artefact cannot be replaced.
        """
        target = self.folder / f"{kind}-{fingerprint(facts)}"
        if not target.is_dir():
            self._make(target, facts, make)
        elif damage := _damage(target):
            _log.warning("%s: %s. The artefact is damaged and is made anew.", target, damage)
            self._make(target, facts, make, damage)
        return target

    def _make(
        self,
        target: Path,
        facts: Mapping[str, object],
        make: Callable[[Path], object],
        damage: str = "",
    ) -> None:
        make_folder(self.folder)
        with _scratch(self.folder, target, damage) as scratch:
            made = scratch / "made"
            made.mkdir()
            _fill(made, facts, make)
            if damage:
                _put_aside(target, scratch / "damaged", damage)
            try:
                made.rename(target)
            except OSError:
                if not target.is_dir():
                    raise


def _fill(folder: Path, facts: Mapping[str, object], make: Callable[[Path], object]) -> None:
    """Make an artefact, and its facts and sums beside it, in an empty folder."""
    try:
        make(folder)
        note = json.dumps(facts, sort_keys=True, indent=1)
        (folder / "facts.json").write_text(note, encoding="utf-8")
        (folder / SUMS).write_text(_sums(folder), encoding="utf-8")
    except OSError as error:
        store = folder.parent.parent
        raise UsageError(
            f"{store}: an artefact could not be made and kept in this folder ({error}). Make "
            "room there, or name another one in the variable POSEMARK_CACHE."
        ) from error


def fingerprint(facts: Mapping[str, object]) -> str:
    """DIGITS hex digits that stand for these facts, in whatever order they are given."""
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


# --- damage -------------------------------------------------------------------------------------


def _sums(folder: Path) -> str:
    """One line for every file: its SHA-256 and its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)


def _damage(folder: Path) -> str:
    """What is wrong with the files of an artefact, in words; "" if nothing is."""
    try:
        noted = (folder / SUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return f"its {SUMS} cannot be read"
    lines = noted.splitlines()
    if not lines:
        return f"its {SUMS} is empty"
    for line in lines:
        expected, _, name = line.partition("  ")
        try:
            if name and sha256_of(folder / name) == expected:
                continue
        except (OSError, ValueError):  # missing, or no name of a file at all
            pass
        return f"{name or SUMS} is not as it was made"
    return ""


@contextmanager
def _scratch(folder: Path, target: Path, damage: str) -> Generator[Path, None, None]:
    """An empty folder beside the artefacts, removed at the end."""
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".making-", dir=folder)
    except OSError as error:
        if damage:
            raise _cannot_replace(target, damage, error) from error
        raise UsageError(
            f"{folder}: nothing can be written into this folder, where an artefact was to be "
            f"kept ({error.strerror}). Make it writable, or name another one in the variable "
            "POSEMARK_CACHE."
        ) from error
    with scratch as name:
        yield Path(name)


def _put_aside(target: Path, damaged: Path, damage: str) -> None:
    """Make room for a new artefact, unless another process has replaced the old one."""
    if not _damage(target):
        return
    try:
        target.rename(damaged)
    except OSError as error:
        if target.is_dir():
            raise _cannot_replace(target, damage, error) from error


def _cannot_replace(target: Path, damage: str, error: OSError) -> ExportError:
    return ExportError(
        f"{target}: {damage}. The artefact is damaged, and it cannot be replaced "
        f"({error.strerror}): delete the artefact {target}, then it is made anew."
    )
