"""The functions of OpenCV that pipelines call, in NumPy, for devices without OpenCV.

Names, arguments and results are those of cv2, of which this module can take the place. Results
are equal byte by byte to those of OpenCV 5.0.0 on x86-64 with AVX2 (plain_warp.py says where
OpenCV's own bytes depend on the processor).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import PoseMarkError
from posemark.core.frame import Floats, Image
from posemark.geometry.plain_png import plain_pixels
from posemark.geometry.plain_warp import warp_cubic, warp_linear

INTER_LINEAR, INTER_CUBIC = 1, 2
IMREAD_COLOR, IMREAD_IGNORE_ORIENTATION = 1, 128

_UNIT = 2048
"""The weights of resize are multiples of 1 / _UNIT."""


class error(PoseMarkError):  # noqa: N801, N818 - the name in cv2
    """Something that OpenCV can do and this module cannot, or an argument that is wrong.

    Attributes:
        err: the reason, as in cv2.error.
    """

    def __init__(self, err: str) -> None:
        super().__init__(err)
        self.err = err


def imdecode(buffer: NDArray[np.uint8], flags: int) -> Image:
    """Decode the bytes of a plain PNG (plain_png.py) to pixels (H, W, 3) in BGR order.

    Args:
        buffer: (N,) bytes of the file.
        flags: IMREAD_COLOR, with or without IMREAD_IGNORE_ORIENTATION; a plain PNG has neither
            another number of channels nor an orientation.

    Raises:
        error: if it is not a plain PNG.
    """
    if flags | IMREAD_IGNORE_ORIENTATION != IMREAD_COLOR | IMREAD_IGNORE_ORIENTATION:
        raise error(f"without OpenCV images are decoded in colour, got flags {flags}")
    try:
        return plain_pixels(buffer.tobytes())
    except ValueError as problem:
        raise error(str(problem)) from problem


def extractChannel(image: Image, channel: int) -> NDArray[np.uint8]:  # noqa: N802 - as in cv2
    """Return one channel (H, W) of an image (H, W, C)."""
    return np.ascontiguousarray(image[..., channel])


def LUT(  # noqa: N802 - as in cv2
    values: NDArray[np.uint8], table: NDArray[Any], out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Replace every byte by its entry in a table (256,); the result is written to out, if any."""
    # Bytes are always valid indices; the mode spares NumPy a buffer.
    return np.take(table, values, out=out, mode="clip")


def warpAffine(  # noqa: N802 - as in cv2
    image: Image,
    affine: Floats,
    size_wh: tuple[int, int],
    flags: int = INTER_LINEAR,
    borderValue: Sequence[float] = (0, 0, 0),  # noqa: N803 - as in cv2
) -> Image:
    """Sample an image under an affine.

    Args:
        image: (H, W, 3) pixels.
        affine: (2, 3) from pixels of the image to those of the result.
        size_wh: width and height of the result.
        flags: INTER_LINEAR or INTER_CUBIC.
        borderValue: the values of pixels outside the image.

    Returns:
        The pixels (height, width, 3).

    Raises:
        error: for other flags, an image without pixels or an empty result.
    """
    _require_pixels(image, size_wh)
    if flags not in (INTER_LINEAR, INTER_CUBIC):
        raise error(f"without OpenCV images are sampled bilinearly or bicubically, got {flags}")
    warp = warp_linear if flags == INTER_LINEAR else warp_cubic
    return warp(image, affine, size_wh, borderValue)


def resize(image: Image, size_wh: tuple[int, int]) -> Image:
    """Resize an image (H, W, 3) bilinearly, from edge to edge.

    OpenCV computes with weights of 11 bits, and averages four pixels each if both sides are
    halved exactly.

    Raises:
        error: if the image has no pixels or the result would have none.
    """
    _require_pixels(image, size_wh)
    (height, width), wanted = image.shape[:2], (size_wh[1], size_wh[0])
    pixels = image.astype(np.int32)
    if (height, width) == (2 * wanted[0], 2 * wanted[1]):
        total = pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2]
        return ((total + 2) >> 2).astype(np.uint8)
    column, right = _weights(width, wanted[1], clamp=True)
    row, down = _weights(height, wanted[0], clamp=False)
    lines = pixels[:, column[0]] * right[0][:, None] + pixels[:, column[1]] * right[1][:, None]
    lines >>= 4
    upper, lower = (
        (lines[at] * share[:, None, None]) >> 16 for at, share in zip(row, down, strict=True)
    )
    return np.clip((upper + lower + 2) >> 2, 0, 255).astype(np.uint8)


def _weights(
    side: int, wanted: int, clamp: bool
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[Any], NDArray[Any]]]:
    """Return the two neighbours of every pixel along one side, and their weights.

    clamp: whether pixels beyond the first and the last centre take that pixel alone. OpenCV does
    so in x. In y it takes the pixel twice, with weights whose products are rounded separately.
    """
    place = ((np.arange(wanted) + 0.5) * (side / wanted) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    share = place - first.astype(np.float32)
    if clamp:
        share[(first < 0) | (first >= side - 1)] = 0
    neighbours = np.clip(first, 0, side - 1), np.clip(first + 1, 0, side - 1)
    second = np.rint(share * np.float32(_UNIT)).astype(np.int32)
    return neighbours, (
        np.rint((np.float32(1) - share) * np.float32(_UNIT)).astype(np.int32),
        second,
    )


def _require_pixels(image: Image, size_wh: tuple[int, int]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or not image.size or image.dtype != np.uint8:
        raise error(f"expected pixels (H, W, 3) of bytes, got {image.dtype} {image.shape}")
    if min(size_wh) < 1:
        raise error(f"expected a size of at least 1x1 pixels, got {size_wh[0]}x{size_wh[1]}")
