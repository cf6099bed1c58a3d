"""Stacks of maps whose pixels are enlarged and averaged only where they are read.

A *surface* is a stack (K, H, W) of maps that does not exist as an array; only its sources do. The
cost of reading some pixels is proportional to their number. Their values are exactly those of
completely enlarged maps, because the arithmetic is the same for few pixels and for all.

Patches are (rows, columns, N): the number of patches is the last axis, so that all inner loops of
numpy are long.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.whole_image import Maps

Indices = NDArray[np.intp]
Pick = Callable[..., Maps]


BLOCK = 8
"""Side, in base pixels, of the squares that searches examine or skip."""

_AT_ONCE = 2048
"""Number of patches read at once, so that their pixels fit into the processor's cache."""


def portions(count: int) -> Iterator[slice]:
    """Yield slices that cover `count` rows, or one empty slice if there are no rows."""
    for first in range(0, max(count, 1), _AT_ONCE):
        yield slice(first, first + _AT_ONCE)


class Spans(NamedTuple):
    """N runs of pixels along one axis.

    Attributes:
        first: (N,) first pixel of every run.
        last: (N,) last pixel of every run.
    """

    first: Indices
    last: Indices

    @classmethod
    def blocks(cls, size: int, block: int) -> "Spans":
        """Divide a whole axis of `size` pixels into runs of `block` pixels."""
        first = np.arange(0, size, block)
        return cls(first, np.minimum(first + block, size) - 1)


class Surface(Protocol):
    """Maps (K, H, W) whose pixels are computed when they are read."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape (K, H, W) of the maps."""
        ...

    def read(self, maps: Indices, ys: Indices, xs: Indices, size_hw: tuple[int, int]) -> Maps:
        """Read patches of pixels; beyond an edge, the pixels at the edge are repeated.

        Args:
            maps: (N,) indices of the maps.
            ys: (N,) first row of every patch.
            xs: (N,) first column of every patch.
            size_hw: height and width (h, w) of the patches.

        Returns:
            Patches (h, w, N) in a new array.
        """
        ...

    def extremes(self, rows: Spans, columns: Spans, pick: Pick) -> Maps:
        """Compute bounds of the pixels in rectangles.

        Args:
            rows: R runs of rows.
            columns: C runs of columns.
            pick: np.maximum for upper bounds, np.minimum for lower bounds.

        Returns:
            Bounds (K, R, C) in a new array. The rounding of the interpolation may exceed them.
        """
        ...


def whole(surface: Surface) -> Maps:
    """Read all pixels (K, H, W) of a surface."""
    count, height, width = surface.shape
    corner = np.zeros(count, np.intp)
    pixels = surface.read(np.arange(count), corner, corner, (height, width))
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


class Stored:
    """Maps that exist as an array. Those of a mirrored image are mirrored back."""

    def __init__(self, maps: Maps, order: tuple[int, ...] | None = None) -> None:
        """Store the maps.

        Args:
            maps: (K, H, W) maps.
            order: for a mirrored image, the index of the map that becomes map k; else None.
        """
        self._maps = np.ascontiguousarray(maps, np.float32)
        self._order = None if order is None else np.array(order)

    @property
    def shape(self) -> tuple[int, int, int]:
        count, height, width = self._maps.shape
        return count, height, width

    def read(self, maps: Indices, ys: Indices, xs: Indices, size_hw: tuple[int, int]) -> Maps:
        _, height, width = self.shape
        rows = _run(ys, size_hw[0]).clip(0, height - 1)
        columns = _run(xs, size_hw[1]).clip(0, width - 1)
        if self._order is not None:
            maps, columns = self._order[maps], width - 1 - columns
        rows = (maps * height + rows) * width
        return self._maps.reshape(-1).take(rows[:, None] + columns)

    def extremes(self, rows: Spans, columns: Spans, pick: Pick) -> Maps:
        pooled = _pooled(self._maps, rows, 1, pick)
        if self._order is not None:
            pooled = pooled[self._order, :, ::-1]
        return _pooled(pooled, columns, 2, pick)


@dataclass(frozen=True)
class Mean:
    """The mean of surfaces of the same shape: their sum, followed by one division."""

    surfaces: tuple[Surface, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.surfaces[0].shape

    def read(self, maps: Indices, ys: Indices, xs: Indices, size_hw: tuple[int, int]) -> Maps:
        return self._of([surface.read(maps, ys, xs, size_hw) for surface in self.surfaces])

    def extremes(self, rows: Spans, columns: Spans, pick: Pick) -> Maps:
        return self._of([surface.extremes(rows, columns, pick) for surface in self.surfaces])

    def _of(self, values: list[Maps]) -> Maps:
        total, *others = values
        for each in others:
            total += each
        if others:
            total /= len(values)
        return total


@dataclass(frozen=True)
class Enlarged:
    """A surface resampled bilinearly to size_wh.

    The outer corners of both grids coincide, not the centres of the corner pixels (in torch,
    align_corners=False).
    """

    source: Surface
    size_wh: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.source.shape[0], self.size_wh[1], self.size_wh[0]

    def read(self, maps: Indices, ys: Indices, xs: Indices, size_hw: tuple[int, int]) -> Maps:
        _, height, width = self.source.shape
        if (width, height) == self.size_wh:
            return self.source.read(maps, ys, xs, size_hw)
        down = _Taps.of(height, self.size_wh[1], ys, size_hw[0])
        across = _Taps.of(width, self.size_wh[0], xs, size_hw[1])
        cells = self.source.read(maps, down.first, across.first, (down.cells, across.cells))
        rows = across.mixed(cells.swapaxes(0, 1)).swapaxes(0, 1)
        return down.mixed(rows)

    def extremes(self, rows: Spans, columns: Spans, pick: Pick) -> Maps:
        _, height, width = self.source.shape
        rows = _cells_of(rows, height, self.size_wh[1])
        columns = _cells_of(columns, width, self.size_wh[0])
        return self.source.extremes(rows, columns, pick)


class _Taps(NamedTuple):
    """The cells and weights from which N runs of `a` pixels are interpolated along one axis.

    Attributes:
        first: (N,) first cell of every run.
        cells: number of cells per run.
        low: (a, N) the cell before each pixel, counted from the first cell of the run; (a, 1) if
            all runs have the same.
        share: weight of the cell after each pixel, in the shape of low.
        zoom: number of pixels after which the weights repeat, if all runs have the same; else 0.
    """

    first: Indices
    cells: int
    low: Indices
    share: Maps
    zoom: int

    @classmethod
    def of(cls, cells: int, size: int, starts: Indices, length: int) -> "_Taps":
        """Compute the taps of runs of `length` pixels, out of `size`, from the starts (N,) on."""
        zoom = _common_zoom(starts, cells, size)
        if zoom:
            low, share = _pattern(zoom, int(starts[0]) % zoom, length)
            # The same cells as in _split(starts, 1 / zoom), with integers.
            first = (2 * starts + 1 - zoom) // (2 * zoom)
            return cls(first, int(low[-1, 0]) + 2, low, share, zoom)
        pixels = _run(starts, length)
        if size < cells:
            # If maps shrink, pixels computed beyond an edge would differ from those at the edge.
            pixels = pixels.clip(0, size - 1)
        low, share = _split(pixels, cells / size)
        return cls(low[0], int((low - low[:1]).max(initial=0)) + 2, low - low[:1], share, 0)

    def mixed(self, values: Maps) -> Maps:
        """Interpolate pixels (a, ...) from cells (c, ...) as low + share * (next - low).

        The order of these operations determines the rounding.
        """
        steps = values[1:] - values[:-1]
        if not self.zoom:
            low = self.low.reshape(len(self.low), *[1] * (values.ndim - 2), -1)
            share = self.share.reshape(low.shape)
            return np.take_along_axis(steps, low, 0) * share + np.take_along_axis(values, low, 0)
        pixels = np.empty((len(self.low), *values.shape[1:]), np.float32)
        for phase in range(min(self.zoom, len(pixels))):
            alike = pixels[phase :: self.zoom]
            cells = slice(self.low[phase, 0], self.low[phase, 0] + len(alike))
            np.multiply(steps[cells], self.share[phase, 0], out=alike)
            alike += values[cells]
        return pixels


def _run(starts: Indices, length: int) -> Indices:
    """Return the pixels (length, N) from each start on."""
    return starts + np.arange(length)[:, None]


def _split(pixels: Indices, cells_per_pixel: float) -> tuple[Indices, Maps]:
    """Return the cells before pixels, and the weights of the cells after them."""
    at = (pixels + 0.5) * cells_per_pixel - 0.5
    low = np.floor(at)
    return low.astype(np.intp), (at - low).astype(np.float32)


@cache
def _pattern(zoom: int, phase: int, length: int) -> tuple[Indices, Maps]:
    """Return cells and weights (length, 1) of a run that starts at a remainder of `phase`."""
    low, share = _split(phase + np.arange(length)[:, None], 1 / zoom)
    return low - low[0], share


def _common_zoom(starts: Indices, cells: int, size: int) -> int:
    """Return the zoom if the weights of all runs are exactly the same, or else 0.

    Only divisions by powers of two are exact.
    """
    zoom, rest = divmod(size, cells)
    alike = rest == 0 and zoom & (zoom - 1) == 0 and len(starts) > 0
    return zoom if alike and (starts % zoom == starts[0] % zoom).all() else 0


def _cells_of(pixels: Spans, cells: int, size: int) -> Spans:
    """Return the cells from which runs of pixels are interpolated."""
    first, last = (_split(p, cells / size)[0] for p in pixels)
    return Spans(first.clip(0, cells - 1), (last + 1).clip(0, cells - 1))


def _pooled(maps: Maps, spans: Spans, axis: int, pick: Pick) -> Maps:
    """Compute the extremes over runs along one axis."""
    pooled = maps.take(spans.first, axis)
    for step in range(1, int((spans.last - spans.first).max(initial=0)) + 1):
        pick(pooled, maps.take(np.minimum(spans.first + step, spans.last), axis), out=pooled)
    return pooled
