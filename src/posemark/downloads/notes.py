"""Keeps notes on downloads: first digests of files without a registered one, accepted licences.

They are small files in PoseMark's own folder; each is written completely or not at all.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from posemark.core.errors import UsageError
from posemark.core.licences import NON_COMMERCIAL, classify
from posemark.core.places import CACHE_REMEDY, user_cache, write_whole
from posemark.core.spec import SHA256_DIGITS

# --- digests --------------------------------------------------------------------------------------


def digest_note(name: str) -> Path:
    """Return the path of the digest of a file's first fetch, in the format of sha256sum."""
    return user_cache() / "digests" / f"{name}.sha256"


def first_digest(name: str) -> str | None:
    """Return the SHA-256 that a file had when it was first fetched, or None before that."""
    try:
        digest = digest_note(name).read_text(encoding="utf-8").split(maxsplit=1)[0]
    except (OSError, UnicodeDecodeError, IndexError):
        return None
    sound = len(digest) == SHA256_DIGITS and set(digest) <= set("0123456789abcdef")
    return digest if sound else None


def keep_digest(name: str, digest: str, file: str) -> None:
    """Note the digest of a first fetch, which later fetches must match; an older note stays.

    Args:
        name: the name of the file in messages and notes.
        digest: its SHA-256.
        file: its file name, as sha256sum prints it.

    Raises:
        UsageError: if the note cannot be written.
    """
    if first_digest(name) is None:
        _write(digest_note(name), f"{digest}  {file}\n".encode())


# --- licences -------------------------------------------------------------------------------------


def has_terms(licence: str | None) -> bool:
    """Return whether a licence has to be accepted before a file under it is fetched."""
    return classify(licence) == NON_COMMERCIAL


def is_accepted(name: str, licence: str | None) -> bool:
    """Return whether the user has accepted a licence, or need not accept it.

    Args:
        name: the name under which it is accepted, such as "openpose".
        licence: its text; if the text has changed since, it must be accepted again.
    """
    return not has_terms(licence) or _accepted().get(name) == licence


def accept(name: str, licence: str) -> None:
    """Remember that the user has accepted a licence.

    Raises:
        UsageError: if the note cannot be written.
    """
    _write(_licence_note(), msgspec.json.encode({**_accepted(), name: licence}))


def accept_named(names: Iterable[str], offered: Mapping[str, str]) -> None:
    """Accept licences by name.

    Args:
        names: the names that the user has given.
        offered: the texts of the licences of what is to be fetched, by name.

    Raises:
        UsageError: if a name is not among those offered, or a note cannot be written.
    """
    for name in names:
        if name not in offered:
            known = f"Expected {' or '.join(offered)}." if offered else "No licence is asked for."
            raise UsageError(
                f"--accept-licence {name}: no file to be fetched has a licence of this name. "
                f"{known}"
            )
        accept(name, offered[name])


def _licence_note() -> Path:
    return user_cache() / "licences.json"


def _accepted() -> dict[str, str]:
    try:
        return msgspec.json.decode(_licence_note().read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(
            f"{path}: this file cannot be written ({error.strerror}). {CACHE_REMEDY}"
        ) from error
