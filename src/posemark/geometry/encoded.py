"""The headers of JPEG and PNG files: the size of an image before any of it is decoded."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from posemark.core.errors import FrameError

MOST_PIXELS = 1 << 26
"""Of one image: 8192 x 8192, 200 MB decoded. OpenCV's warpAffine ends the process from 2^31
bytes on, and a file of some kilobytes may ask for them."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
# Frame headers are C0 to CF but for the tables DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))


class _Segment(NamedTuple):
    """marker: its second byte. at: index of its payload's length. body: the payload."""

    marker: int
    at: int
    body: bytes


def size_wh(encoded: bytes, name: str) -> tuple[int, int]:
    """Width and height in pixels as the header of a JPEG or PNG says, orientation ignored.

    Args:
        encoded: the file's bytes.
        name: of the image, for the message.

    Raises:
        FrameError: if the bytes are of another format or the header is damaged.
    """
    found = _png_size(encoded) if encoded.startswith(_PNG) else _jpeg_size(encoded)
    if found is None or 0 in found:
        raise FrameError(
            f"{name}: expected a JPEG or PNG image, got {len(encoded)} bytes without the header "
            "of one. The file is damaged or of another format: fetch it again, or convert it."
        )
    return found


def require_end(encoded: bytes, name: str) -> None:
    """Refuse a JPEG that was cut off: OpenCV decodes it, with a grey rest, without a word.

    Whatever follows the end marker is no matter: phones write a second picture there. A marker
    before the scan belongs to a thumbnail.

    Raises:
        FrameError: if there is no end marker after the beginning of the first scan.
    """
    if not encoded.startswith(_JPEG):
        return
    scan = next((s.at for s in _segments(encoded) if s.marker == _SCAN), len(encoded))
    if encoded.find(_END, scan) < 0:
        raise FrameError(
            f"{name}: this JPEG is cut off after {len(encoded)} bytes (no end marker). "
            "Download it again."
        )


def _png_size(encoded: bytes) -> tuple[int, int] | None:
    if len(encoded) < 24 or encoded[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", encoded, 16)
    return width, height


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    if not encoded.startswith(_JPEG):
        return None
    for segment in _segments(encoded):
        if segment.marker in _FRAMES and len(segment.body) >= 5:
            height, width = struct.unpack_from(">HH", segment.body, 1)
            return width, height
    return None


def _segments(encoded: bytes) -> Iterator[_Segment]:
    """The segments of a JPEG from its beginning to its first scan, that one included."""
    at = 2
    while at + 4 <= len(encoded):
        marker = encoded[at + 1]
        if encoded[at] != 0xFF:
            at += 1  # as decoders do: what is between segments is skipped
        elif marker == 0xFF:
            at += 1
        elif marker in _ALONE or marker == 0:
            at += 2
        else:
            length = int.from_bytes(encoded[at + 2 : at + 4], "big")
            yield _Segment(marker, at + 2, encoded[at + 4 : at + 2 + length])
            if marker == _SCAN:
                return
            at += 2 + max(length, 2)
