"""Turns photographs upright: EXIF says how the camera was held.

Source: CIPA DC-008-2012 (Exif 2.3), 4.6.2 (the structure of TIFF) and 4.6.4 (the tag Orientation).
The benchmark ignores this tag, because COCO's annotations refer to the stored pixels.
"""

import struct

import cv2

from posemark.core.frame import Image
from posemark.geometry.image_header import segments

UPRIGHT, _LAST = 1, 8
"""The orientation of pictures that are stored as they are to be seen, or do not say otherwise."""

_EXIF_MARKER, _EXIF = 0xE1, b"Exif\0\0"
_ORIENTATION_TAG, _SHORT = 0x0112, 3
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}

_TURNS = {
    3: cv2.ROTATE_180,
    5: cv2.ROTATE_90_COUNTERCLOCKWISE,
    6: cv2.ROTATE_90_CLOCKWISE,
    7: cv2.ROTATE_90_CLOCKWISE,
    8: cv2.ROTATE_90_COUNTERCLOCKWISE,
}
_MIRRORED = {2: 1, 4: 0, 5: 1, 7: 1}
"""The axis of cv2.flip, by orientation; the picture is mirrored before it is turned."""


def orientation_of(encoded: bytes) -> int:
    """Read the EXIF orientation of a JPEG file.

    Args:
        encoded: the bytes of an image file.

    Returns:
        1 to 8 as EXIF defines them; UPRIGHT if the file does not say, or is no JPEG.
    """
    if not encoded.startswith(b"\xff\xd8"):
        return UPRIGHT
    for segment in segments(encoded):
        if segment.marker == _EXIF_MARKER and segment.body.startswith(_EXIF):
            return _of_tiff(segment.body[len(_EXIF) :])
    return UPRIGHT


def _of_tiff(tiff: bytes) -> int:
    order = _BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if (tag, kind) == (_ORIENTATION_TAG, _SHORT):
                return value if UPRIGHT <= value <= _LAST else UPRIGHT
    except struct.error:  # the directory continues beyond the segment
        pass
    return UPRIGHT


def upright(image: Image, orientation: int) -> Image:
    """Return a picture as it is to be seen.

    Args:
        image: (H, W, 3) pixels as they are stored.
        orientation: as `orientation_of` returns it.

    Returns:
        The pixels, (W, H, 3) if the picture was turned by 90 degrees.
    """
    turned = cv2.flip(image, _MIRRORED[orientation]) if orientation in _MIRRORED else image
    if orientation in _TURNS:
        turned = cv2.rotate(turned, _TURNS[orientation])
    return turned  # pyright: ignore[reportReturnType] # OpenCV does not type its pixels
