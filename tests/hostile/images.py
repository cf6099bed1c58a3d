"""Hostile images: headers, EXIF data and pixels of JPEG and PNG files."""

import struct
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from hostile.checksums import png_with_sums
from hostile.kind import Kind, written
from posemark.core.errors import PoseMarkError
from posemark.geometry.image_header import require_whole, size_wh
from posemark.geometry.orientation import orientation_of
from posemark.predict.images import Images


def images() -> list[bytes]:
    """Return a JPEG with EXIF data, a progressive one, and PNG files of several kinds of pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    pixels = cv2.GaussianBlur(noise, (5, 5), 2)
    grey, deep = pixels[..., 0], pixels.astype(np.uint16) * 257
    transparent = cv2.cvtColor(pixels, cv2.COLOR_BGR2BGRA)
    jpeg = _encoded(".jpg", pixels)
    return [
        jpeg[:2] + exif(6) + jpeg[2:],
        _encoded(".jpg", pixels, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        _encoded(".jpg", grey, cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
        *(_encoded(".png", each) for each in (pixels, grey, deep, transparent)),
        _encoded(".png", grey, cv2.IMWRITE_PNG_BILEVEL, 1),
    ]


def _encoded(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


def exif(orientation: int) -> bytes:
    """Return a JPEG segment with EXIF data: two tags, the second one the orientation."""
    tags = struct.pack("<HHIHH", 0x010F, 2, 1, 0, 0), struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(tags) + bytes(4)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def headers() -> list[bytes]:
    """Return the images without most of their pixels."""
    return [content[:700] + b"\xff\xd9" for content in images()]


def read_header(folder: Path, content: bytes) -> object:
    orientation = orientation_of(content)
    with suppress(PoseMarkError):
        require_whole(content, "mutant")
    return orientation, size_wh(content, "mutant")


class _Remarks:
    """Raises what cannot be read, which predict reports and passes over."""

    def failed(self, error: PoseMarkError) -> None:
        raise error

    def say(self, sentence: str) -> None:
        pass


def read_image(folder: Path, content: bytes) -> object:
    """Read an image as predict does: with its own size, and turned upright."""
    path = written(folder / "made.jpg", content)
    return [shot.image_bgr for shot in Images((path,)).shots(_Remarks())]


KINDS = {
    "image-headers": Kind(headers, read_header),
    "images": Kind(images, read_image, repair=png_with_sums),
}
