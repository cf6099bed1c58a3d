"""Decoding, cropping and normalising of images into network input, with OpenCV."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import FrameError
from posemark.core.frame import Encoded, Floats, Frame, Image
from posemark.core.spec import IMAGENET, Pixels
from posemark.geometry.image_header import MOST_PIXELS
from posemark.geometry.image_header import size_wh as encoded_size_wh

__all__ = ["Image", "crop_batch", "decode_bgr", "decoded", "image_of", "normalise"]


def image_of(frame: Frame) -> Image:
    """Return the decoded pixels (H, W, 3) of a frame, in BGR order.

    Raises:
        FrameError: if it cannot be read or decoded.
    """
    return decoded(frame.read(), frame)


def decoded(encoded: Encoded, frame: Frame) -> Image:
    """Decode what the `read` of a frame has returned.

    Raises:
        FrameError: if it cannot be decoded.
    """
    if callable(encoded):
        return encoded()
    return decode_bgr(encoded, frame.size_wh, frame.name)


def decode_bgr(encoded: bytes, size_wh: tuple[int, int], name: str) -> Image:
    """Decode a JPEG or PNG image to 8-bit BGR pixels.

    Grey images become BGR, an alpha channel is dropped, and 16-bit images become 8-bit. The EXIF
    orientation is ignored, as in the official code, because COCO's annotations refer to the
    stored pixels. The size in the header is checked before anything is decoded: a damaged or
    hostile file may declare any size.

    Args:
        encoded: the bytes of the file.
        size_wh: the annotated width and height in pixels.
        name: names the image in error messages.

    Returns:
        (H, W, 3) pixels.

    Raises:
        FrameError: if the bytes are not an image, if its size is not size_wh, or if it has more
            than MOST_PIXELS pixels.
    """
    _require_size(encoded_size_wh(encoded, name), size_wh, name)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error as error:
        raise FrameError(f"{name}: OpenCV cannot decode this image ({error.err}).") from error
    if image is None:
        raise FrameError(
            f"{name}: expected a JPEG or PNG image, got {len(encoded)} bytes that OpenCV cannot "
            "decode. The file is damaged or of another format: fetch it again."
        )
    height, width = image.shape[:2]
    _require_size((width, height), size_wh, name)
    return image.astype(np.uint8, copy=False)


def _require_size(found_wh: tuple[int, int], size_wh: tuple[int, int], name: str) -> None:
    width, height = found_wh
    if found_wh != tuple(size_wh):
        raise FrameError(
            f"{name}: the annotations are for {size_wh[0]}x{size_wh[1]} pixels, the image has "
            f"{width}x{height}. It was resized or rotated (EXIF orientation is ignored, as in "
            "COCO): use the original file."
        )
    if width * height > MOST_PIXELS:
        raise FrameError(
            f"{name}: the image has {width}x{height} pixels, above the limit of {MOST_PIXELS}. "
            "Make it smaller, and its annotations with it."
        )


def crop_batch(
    image_bgr: Image, affines: Floats, input_wh: tuple[int, int], pixels: Pixels = IMAGENET
) -> NDArray[np.float32]:
    """Crop an image by each affine and normalise the crops.

    Sampling is bilinear, or bicubic where `pixels` asks for it. Pixels outside the image have
    the value `pixels.fill`, which is black by default.

    Args:
        image_bgr: (H, W, 3) image.
        affines: (N, 2, 3) from image pixels to crop pixels.
        input_wh: width and height of the crops.
        pixels: channel order, normalisation, sampling and fill value.

    Returns:
        Network input (N, 3, H, W).

    Raises:
        FrameError: if OpenCV cannot sample the image, for example if a side has more than
            32,766 pixels.
    """
    batch = np.empty((len(affines), 3, input_wh[1], input_wh[0]), np.float32)
    outside = (pixels.fill,) * 3
    for affine, planes in zip(affines, batch, strict=True):
        flags = _sampling(affine, pixels)
        normalise(_warped(image_bgr, affine, input_wh, flags, outside), pixels, planes)
    return batch


def normalise(image_bgr: Image, pixels: Pixels, planes: NDArray[np.float32]) -> None:
    """Write the normalised channels of an image (H, W, 3) into planes (3, H, W)."""
    channels = (2, 1, 0) if pixels.order == "rgb" else (0, 1, 2)
    for channel, table, plane in zip(channels, _normalised_bytes(pixels), planes, strict=True):
        cv2.LUT(cv2.extractChannel(image_bgr, channel), table, plane)


def _warped(
    image_bgr: Image,
    affine: Floats,
    input_wh: tuple[int, int],
    flags: int,
    outside: tuple[int, ...],
) -> Image:
    try:
        return cv2.warpAffine(image_bgr, affine, input_wh, flags=flags, borderValue=outside)  # type: ignore
    except cv2.error as error:
        height, width = image_bgr.shape[:2]
        raise FrameError(
            f"OpenCV cannot sample {input_wh[0]}x{input_wh[1]} pixels of this image of "
            f"{width}x{height} ({error.err}). Use a smaller image, or one with "
            "a more usual aspect ratio."
        ) from error


def _sampling(affine: Floats, pixels: Pixels) -> int:
    grows = pixels.cubic == "enlarging" and affine[0, 0] > 1
    cubic = grows or pixels.cubic == "always"
    return cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR


@cache
def _normalised_bytes(pixels: Pixels) -> NDArray[np.float32]:
    """The (3, 256) normalised values of every byte, per channel.

    A table of the 768 possible results is several times faster than three passes of float
    arithmetic over a crop.
    """
    scaled = np.arange(256, dtype=np.float32) / np.float32(pixels.divisor)
    mean, std = np.array(pixels.mean, np.float32), np.array(pixels.std, np.float32)
    return (scaled - mean[:, None]) / std[:, None]
