"""Opens zip files from outside: their table of contents is limited before it is read."""

import struct
import zipfile
import zlib
from typing import IO, cast

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,  # for an encrypted entry
    EOFError,
    ValueError,  # for example UnicodeDecodeError for a name that is not UTF-8
    OverflowError,
    KeyError,
    struct.error,
)
"""The exceptions that zipfile raises for a damaged archive; beside them OSError."""


class _Limited:
    """A file of which zipfile reads at most `most` bytes at once, while there is a limit."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._read = file.read
        self.most: int | None = most

    def read(self, size: int = -1) -> bytes:
        if self.most is None:
            return self._read(size)
        content = self._read(self.most + 1 if size < 0 else min(size, self.most + 1))
        if len(content) > self.most:
            raise zipfile.BadZipFile(f"its table of contents has more than {self.most:,} bytes")
        return content


def opened_zip(file: IO[bytes], most: int) -> zipfile.ZipFile:
    """Open a zip file.

    Python reads the whole table of contents, and keeps about ten times its size in memory.

    Args:
        file: the file, which stays open when the result is closed.
        most: most bytes of its table of contents.

    Raises:
        OSError: if it cannot be read; also ZIP_ERRORS, if it is damaged or the table is longer.
    """
    limited = _Limited(file, most)
    archive = zipfile.ZipFile(cast("IO[bytes]", limited))
    limited.most = None
    return archive
