"""Appends to a file of which no other process may write a part, and of which no part is lost."""

import fcntl
from typing import IO


def locked(file: IO[bytes]) -> bool:
    """Lock a file for this process; the lock ends with the process, even if it is killed.

    Returns:
        Whether it was possible; False if another process holds the lock.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks, so no process can hold one
        return True
    return True


def write_all(file: IO[bytes], content: bytes) -> None:
    """Write to an unbuffered file, so that the system has received everything on return.

    Raises:
        OSError: if the system refuses, for example because the disk is full.
    """
    # Closing has nothing left to write then. A write may take a part only.
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
