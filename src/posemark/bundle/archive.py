"""Writes zip files whose bytes depend on nothing but the names and contents of their members."""

import shutil
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from posemark.core import durable
from posemark.core.drafts import draft_of
from posemark.core.errors import UsageError

_DATE = (1980, 1, 1, 0, 0, 0)
"""The date of every member, the earliest that a zip can have."""

_FILE, _PROGRAM = 0o100644, 0o100755
"""The type and the permissions of a member."""

_STORED = frozenset((".jpg", ".jpeg", ".png", ".onnx", ".tflite"))
"""Suffixes of files that compression makes hardly smaller: images, and weights."""


class Archive:
    """A zip file that is being written.

    Args:
        zipped: the open zip file.
    """

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zipped = zipped

    def add(self, name: str, content: bytes, program: bool = False) -> None:
        """Add a member.

        Args:
            name: its path in the zip.
            content: its bytes.
            program: whether it can be executed.
        """
        self._zipped.writestr(_member(name, program), content)

    def add_file(self, name: str, path: Path) -> None:
        """Add the content of a file, which may be too large for the memory."""
        info = _member(name, program=False)
        info.file_size = path.stat().st_size
        with path.open("rb") as source, self._zipped.open(info, "w") as member:
            shutil.copyfileobj(source, member, _CHUNK)


_CHUNK = 1 << 20
"""Bytes that are copied at a time."""


def _member(name: str, program: bool) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    stored = Path(name).suffix.lower() in _STORED
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, where the permissions have a meaning
    info.external_attr = (_PROGRAM if program else _FILE) << 16
    return info


@contextmanager
def writing(path: Path) -> Generator[Archive, None, None]:
    """Yield an archive that is at `path` once the block is over, and only if it did not fail.

    Raises:
        UsageError: if it cannot be written. A file that was there before is unchanged.
    """
    draft = draft_of(path)
    try:
        with zipfile.ZipFile(draft, "w") as zipped:
            yield Archive(zipped)
        durable.place(draft, path)
    except OSError as error:
        raise UsageError(
            f"-o {path}: the bundle cannot be written ({error.strerror or error}). Make room, or "
            "choose another folder."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
