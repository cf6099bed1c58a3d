"""Names files until they are complete, and removes what killed processes have left of such files.

A draft is hidden beside its file: .NAME.PLACE-PROCESS.draft. The place tells processes apart that
may have the same number, on other machines or in containers. The ending of the name keeps a draft
out of everything that looks for files of a kind.
"""

import hashlib
import os
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

_SHORT = 25
"""Characters of each part of a name, of at most 4 bytes each. Names have at most 255 bytes."""

_NAME = re.compile(r"\..*\.([0-9a-f]{8})-([0-9]+)\.draft(\.[^.]*)?", re.DOTALL)
"""The name of a draft; that of a video has the ending of its file as well."""

_UNKNOWN = "0" * 8

_FORGOTTEN = 24 * 3600.0
"""Seconds without a change after which a draft of another place counts as abandoned."""


def draft_of(path: Path) -> Path:
    """Return the hidden name beside a file under which it is written until it is complete.

    Of a long name, only the beginning is in it, so that it is possible wherever the name is. When a
    process asks for the first draft in a folder, those that killed processes have left there are
    removed.
    """
    _remove_abandoned(path.parent)
    name = path.stem[:_SHORT] + path.suffix[:_SHORT]
    return path.with_name(f".{name}.{_place()}-{os.getpid()}.draft")


@cache
def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError):  # the folder need not exist
        for path in folder.iterdir():
            found = _NAME.fullmatch(path.name)
            with suppress(OSError):  # what cannot be removed stays
                if found and _abandoned(path, found[1], int(found[2])):
                    path.unlink()


def _abandoned(draft: Path, place: str, process: int) -> bool:
    """Return whether nobody will finish a draft: its process has ended, or it is very old.

    Of a process in another place nothing is known. This includes every process before a restart.
    """
    if place == _place() != _UNKNOWN:
        return not _alive(process)
    return time.time() - draft.lstat().st_mtime > _FORGOTTEN


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to another user, or is no possible number
        return True
    return True


@cache
def _place() -> str:
    """Return eight digits for where processes see each other, _UNKNOWN if the system hides it.

    They stand for the machine, its last start, and the namespace of its process numbers.
    """
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (devices have older Pythons)
    except OSError:  # as on macOS
        return _UNKNOWN
    parts = (os.uname().nodename, start, namespace)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
