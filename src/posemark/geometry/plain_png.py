"""PNG images that NumPy and zlib read fast: 8-bit RGB, not interlaced, no row filtered.

The filters of PNG make each byte depend on its neighbours, which takes a compiled decoder. With
filter type 0 in every row, the decompressed bytes are the pixels. Every other program reads these
files, too. Format: https://www.w3.org/TR/png/ (third edition).
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from posemark.core.frame import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_RGB = 2
_REMEDY = "Use the image's plain PNG (posemark.geometry.plain_png writes it), or install OpenCV."


def plain_png(image_bgr: Image) -> bytes:
    """Encode pixels (H, W, 3) in BGR order as a plain PNG."""
    height, width = image_bgr.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter type, 0
    rows[:, 1:] = image_bgr[..., ::-1].reshape(height, 3 * width)
    header = _HEADER.pack(width, height, 8, _RGB, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def plain_pixels(encoded: bytes) -> Image:
    """Decode a plain PNG.

    Returns:
        (H, W, 3) pixels in BGR order.

    Raises:
        ValueError: if the bytes are not a plain PNG, or are damaged; it says what they are.
    """
    if not encoded.startswith(_SIGNATURE):
        raise ValueError(f"without OpenCV only plain PNG images can be read. {_REMEDY}")
    chunks = list(_chunks(encoded))
    kind, content = chunks[0] if chunks else (b"", b"")
    if kind != b"IHDR" or len(content) != _HEADER.size:
        raise ValueError("its header is damaged. Write or copy the file again.")
    width, height, *layout = _HEADER.unpack(content)
    if layout != [8, _RGB, 0, 0, 0]:
        raise ValueError(
            "expected 8 bits, colour type 2 (RGB) and no interlacing, got "
            f"{layout[0]} bits, colour type {layout[1]}, interlacing {layout[4]}. {_REMEDY}"
        )
    data = b"".join(content for kind, content in chunks if kind == b"IDAT")
    return _pixels_of(_inflated(data, height * (1 + 3 * width)), width, height)


def _pixels_of(raw: bytes, width: int, height: int) -> Image:
    rows = np.frombuffer(raw, np.uint8).reshape(height, 1 + 3 * width)
    filters = rows[:, 0]
    if filters.any():
        raise ValueError(
            f"expected filter type 0 in every row, got type {filters[filters > 0][0]} in row "
            f"{int(np.argmax(filters > 0))}. {_REMEDY}"
        )
    return np.ascontiguousarray(rows[:, 1:].reshape(height, width, 3)[..., ::-1])


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content) & 0xFFFFFFFF
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of every chunk up to IEND; raises ValueError for a damaged one."""
    at = len(_SIGNATURE)
    while at + 12 <= len(encoded):
        (length,) = struct.unpack(">I", encoded[at : at + 4])
        whole = encoded[at : at + 12 + length]
        kind, content = whole[4:8], whole[8 : 8 + length]
        if whole != _chunk(kind, content):
            raise ValueError("it is damaged. Write or copy the file again.")
        if kind == b"IEND":
            return
        yield kind, content
        at += len(whole)
    raise ValueError("it is cut off: its last chunk is missing. Write or copy the file again.")


def _inflated(data: bytes, size: int) -> bytes:
    """Decompress `size` bytes, and never more: a small file could expand to any size."""
    decompressor = zlib.decompressobj()
    try:
        raw = decompressor.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"it is damaged ({error}). Write or copy the file again.") from error
    if len(raw) != size:
        raise ValueError(
            f"expected {size} bytes of pixels, got {'more' if len(raw) > size else len(raw)}. "
            "Write or copy the file again."
        )
    return raw
