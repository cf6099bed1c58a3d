"""Stores files that are costly to make, under a hash of everything that they depend on.

Such artefacts are exported, quantised or compiled networks: the second run finds what the first
one has made. The SHA-256 sums of its files are stored in each artefact and compared whenever it
is opened, because a network with a few flipped bits still runs, and finds other poses.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from posemark.core.crash_points import crash_point
from posemark.core.digests import sha256_of
from posemark.core.durable import sync_folder, sync_tree
from posemark.core.errors import ExportError, UsageError
from posemark.core.places import make_folder

DIGITS = 16
"""Hex digits of the hash in a name; 64 bits are ample for the artefacts of one machine."""

SUMS = "SHA256SUMS"
"""The file with the sums, in the format of the program sha256sum."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """A folder of artefacts.

    The folder is made together with its first artefact, and can be deleted at any time.
    """

    folder: Path

    def get(self, kind: str, facts: Mapping[str, object], make: Callable[[Path], object]) -> Path:
        """Return the folder of an artefact, and make the artefact if it does not exist yet.

        A new artefact is made in a temporary folder, which is renamed when `make` has returned.
        Thus a killed process leaves no incomplete artefact, and if two processes make the same
        artefact, both use the one that is renamed first. The temporary folder of a killed process
        is removed when the next artefact is made.

        A damaged artefact is made anew, with a warning in the log; Python prints it on stderr
        unless a handler is set.

        Args:
            kind: the beginning of the artefact's name, for readers.
            facts: everything the artefact depends on, as values that JSON can represent.
            make: fills an empty folder with the artefact's files.

        Raises:
            UsageError: if the folder cannot be made, or the artefact cannot be written, for
                example because the disk is full.
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
            sync_tree(made)
            crash_point("artefact.made")
            if damage:
                _put_aside(target, scratch / "damaged", damage)
                crash_point("artefact.put-aside")
            try:
                made.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
            crash_point("artefact.after-rename")
            sync_folder(self.folder)


def _fill(folder: Path, facts: Mapping[str, object], make: Callable[[Path], object]) -> None:
    """Make an artefact in an empty folder, and store its facts and sums with it."""
    try:
        make(folder)
        note = json.dumps(facts, sort_keys=True, indent=1)
        (folder / "facts.json").write_text(note, encoding="utf-8")
        (folder / SUMS).write_text(_sums(folder), encoding="utf-8")
    except OSError as error:
        store = folder.parent.parent
        raise UsageError(
            f"{store}: an artefact could not be made and kept in this folder ({error}). Make "
            "room there, or name another folder in the variable POSEMARK_CACHE."
        ) from error


def fingerprint(facts: Mapping[str, object]) -> str:
    """Return DIGITS hex digits of a hash of facts, which does not depend on their order."""
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


# --- damage -------------------------------------------------------------------------------------


def _sums(folder: Path) -> str:
    """Return one line per file with its SHA-256 and its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)


def _damage(folder: Path) -> str:
    """Return what is wrong with the files of an artefact, in words; "" if nothing is."""
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
        except (OSError, ValueError):  # the file is missing, or the name is invalid
            pass
        return f"{name or SUMS} has changed since it was made"
    return ""


@contextmanager
def _scratch(folder: Path, target: Path, damage: str) -> Generator[Path, None, None]:
    """Make an empty folder beside the artefacts, and remove it at the end."""
    with ExitStack() as stack:
        try:
            with _locked(folder):  # so that no process removes a folder before it is held
                _remove_abandoned(folder)
                scratch = tempfile.TemporaryDirectory(prefix=_MAKING, dir=folder)
                name = stack.enter_context(scratch)
                stack.enter_context(_locked(Path(name)))
        except OSError as error:
            if damage:
                raise _cannot_replace(target, damage, error) from error
            raise UsageError(
                f"{folder}: this folder is not writable, so no artefact can be kept "
                f"({error.strerror}). Make it writable, or name another folder in the variable "
                "POSEMARK_CACHE."
            ) from error
        yield Path(name)


_MAKING = ".making-"
"""The beginning of the names of temporary folders."""


@contextmanager
def _locked(folder: Path, wait: bool = True) -> Generator[bool, None, None]:
    """Hold a folder, and yield whether it is held; a killed process no longer holds it."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process holds it, or the file system has no locks
            yield False
        else:
            yield True
    finally:
        os.close(opened)


def _remove_abandoned(folder: Path) -> None:
    """Remove the temporary folders that killed processes have left."""
    for each in folder.glob(f"{_MAKING}*"):
        with suppress(OSError), _locked(each, wait=False) as abandoned:
            if abandoned:
                shutil.rmtree(each, ignore_errors=True)


def _put_aside(target: Path, damaged: Path, damage: str) -> None:
    """Move a damaged artefact away, unless another process has replaced it meanwhile."""
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
        f"({error.strerror}): delete the artefact {target}, and run again to make it anew."
    )
