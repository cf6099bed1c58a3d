"""Digests of files."""

import hashlib
from pathlib import Path
from typing import Any


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal digits."""
    return _digest(path, hashlib.sha256())


def md5_of(path: Path) -> str:
    """Compute the MD5 of a file, in hexadecimal digits, if its authors publish no better digest."""
    return _digest(path, hashlib.md5(usedforsecurity=False))


def _digest(path: Path, digest: Any) -> str:
    # hashlib.file_digest is missing in the Python versions of devices that a bundle runs on.
    chunk = memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        while True:
            count = file.readinto(chunk)
            if not count:
                return digest.hexdigest()
            digest.update(chunk[:count])


_CHUNK = 1 << 18
"""Bytes that are read at a time."""
