"""Keeping the chatter of native libraries off the terminal, and none of their errors."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2
"""The descriptor that native code writes to, whatever sys.stderr is."""


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what native code writes to standard error; it appears if the block raises."""
    sys.stderr.flush()
    kept = os.dup(STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)
