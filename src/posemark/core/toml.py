"""TOML as people's editors write it."""

import tomllib
from typing import Any


def parsed(content: bytes) -> dict[str, Any]:
    """The table in the content of a TOML file; a byte order mark and Windows' line ends are fine.

    Raises:
        ValueError: saying in one line why it is no TOML.
    """
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
