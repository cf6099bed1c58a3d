"""Reads image files, complete or not at all."""

from pathlib import Path

from posemark.core.errors import FrameError
from posemark.core.places import is_file
from posemark.geometry.image_header import require_whole

MOST_IMAGE_BYTES = 1 << 28
"""Most bytes of an image file (256 MiB)."""


def read_image(path: Path, wanted: str, remedy: str) -> bytes:
    """Read the bytes of an image file.

    Args:
        path: the file.
        wanted: who needs this image, for the error.
        remedy: a sentence on what to do if it cannot be read.

    Raises:
        FrameError: if it cannot be read, is no regular file, is too large or is cut off.
    """
    try:
        facts = path.stat()
        if not is_file(path) or facts.st_size > MOST_IMAGE_BYTES:
            raise FrameError(
                f"{path}: expected a regular file of at most {MOST_IMAGE_BYTES} bytes, got "
                f"{facts.st_size} bytes, or a folder or device. Replace it with the image."
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FrameError(f"{path}: {wanted}, but it cannot be read ({reason}). {remedy}") from error
    require_whole(content, str(path))
    return content
