"""What is remembered of downloads: first digests of files without a registered one, licences.

Small files in PoseMark's own folder, each written whole or not at all.
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
    """Where the digest of the first fetch is kept, in the form of the program sha256sum."""
    return user_cache() / "digests" / f"{name}.sha256"


def first_digest(name: str) -> str | None:
    """The SHA-256 that a file had when it was first fetched; None before that."""
    try:
        digest = digest_note(name).read_text(encoding="utf-8").split(maxsplit=1)[0]
    except (OSError, UnicodeDecodeError, IndexError):
        return None
    sound = len(digest) == SHA256_DIGITS and set(digest) <= set("0123456789abcdef")
    return digest if sound else None


def keep_digest(name: str, digest: str, file: str) -> None:
    """Write down what a file is, so that later fetches are held to it; an older note stays.

    Raises:
        UsageError: if it cannot be written.
    """
    if first_digest(name) is None:
        _write(digest_note(name), f"{digest}  {file}\n".encode())


# --- licences -------------------------------------------------------------------------------------


def has_terms(licence: str | None) -> bool:
    """Whether a licence has to be accepted by name before anything under it is fetched."""
    return classify(licence) == NON_COMMERCIAL


def is_accepted(name: str, licence: str | None) -> bool:
    """Whether the user has accepted these very terms.

    name: what they are accepted under, such as "openpose". licence: their text; where it has
    changed since, they are to be accepted anew.
    """
    return not has_terms(licence) or _accepted().get(name) == licence


def accept(name: str, licence: str) -> None:
    """Remember that the user has accepted terms.

    Raises:
        UsageError: if that cannot be written down.
    """
    _write(_licence_note(), msgspec.json.encode({**_accepted(), name: licence}))


def accept_named(names: Iterable[str], offered: Mapping[str, str]) -> None:
    """Accept terms by name.

    Args:
        names: what the user has accepted.
        offered: the terms that there are, by the names they are accepted under.

    Raises:
        UsageError: for a name that no terms have.
    """
    for name in names:
        if name not in offered:
            known = f"Expected {' or '.join(offered)}." if offered else "None has to be accepted."
            raise UsageError(
                f"--accept-licence {name}: of what is to be fetched nothing is under terms of "
                f"this name. {known}"
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
