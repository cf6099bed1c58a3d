"""What happens when memory runs out: which process Linux ends, and how libraries report it."""

import errno
from contextlib import suppress
from pathlib import Path

_SCORE = 500
"""What is added to the badness of a child process, in thousandths of the memory that exists."""


def be_ended_first(file: Path = Path("/proc/self/oom_score_adj")) -> None:
    """Ask Linux to end this process, not its parent, when memory runs out.

    Otherwise the system may end the parent, which needs about as much memory as a small network,
    and with it the whole run. Other systems have no such setting.

    Args:
        file: where Linux expects the score.
    """
    with suppress(OSError):
        if int(file.read_text(encoding="ascii")) < _SCORE:  # only the administrator may lower it
            file.write_text(str(_SCORE), encoding="ascii")


_WORDS = (
    "can't allocate memory",  # torch
    "cannot allocate memory",  # the system
    "not enough memory",  # torch, ONNX Runtime
    "out of memory",  # CUDA
    "bad_alloc",  # C++
    "failed to map segment",  # the loader of shared libraries
)


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if not isinstance(error, RuntimeError | ImportError | OSError):
        return False
    return any(words in str(error).lower() for words in _WORDS)


REMEDY = (
    "Close other programs, choose a smaller model or fewer streams, or raise the limit of this "
    "process or container."
)
"""What the user can do when memory ran out."""
