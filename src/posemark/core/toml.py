"""Reads TOML files as text editors write them."""

import tomllib
from typing import Any


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
