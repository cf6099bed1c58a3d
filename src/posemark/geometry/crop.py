"""Images in, network input out: decoding, cropping, normalising (OpenCV)."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import FrameError
from posemark.core.frame import Floats
from posemark.core.spec import IMAGENET, Pixels

Image = NDArray[np.uint8]


def decode_bgr(encoded: bytes, size_wh: tuple[int, int], name: str) -> Image:
    """Pixels (H, W, 3) BGR of an encoded image; grey and transparent ones become BGR.

    The EXIF orientation is ignored, as in the official code: COCO's annotations refer to
    the stored pixels.

    Raises:
        FrameError: if the bytes are no image or its size is not size_wh.
    """
    data = np.frombuffer(encoded, np.uint8)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(data, flags) if data.size else None
    if image is None:
        raise FrameError(
            f"{name}: expected a JPEG or PNG image, got {data.size} bytes that OpenCV cannot "
            "decode. The file is damaged or of another format: fetch it again."
        )
    height, width = image.shape[:2]
    if (width, height) != tuple(size_wh):
        raise FrameError(
            f"{name}: the annotations are for {size_wh[0]}x{size_wh[1]} pixels, the image has "
            f"{width}x{height}. It was resized or rotated (EXIF orientation is ignored, as in "
            "COCO): use the original file."
        )
    return image.astype(np.uint8, copy=False)


def crop_batch(
    image_bgr: Image, affines: Floats, input_wh: tuple[int, int], pixels: Pixels = IMAGENET
) -> NDArray[np.float32]:
    """Network input (N, 3, H, W), normalised; outside the image `pixels.fill`, mostly black.

    affines: (N, 2, 3) from image pixels to crop pixels. Sampling is bilinear, or bicubic where
    `pixels` asks for it.
    """
    batch = np.empty((len(affines), 3, input_wh[1], input_wh[0]), np.float32)
    tables = _normalised_bytes(pixels)
    channels = (2, 1, 0) if pixels.order == "rgb" else (0, 1, 2)
    outside = (pixels.fill,) * 3
    for affine, planes in zip(affines, batch, strict=True):
        flags = _sampling(affine, pixels)
        crop = cv2.warpAffine(image_bgr, affine, input_wh, flags=flags, borderValue=outside)
        for channel, table, plane in zip(channels, tables, planes, strict=True):
            cv2.LUT(cv2.extractChannel(crop, channel), table, plane)
    return batch


def _sampling(affine: Floats, pixels: Pixels) -> int:
    grows = pixels.cubic == "enlarging" and affine[0, 0] > 1
    cubic = grows or pixels.cubic == "always"
    return cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR


@cache
def _normalised_bytes(pixels: Pixels) -> NDArray[np.float32]:
    """(3, 256): the normalised value of every byte, by channel.

    A table has all 768 possible results and is several times faster than three passes of
    float arithmetic over a crop.
    """
    scaled = np.arange(256, dtype=np.float32) / np.float32(pixels.divisor)
    mean, std = np.array(pixels.mean, np.float32), np.array(pixels.std, np.float32)
    return (scaled - mean[:, None]) / std[:, None]
