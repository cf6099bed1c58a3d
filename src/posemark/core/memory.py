"""Recognises that the memory of a process ran out, which each library reports in its own way."""

import errno

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
