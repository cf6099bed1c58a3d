"""A kind of hostile input: sound examples, its reader, and how its mutants are made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

LONGEST_MESSAGE = 2000
"""Most characters of an error: it is one paragraph, whatever the file holds."""


def unchanged(content: bytes) -> bytes:
    """Return a mutant as it is."""
    return content


class Kind(NamedTuple):
    """A kind of input.

    Attributes:
        seeds: returns the bytes of sound inputs, made by a program.
        read: reads a mutant as a command would; called with a folder to write into, and the
            mutant. It may raise errors of posemark.core.errors only.
        lines_of_json: whether the fields of its JSON lines are changed, too.
        repair: makes the checksums or counters of a mutant right again, so that the reader does
            not stop at them. A mutant that it cannot parse is returned as it is.
    """

    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[Path, bytes], object]
    lines_of_json: bool = False
    repair: Callable[[bytes], bytes] = unchanged


def written(path: Path, content: bytes) -> Path:
    """Write a mutant to a file, and return the path."""
    path.write_bytes(content)
    return path
