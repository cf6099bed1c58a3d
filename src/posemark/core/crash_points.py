"""Named places at which a test ends the process, as a power failure or the system might.

A test sets POSEMARK_TESTING to any text and POSEMARK_CRASH_AT to the name of a place, or to
NAME:N for the N-th time at this place. Without POSEMARK_TESTING the places do nothing.
"""

import os
import signal


class _Place:
    """The place that a test has asked for.

    Args:
        text: NAME or NAME:N; "" for no place.
    """

    def __init__(self, text: str) -> None:
        self.name, _, times = text.partition(":")
        self.left = int(times or 1) if self.name else 0


_ASKED = _Place(
    os.environ.get("POSEMARK_CRASH_AT", "") if os.environ.get("POSEMARK_TESTING") else ""
)


def crash_point(name: str) -> None:
    """Kill this process if a test asked for it at the place of this name."""
    if name != _ASKED.name or not _ASKED.left:
        return
    _ASKED.left -= 1
    if not _ASKED.left:
        os.kill(os.getpid(), signal.SIGKILL)
