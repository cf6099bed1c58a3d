"""Reads the small files in which Linux describes a machine.

A sensor that is missing, switched off or not permitted fails with OSError, and a file with
unexpected content with ValueError. Both are part of normal operation.
"""

from pathlib import Path

from posemark.core.text import escaped

FAILURES = (OSError, ValueError)
"""What reading a file of /proc or /sys may raise."""

_MOST_CHARACTERS = 120
_MOST_BYTES = 1 << 20


def text(path: Path) -> str:
    """Return the content of a file as ASCII, without the space around it.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it has other characters.
    """
    return path.read_text(encoding="ascii").strip()


def number(path: Path) -> int:
    """Return the whole number that a file consists of.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not a number.
    """
    return int(text(path))


def known_number(path: Path) -> int | None:
    """Return the whole number that a file consists of; None if there is none."""
    try:
        return number(path)
    except FAILURES:
        return None


def words(path: Path) -> str:
    """Return the words of a file in one line; empty if it cannot be read.

    Firmware and overlays may write anything there, so control characters are escaped and the
    text has a limit. NUL, which ends strings of a device tree, counts as a space.
    """
    return " ".join(lines(path))[:_MOST_CHARACTERS]


def lines(path: Path) -> list[str]:
    """Return the lines of a file that are not blank, or the strings of a device tree's list."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except OSError:
        return []
    parts = content.decode("utf-8", "replace").replace("\0", "\n").splitlines()
    return [" ".join(escaped(part).split()) for part in parts if part.strip()]


def folders(root: Path, *patterns: str) -> list[Path]:
    """Return what matches the patterns below a root, sorted; empty if /sys cannot be listed."""
    try:
        return [found for pattern in patterns for found in sorted(root.glob(pattern))]
    except OSError:
        return []
