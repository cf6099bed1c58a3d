"""Reads the size of JPEG and PNG images, and whether they are complete, before decoding."""

import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from posemark.core.errors import FrameError

MOST_PIXELS = 1 << 26
"""The largest accepted image: 8192 x 8192 pixels, or 200 MB decoded. OpenCV's warpAffine aborts
the process at images of 2^31 bytes, and a file of a few kilobytes can declare that size."""

MOST_SCANS = 100
"""Most scans of a JPEG; progressive ones have about ten. Each scan passes over all pixels, and one
of a hundred bytes takes 15 ms if the image has MOST_PIXELS."""

_MOST_PARTS = 1 << 18
"""Most chunks of a PNG, and most segments of a JPEG before its pixels."""

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK_FRAME = 12
"""Bytes around the content of a PNG chunk: its length, its type and its checksum."""
_JPEG, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
# The markers C0 to CF are frame headers, except DHT (C4), JPG (C8) and DAC (CC).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# TEM (01) and the restart markers (D0 to D7) have neither a length nor a payload, and FF00 is a
# byte of pixels. Bytes between segments are skipped, as decoders do; FF may occur several times.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")


class Segment(NamedTuple):
    """A JPEG segment: second byte of its marker, index of its length field, and its payload."""

    marker: int
    at: int
    body: bytes


def size_wh(encoded: bytes, name: str) -> tuple[int, int]:
    """Read the width and height in pixels from the header of a JPEG or PNG image.

    The EXIF orientation is ignored.

    Args:
        encoded: the bytes of the file.
        name: names the image in the error message.

    Raises:
        FrameError: if the bytes have another format or the header is damaged.
    """
    found = _png_size(encoded) if encoded.startswith(_PNG) else _jpeg_size(encoded)
    if found is None or 0 in found:
        raise FrameError(
            f"{name}: expected a JPEG or PNG image, got {len(encoded)} bytes without the header "
            "of one. The file is damaged or of another format: fetch it again, or convert it."
        )
    return found


def require_whole(encoded: bytes, name: str) -> None:
    """Refuse an image that was cut off, whose parts are longer than the file, or has many scans.

    OpenCV decodes half a JPEG without an error and fills the rest with grey. For a chunk of a PNG
    it allocates as much memory as the chunk declares, up to 4 GB, before it checks whether the
    file is that long.

    Data after the end of the image is accepted, because phones append a second picture there.

    Args:
        encoded: the bytes of the file. Other formats than JPEG and PNG are not checked.
        name: names the image in the error message.

    Raises:
        FrameError: if the end marker (JPEG) or end chunk (PNG) is missing, or if a JPEG has more
            than MOST_SCANS.
    """
    if encoded.startswith(_PNG):
        kind, end, whole = "PNG", "end chunk", _png_ends(encoded)
    elif encoded.startswith(_JPEG):
        kind, end, whole = "JPEG", "end marker", _jpeg_ends(encoded)
        _require_few_scans(encoded, name)
    else:
        return
    if not whole:
        raise FrameError(
            f"{name}: this {kind} is cut off after {len(encoded)} bytes (no {end}). "
            "Download it again."
        )


def _png_ends(encoded: bytes) -> bool:
    """Return whether the chunks continue without a gap up to the end chunk."""
    at = len(_PNG)
    for _ in range(_MOST_PARTS):
        if at + _CHUNK_FRAME > len(encoded):
            return False
        length, kind = struct.unpack_from(">I4s", encoded, at)
        at += _CHUNK_FRAME + length
        if kind == b"IEND":
            return at <= len(encoded)
    return False


def _require_few_scans(encoded: bytes, name: str) -> None:
    parts = scans = 0
    for segment in islice(_all_segments(encoded), _MOST_PARTS):
        parts, scans = parts + 1, scans + (segment.marker == _SCAN)
    if scans > MOST_SCANS or parts == _MOST_PARTS:
        raise FrameError(
            f"{name}: expected a JPEG of at most {MOST_SCANS} scans, which all pass over its "
            f"pixels, and of less than {_MOST_PARTS} segments, got {scans} and {parts}. Save it "
            "again."
        )


def _jpeg_ends(encoded: bytes) -> bool:
    """Return whether an end marker follows the first scan; an earlier one ends a thumbnail."""
    return encoded.find(_END, _first_scan(encoded)) >= 0


def _first_scan(encoded: bytes) -> int:
    """Return the index behind the marker of the first scan; the length if there is none."""
    return next((s.at for s in segments(encoded) if s.marker == _SCAN), len(encoded))


def _png_size(encoded: bytes) -> tuple[int, int] | None:
    if len(encoded) < 24 or encoded[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", encoded, 16)
    return width, height


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    if not encoded.startswith(_JPEG):
        return None
    for segment in segments(encoded):
        if segment.marker in _FRAMES and len(segment.body) >= 5:
            height, width = struct.unpack_from(">HH", segment.body, 1)
            return width, height
    return None


def segments(encoded: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to and including its first scan, at most _MOST_PARTS."""
    for segment in islice(_all_segments(encoded), _MOST_PARTS):
        yield segment
        if segment.marker == _SCAN:
            return


def _all_segments(encoded: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to the end marker behind a scan, or the end of the file."""
    at, scanned = 2, False
    found = _MARKER.search(encoded, at)
    while found and found.end() + 2 <= len(encoded):
        marker, at = encoded[found.end() - 1], found.end()
        if scanned and marker == _END[1]:
            return
        length = int.from_bytes(encoded[at : at + 2], "big")
        yield Segment(marker, at, encoded[at + 2 : at + length])
        scanned = scanned or marker == _SCAN
        at += max(length, 2)
        found = _MARKER.search(encoded, at)
