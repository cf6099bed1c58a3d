"""Keeps notes on downloads: first digests of files without a registered one, accepted licences.

They are small files in PoseMark's own folder; each is written completely or not at all. A damaged
one counts as missing.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from posemark.core.errors import UsageError
from posemark.core.licences import NON_COMMERCIAL, classify
from posemark.core.places import CACHE_REMEDY, is_file, user_cache, write_whole
from posemark.core.spec import SHA256_DIGITS

T = TypeVar("T")

LONGEST = 1 << 20
"""Most bytes of a note; the longest, the rows that `posemark list` keeps, has some thousands."""


def read_note(path: Path, form: type[T]) -> T | None:
    """Read a JSON file that PoseMark has written for itself.

    Args:
        path: the file.
        form: the type of its content, as msgspec knows it.

    Returns:
        The content; None if there is no regular file of at most LONGEST bytes, or if it is damaged
        or has another form.
    """
    content = _content(path)
    try:
        return None if content is None else msgspec.json.decode(content, type=form)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError are ValueErrors
        return None


def _content(path: Path) -> bytes | None:
    if not is_file(path):  # to open a pipe would wait for its other end
        return None
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError:
        return None
    return content if len(content) <= LONGEST else None


# --- digests --------------------------------------------------------------------------------------


def digest_note(name: str) -> Path:
    """Return the path of the digest of a file's first fetch, in the format of sha256sum."""
    return user_cache() / "digests" / f"{name}.sha256"


def first_digest(name: str) -> str | None:
    """Return the SHA-256 that a file had when it was first fetched, or None before that."""
    words = (_content(digest_note(name)) or b"").split(maxsplit=1)
    digest = words[0].decode("latin-1") if words else ""
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
    return read_note(_licence_note(), dict[str, str]) or {}


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise UsageError(
            f"{path}: this file cannot be written ({error.strerror}). {CACHE_REMEDY}"
        ) from error
