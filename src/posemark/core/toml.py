"""Reads TOML files as text editors write them."""

import tomllib
from pathlib import Path
from typing import Any, cast

LONGEST = 1 << 17
"""Bytes of the largest file that is read: cards and settings have some thousands at most."""

_INTEGERS = range(-(2**63), 2**63)
"""The integers of TOML. tomllib reads longer ones, of which Python cannot print every one."""

_SHORT = 80
"""Most characters of a key in a message."""

MOST_DOTS = 100
"""Most dots in a line that is no comment. tomllib takes memory in proportion to the square of the
parts of a dotted key: a key of 400 kB took more than 20 GB."""


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
        ValueError: if it is not TOML, a line has more than MOST_DOTS, or an integer has more than
            64 bits; the message says why in one line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    _require_short_keys(text)
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:  # Python does not read integers of more than some thousand digits
        raise ValueError("it has an integer of more than 64 bits") from None
    _require_integers(found)
    return found


def _require_short_keys(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_DOTS and not line.lstrip().startswith("#"):
            raise ValueError(f"line {number} has more than {MOST_DOTS} dots")


def _require_integers(found: dict[str, Any]) -> None:
    waiting: list[tuple[str, Any]] = list(found.items())
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            inner = cast("dict[str, Any]", value)
            # Cut here, because thousands of keys may share a table with a long name.
            waiting += [(f"{key}.{name[:_SHORT]}"[:_SHORT], each) for name, each in inner.items()]
        elif isinstance(value, list):
            waiting += [(key, each) for each in cast("list[Any]", value)]
        elif isinstance(value, int) and value not in _INTEGERS:
            raise ValueError(f"the key {key[:_SHORT]} has an integer of more than 64 bits")
