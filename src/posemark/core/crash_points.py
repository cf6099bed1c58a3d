"""Named places at which a test ends the process, as a power failure or the system might.

A test sets POSEMARK_TESTING to any text and POSEMARK_CRASH_AT to the name of a place, or to
NAME:N for the N-th time at this place. Without POSEMARK_TESTING the places do nothing.
"""

import os
import signal

_NAME, _, _TIMES = (
    os.environ.get("POSEMARK_CRASH_AT", "") if os.environ.get("POSEMARK_TESTING") else ""
).partition(":")
_left = int(_TIMES or 1) if _NAME else 0


def crash_point(name: str) -> None:
    """Kill this process if a test asked for it at the place of this name."""
    global _left
    if name != _NAME or not _left:
        return
    _left -= 1
    if not _left:
        os.kill(os.getpid(), signal.SIGKILL)
