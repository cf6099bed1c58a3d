"""Reads TOML files as text editors write them."""

import tomllib
from pathlib import Path
from typing import Any

LONGEST = 1 << 20
"""Bytes of the largest file that is read: cards and settings have a few hundred."""


def content_of(path: Path) -> bytes:
    """Read a file as far as it may be a TOML file of this program.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it has more than LONGEST bytes, as /dev/zero has, or is a pipe, for whose
            other end the reader would wait.
    """
    if path.is_fifo():
        raise ValueError("it is a pipe, not a file")
    with path.open("rb") as file:
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} bytes")
    return content


def parsed(content: bytes) -> dict[str, Any]:
    """Parse the content of a TOML file, which may have a byte order mark and Windows line ends.

    Raises:
        ValueError: if it is not TOML; the message says why in one line.
    """
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
