"""Samples images under an affine in NumPy, with the same result as OpenCV 5.

OpenCV computes in float32 and fuses some products with the sum that follows. Which ones was found
by experiment with OpenCV 5.0.0 on x86-64 with AVX2 and FMA, where every byte is equal
(tests/geometry/test_plain_opencv.py). Without fused multiply-add OpenCV rounds twice, and one of
about 5,000 bilinear pixels differs by one level (its baseline code, measured on that machine). The
same arithmetic on ARM could not be checked here. Coordinates are pixel centres (x, y).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats, Image

Singles = NDArray[np.float32]
Numbers = NDArray[np.int64]

_LANES = 16
"""Pixels that OpenCV's bilinear kernel computes at once; it treats the rest of a row otherwise."""

_CUBIC = -0.75
"""The parameter of OpenCV's bicubic kernel."""


def warp_linear(
    image: Image, affine: Floats, size_wh: tuple[int, int], outside: Sequence[float]
) -> Image:
    """Sample an image bilinearly.

    Args:
        image: (H, W, 3) pixels.
        affine: (2, 3) from pixels of the image to those of the result.
        size_wh: width and height of the result.
        outside: the three values of pixels outside the image.

    Returns:
        The pixels (height, width, 3).
    """
    back = inverse(affine).astype(np.float32)
    x, y = _linear_places(back[:3], size_wh), _linear_places(back[3:], size_wh)
    column, row = _floor(x), _floor(y)
    right, down = _fraction(x, column), _fraction(y, row)
    pixels = np.ascontiguousarray(image)
    upper = _between(
        _pixels(pixels, row, column, outside), _pixels(pixels, row, column + 1, outside), right
    )
    row += 1
    lower = _between(
        _pixels(pixels, row, column, outside), _pixels(pixels, row, column + 1, outside), right
    )
    return _bytes(_between(upper, lower, down), size_wh)


def warp_cubic(
    image: Image, affine: Floats, size_wh: tuple[int, int], outside: Sequence[float]
) -> Image:
    """Sample an image bicubically; arguments and result are those of warp_linear."""
    back = inverse(affine).astype(np.float32)
    x, y = _cubic_places(back[:3], size_wh), _cubic_places(back[3:], size_wh)
    column, row = _floor(x), _floor(y)
    across, down = _cubic_weights(_fraction(x, column)), _cubic_weights(_fraction(y, row))
    pixels = np.ascontiguousarray(image)
    total = np.zeros((size_wh[1], size_wh[0], 3), np.float32)
    for step, weight in enumerate(down):
        line = np.zeros_like(total)
        for stride, share in enumerate(across):
            found = _pixels(pixels, row + (step - 1), column + (stride - 1), outside)
            line = _fused(found, share, line)
        total = _fused(line, weight, total)
    return _bytes(total, size_wh)


def inverse(affine: Floats) -> NDArray[np.float64]:
    """Invert an affine (2, 3) as OpenCV does; returns its six numbers, row by row.

    The inverse of a singular affine maps every pixel to (0, 0).
    """
    (a, b, c), (d, e, f) = np.asarray(affine, np.float64)
    determinant = a * e - b * d
    scale = 1.0 / determinant if determinant != 0 else 0.0
    p, q, r, s = e * scale, b * -scale, d * -scale, a * scale
    return np.array([p, q, -p * c - q * f, r, s, -r * c - s * f])


def _linear_places(back: Singles, size_wh: tuple[int, int]) -> Singles:
    """Return one coordinate of each pixel's place in the image, (h, w) or what broadcasts to it."""
    x, y = _grid(back, size_wh)
    whole = size_wh[0] // _LANES * _LANES
    places = _fused(x, back[0], y * back[1] + back[2])
    # The scalar code for the rest of a row adds the shift last.
    places[:, whole:] = (_fused(x, back[0], y * back[1]) + back[2])[:, whole:]
    return places


def _cubic_places(back: Singles, size_wh: tuple[int, int]) -> Singles:
    x, y = _grid(back, size_wh)
    return x * back[0] + (y * back[1] + back[2])


def _grid(back: Singles, size_wh: tuple[int, int]) -> tuple[Singles, Singles]:
    """Return x (1, w) and y (h, 1) of the result; of one pixel only if the coordinate ignores it.

    An affine without rotation thus costs w + h computations instead of w * h.
    """
    width, height = size_wh
    x = np.arange(width if back[0] or not back[1] else 1, dtype=np.float32)
    y = np.arange(height if back[1] else 1, dtype=np.float32)
    return x[None, :], y[:, None]


def _floor(places: Singles) -> Numbers:
    return np.floor(places).astype(np.int64)


def _fraction(places: Singles, whole: Numbers) -> Singles:
    """Return (h, w, 1) fractions of a pixel."""
    return (places - whole.astype(np.float32))[..., None]


def _pixels(image: Image, row: Numbers, column: Numbers, outside: Sequence[float]) -> Singles:
    """Return the pixels (h, w, 3) of rows and columns, which may be outside the image."""
    height, width = image.shape[:2]
    near = np.clip(row, 0, height - 1) * width + np.clip(column, 0, width - 1)
    found = np.take(image.reshape(-1, 3), near, axis=0)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    if not inside.all():
        found[~inside] = np.clip(np.rint(outside), 0, 255)
    return found.astype(np.float32)


def _between(first: Singles, second: Singles, share: Singles) -> Singles:
    return _fused(share, second - first, first)


def _fused(factor: Singles, other: Singles, summand: Singles) -> Singles:
    """Return factor * other + summand, rounded once (a product of float32 is exact in float64)."""
    return (factor.astype(np.float64) * other + summand).astype(np.float32)


def _cubic_weights(x: Singles) -> tuple[Singles, Singles, Singles, Singles]:
    """Return the weights of four neighbours for a fraction of a pixel, in OpenCV's order."""
    ones = np.ones_like(x)
    rest = ones - x
    square: Singles = np.square(x)
    first: Singles = np.multiply(_CUBIC, x * np.square(rest))
    last: Singles = np.multiply(_CUBIC, square * rest)
    slope = _fused(x, np.full_like(x, _CUBIC + 2), np.full_like(x, -(_CUBIC + 3)))
    second = _fused(slope, square, ones)
    third: Singles = np.subtract((ones - first) - second, last)
    return first, second, third, last


def _bytes(values: Singles, size_wh: tuple[int, int]) -> Image:
    whole = np.broadcast_to(np.rint(values), (size_wh[1], size_wh[0], 3))
    return np.clip(whole, 0, 255).astype(np.uint8)
