"""Hides informational output of native libraries, but shows it together with errors."""

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

STDERR = 2
"""The file descriptor that native code writes to, even if sys.stderr was replaced."""


@contextmanager
def quiet() -> Generator[None, None, None]:
    """Suppress what native code writes to standard error, unless the block raises."""
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
