"""The headers of JPEG and PNG files: the size of an image, and its end, before it is decoded."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from posemark.core.errors import FrameError

MOST_PIXELS = 1 << 26
"""Of one image: 8192 x 8192, 200 MB decoded. OpenCV's warpAffine ends the process from 2^31
bytes on, and a file of some kilobytes may ask for them."""

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK_FRAME = 12
"""Bytes around a chunk's content: its length, its kind, its check sum."""
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


def require_whole(encoded: bytes, name: str) -> None:
    """Refuse an image that was cut off, or whose parts are longer than the file.

    OpenCV decodes half a JPEG, with a grey rest, without a word; for a chunk of a PNG it takes the
    memory that the chunk's length asks for, up to 4 GB, before it looks whether the file has it.

    Whatever follows the end of an image is no matter: phones write a second picture there.

    Raises:
        FrameError: if the end is not there.
    """
    if encoded.startswith(_PNG):
        kind, end, whole = "PNG", "end chunk", _png_ends(encoded)
    elif encoded.startswith(_JPEG):
        kind, end, whole = "JPEG", "end marker", _jpeg_ends(encoded)
    else:
        return
    if not whole:
        raise FrameError(
            f"{name}: this {kind} is cut off after {len(encoded)} bytes (no {end}). "
            "Download it again."
        )


def _png_ends(encoded: bytes) -> bool:
    """Whether chunk follows chunk up to the one that says it is the last."""
    at = len(_PNG)
    while at + _CHUNK_FRAME <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, at)
        at += _CHUNK_FRAME + length
        if kind == b"IEND":
            return at <= len(encoded)
    return False


def _jpeg_ends(encoded: bytes) -> bool:
    """Whether an end marker follows the first scan; one before it belongs to a thumbnail."""
    scan = next((s.at for s in _segments(encoded) if s.marker == _SCAN), len(encoded))
    return encoded.find(_END, scan) >= 0


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
