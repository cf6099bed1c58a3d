"""Enlarges network outputs to base pixels where they are read, and finds the peaks of part maps.

Base pixels and the two builds are explained in codecs.paf. Only pixels that can influence a result
are enlarged: part maps in tiles that can contain a peak, fields in the pixels that are read. The
results are the same as with completely enlarged maps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.paf_layouts import OUTPUT, STRIDE, Build, Flags, Ints, Layout
from posemark.core.frame import Floats
from posemark.core.whole_image import Maps, Pass

# ------------------------------------------------------------------------------ enlarging

_CUBIC = {"gpu": -0.5, "cpu": -0.75}
"""Parameter of the cubic kernel: Catmull-Rom in CUDA code, OpenCV's value in the CPU build."""

_TILE = 4 * STRIDE
"""Side, in pixels, of the square tiles that are searched for peaks."""

_LINE = _TILE + 2
"""Side, in pixels, of a tile with the pixels around it."""


@dataclass(frozen=True)
class Axis:
    """Cubic interpolation along one axis of a map.

    Pixel p is the sum over i < 4 of weights[p, i] times cell first[p] + i. Beyond the ends, the
    outermost cells are repeated.

    Attributes:
        first: (pixels,) first cell of every pixel.
        weights: (pixels, 4) weights of its cells.
        cells: number of cells.
    """

    first: Ints
    weights: NDArray[np.float32]
    cells: int

    @property
    def gain(self) -> float:
        """The largest possible ratio of a pixel to the largest of its cells."""
        return float(np.abs(self.weights).sum(1).max())

    def taps(self, pixels: Ints) -> Ints:
        """Return the cells (N, 4) of pixels (N,)."""
        return (self.first[pixels][:, None] + np.arange(4)).clip(0, self.cells - 1)

    def windows(self, starts: Ints, size: int) -> tuple[Ints, NDArray[np.float32]]:
        """Compute the cells and weights of N runs of pixels.

        Args:
            starts: (N,) first pixel of every run.
            size: number of pixels per run.

        Returns:
            Cells (N, k) and weights (N, size, k). The weights of pixels outside the image are 0.
        """
        distinct, which = np.unique(starts, return_inverse=True)
        pixels = distinct[:, None] + np.arange(size)
        inside = (pixels >= 0) & (pixels < len(self.first))
        pixels = pixels.clip(0, len(self.first) - 1)
        first = self.first[pixels]
        origin = first.min(1, keepdims=True)
        shift = first - origin
        reach = int(shift.max(initial=0)) + 4
        weights = np.zeros((*pixels.shape, reach), np.float32)
        rows, columns = np.indices(pixels.shape)
        for tap in range(4):
            weights[rows, columns, shift + tap] = self.weights[pixels, tap] * inside
        cells = (origin + np.arange(reach)).clip(0, self.cells - 1)
        return cells[which], weights[which]


@cache
def axis(cells: int, pixels: int, zoom: float, stride: float, build: Build) -> Axis:
    """Compute the axis that enlarges cells to base pixels.

    Args:
        cells: number of cells.
        pixels: number of base pixels.
        zoom: pixels of this scale per base pixel.
        stride: pixels of this scale per cell.
        build: the build of OpenPose whose interpolation is used.
    """
    positions = (np.arange(pixels) * zoom + 0.5) / stride - 0.5
    # CUDA code rounds towards zero, so it extrapolates before the centre of the first cell.
    whole = np.trunc(positions) if build == "gpu" else np.floor(positions)
    t, a = positions - whole, _CUBIC[build]
    inner, outer = 1 - t, 1 + t
    weights = (
        ((a * outer - 5 * a) * outer + 8 * a) * outer - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * inner - (a + 3)) * inner * inner + 1,
    )
    table = np.stack([*weights, 1 - sum(weights)], 1).astype(np.float32)
    return Axis(whole.astype(np.intp) - 1, table, cells)


class _Layer(NamedTuple):
    """Maps (C, h, w) of one scale with their axes."""

    maps: Maps
    y: Axis
    x: Axis


@dataclass(frozen=True)
class Surface:
    """The mean of the maps of all scales at base resolution, computed where it is read.

    Attributes:
        layers: maps of every scale with their interpolation.
        size_wh: width and height in base pixels.
        build: the build of OpenPose whose interpolation is used.
    """

    layers: tuple[_Layer, ...]
    size_wh: tuple[int, int]
    build: Build

    @classmethod
    def of(cls, passes: Sequence[Pass], layout: Layout, build: Build) -> "Surface":
        """Make the surface of network outputs, averaged with those of the flip test."""
        base = passes[0].input
        layers = [
            _layer(
                _merged(p, layout),
                base.size_wh,
                float(p.input.affine[0, 0] / base.affine[0, 0]),
                STRIDE,
                build,
            )
            for p in passes
        ]
        return cls(tuple(layers), base.size_wh, build)

    @classmethod
    def plain(cls, maps: Maps, build: Build) -> "Surface":
        """Make a surface of maps (C, H, W) that already have base resolution."""
        size_wh = maps.shape[2], maps.shape[1]
        return cls((_layer(maps, size_wh, 1.0, 1.0, build),), size_wh, build)

    def windows(self, channels: Ints, ys: Ints, xs: Ints, size: int) -> Maps:
        """Read windows (N, size, size) from the pixels (y, x) on; outside the image they are 0."""
        total = np.zeros((len(channels), size, size), np.float32)
        for maps, y_axis, x_axis in self.layers:
            y_cells, y_weights = y_axis.windows(ys, size)
            x_cells, x_weights = x_axis.windows(xs, size)
            source = maps[channels[:, None, None], y_cells[:, :, None], x_cells[:, None]]
            total += y_weights @ source @ x_weights.transpose(0, 2, 1)
        return total if len(self.layers) == 1 else total / np.float32(len(self.layers))

    def vectors(self, channels: Ints, ys: Ints, xs: Ints) -> Maps:
        """Read values (2, N) of each channel and of the next channel at the pixels (y, x)."""
        total = np.zeros((2, len(channels)), np.float32)
        for maps, y_axis, x_axis in self.layers:
            _, height, width = maps.shape
            rows = channels[:, None] * height + y_axis.taps(ys)
            index = rows[:, :, None] * width + x_axis.taps(xs)[:, None]
            weights = y_axis.weights[ys][:, :, None] * x_axis.weights[xs][:, None]
            for component in range(2):
                source: Maps = maps.reshape(-1)[index + component * height * width]
                total[component] += np.einsum("nab,nab->n", source, weights)
        return total / np.float32(len(self.layers))

    def tiles_above(self, channels: int, limit: float) -> tuple[Ints, Ints, Ints]:
        """Find channel, row and column of the tiles whose pixels may exceed the limit."""
        bounds = np.zeros(())
        for maps, y_axis, x_axis in self.layers:
            starts = [np.arange(-1, side - 1, _TILE) for side in self.size_wh]
            x_cells, _ = x_axis.windows(starts[0], _TILE + 2)
            y_cells, _ = y_axis.windows(starts[1], _TILE + 2)
            largest = np.abs(maps[:channels])[:, y_cells].max(2)[:, :, x_cells].max(3)
            bounds = bounds + largest * (y_axis.gain * x_axis.gain)
        # The factor allows for the rounding of float32 sums.
        active = np.argwhere(bounds / len(self.layers) * 1.0001 > limit)
        return active[:, 0], active[:, 1], active[:, 2]


def _layer(
    maps: Maps, size_wh: tuple[int, int], zoom: float, stride: float, build: Build
) -> _Layer:
    _, height, width = maps.shape
    y = axis(height, size_wh[1], zoom, stride, build)
    x = axis(width, size_wh[0], zoom, stride, build)
    return _Layer(np.ascontiguousarray(maps, np.float32), y, x)


def _merged(one: Pass, layout: Layout) -> Maps:
    """Return the maps (C, h, w) of one scale, averaged with the mirrored ones mirrored back."""
    maps: Maps = one.outputs[OUTPUT][0]
    if one.mirrored is None:
        return maps
    order, sign = layout.mirrored_channels
    back: Maps = one.mirrored[OUTPUT][0][order, :, ::-1] * sign
    return (maps + back) * np.float32(0.5)


# ---------------------------------------------------------------------------------- peaks

_TILES_AT_ONCE = 512

_REACH = 3
"""Number of pixels on each side of a peak that are used to refine it."""

MOST_PEAKS = 127
"""The largest number of peaks per part; later ones in reading order are dropped."""


@dataclass(frozen=True)
class Peaks:
    """The peaks of all parts, in the order of the parts, and in reading order within a part.

    Attributes:
        xys: (N, 3) x, y in pixels, and score.
        parts: (N,) part of each peak, ascending.
    """

    xys: NDArray[np.float32]
    parts: Ints

    def of(self, part: int) -> Ints:
        """Return the indices of the peaks of a part."""
        first, last = (int(np.searchsorted(self.parts, p)) for p in (part, part + 1))
        return np.arange(first, last)


def find_peaks(surface: Surface, parts: int, limit: float, offset: float) -> Peaks:
    """Find the local maxima of part maps, and refine them.

    Args:
        surface: the enlarged maps.
        parts: number of parts, whose maps are the first channels.
        limit: value that a maximum must exceed.
        offset: added to the refined x and y, in pixels.

    Returns:
        The peaks; x and y are the weighted mean of the pixels around a maximum, plus the offset.
    """
    found = [np.zeros((0, 4)), *_maxima(surface, parts, limit)]
    part, y, x, score = np.concatenate(found)[_first_in_order(np.concatenate(found))].T
    part, y, x = part.astype(np.intp), y.astype(np.intp), x.astype(np.intp)
    weights = surface.windows(part, y - _REACH, x - _REACH, 2 * _REACH + 1)
    weights = np.maximum(weights, 0).reshape(len(part), (2 * _REACH + 1) ** 2)
    rows, columns = np.indices((2 * _REACH + 1,) * 2).reshape(2, -1) - _REACH
    refined = [
        _sums(weights * (whole[:, None] + steps).astype(np.float32)) / _sums(weights)
        for whole, steps in ((x, columns), (y, rows))
    ]
    xy = np.stack(refined, 1) + np.float32(offset)
    return Peaks(np.concatenate([xy, score[:, None]], 1).astype(np.float32), part)


def _sums(values: Maps) -> Maps:
    """Compute the sums (N,) of rows (N, M), one number after the other in float32.

    The official code does the same. The rounding moves peaks by 1e-4 pixels, which can change the
    pixel at which a field is read.
    """
    return np.add.accumulate(values, 1)[:, -1]


def _first_in_order(found: Floats) -> Ints:
    """Sort rows (part, y, x, ...), and keep at most MOST_PEAKS of every part."""
    order = np.lexsort(found.T[2::-1])
    parts: Ints = found[order, 0].astype(np.intp)
    rank = np.arange(len(parts)) - np.searchsorted(parts, parts)
    return order[rank < MOST_PEAKS]


def _maxima(surface: Surface, parts: int, limit: float) -> Iterator[Floats]:
    """Yield rows (part, y, x, value) of the peaks, one batch of tiles at a time."""
    tiles = surface.tiles_above(parts, limit)
    for first in range(0, len(tiles[0]), _TILES_AT_ONCE):
        part, row, column = (t[first : first + _TILES_AT_ONCE] for t in tiles)
        ys, xs = row * _TILE - 1, column * _TILE - 1
        flat = surface.windows(part, ys, xs, _LINE).reshape(-1)
        at = _ridges(flat, np.float32(limit))
        tile, rest = np.divmod(at, _LINE**2)
        y, x = np.divmod(rest, _LINE)
        inner = (y >= 1) & (y <= _TILE) & (x >= 1) & (x <= _TILE)
        y, x = ys[tile] + y, xs[tile] + x
        may, may_tie = _allowed(y, x, surface.size_wh, surface.build)
        kept = _highest(flat, at, np.flatnonzero(inner & may), may_tie)
        place = np.stack([part[tile[kept]], y[kept], x[kept]], 1).astype(np.float64)
        yield np.concatenate([place, flat[at[kept], None]], 1)


def _ridges(flat: Maps, limit: np.float32) -> Ints:
    """Find values above the limit that neither the previous nor the next value exceeds.

    These fast comparisons of all pixels leave few pixels for the slower ones.
    """
    may = flat[1:-1] > limit
    may &= flat[1:-1] >= flat[:-2]
    may &= flat[1:-1] >= flat[2:]
    return np.flatnonzero(may) + 1


def _allowed(y: Ints, x: Ints, size_wh: tuple[int, int], build: Build) -> tuple[Flags, Flags]:
    """Return which pixels may be peaks, and which of them may equal a neighbour.

    In the GPU build, all pixels except the border may be peaks, and none may equal a neighbour. In
    the CPU build, the rows and columns next to the border, with their end pixels on the border,
    may be peaks, too, and may equal a neighbour.
    """
    width, height = size_wh
    inner = (y >= 1) & (y <= height - 2) & (x >= 1) & (x <= width - 2)
    if build == "gpu":
        return inner, np.zeros_like(inner)
    ring = (y == 1) | (y == height - 2) | (x == 1) | (x == width - 2)
    return inner | ring, ring


def _highest(flat: Maps, at: Ints, rows: Ints, may_tie: Flags) -> Ints:
    """Keep the rows whose value exceeds all eight neighbours."""
    for step in (1, -1, _LINE, -_LINE, _LINE + 1, _LINE - 1, -_LINE + 1, -_LINE - 1):
        own, other = flat[at[rows]], flat[at[rows] + step]
        rows = rows[(own > other) | (may_tie[rows] & (own == other))]
    return rows
