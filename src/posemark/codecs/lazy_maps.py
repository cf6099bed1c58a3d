"""Stacks of maps that are enlarged and averaged where they are read.

A *surface* is a stack (K, H, W) of maps of which only the sources exist as arrays. Reading some
of its pixels costs in proportion to those, and gives to the last bit what whole enlarged maps
would hold: there is one arithmetic for few pixels and for all.

Patches are (rows, columns, N): with the number of patches last, all of numpy's inner loops are
long ones.
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
"""Side, in base pixels, of the squares that searches look at or skip."""

_AT_ONCE = 2048
"""Patches read at once: their pixels stay in the processor's cache."""


def portions(count: int) -> Iterator[slice]:
    """Slices that cover `count` rows; one empty slice if there are none."""
    for first in range(0, max(count, 1), _AT_ONCE):
        yield slice(first, first + _AT_ONCE)


class Spans(NamedTuple):
    """Runs of pixels along one side: the first and the last one of each, both (N,)."""

    first: Indices
    last: Indices

    @classmethod
    def blocks(cls, size: int, block: int) -> "Spans":
        """The whole side, `block` pixels a run."""
        first = np.arange(0, size, block)
        return cls(first, np.minimum(first + block, size) - 1)


class Surface(Protocol):
    """Maps (K, H, W), computed where they are read."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, H, W)."""
        ...

    def read(self, maps: Indices, ys: Indices, xs: Indices, size_hw: tuple[int, int]) -> Maps:
        """Patches (h, w, N) from pixels (y, x), (N,) each, of maps (N,) on. A new array.

        Pixels beyond an edge repeat the edge.
        """
        ...

    def extremes(self, rows: Spans, columns: Spans, pick: Pick) -> Maps:
        """(K, R, C) bounds of the pixels in a run of rows by a run of columns. A new array.

        pick: np.maximum for upper bounds, np.minimum for lower ones. They hold but for the
        rounding of the interpolation.
        """
        ...


def whole(surface: Surface) -> Maps:
    """All pixels (K, H, W)."""
    count, height, width = surface.shape
    corner = np.zeros(count, np.intp)
    pixels = surface.read(np.arange(count), corner, corner, (height, width))
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


class Stored:
    """Maps that are there; with an order (K,), those of a mirrored image, mirrored back.

    order: which map of the mirrored image shows what map k is to show.
    """

    def __init__(self, maps: Maps, order: tuple[int, ...] | None = None) -> None:
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
    """The mean of surfaces of one shape: their sum, then one multiplication."""

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
    """A surface resampled bilinearly to size_wh, the corners of both grids aligned.

    (Corners, not corner centres: torch calls it align_corners=False.)
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
    """What runs of pixels, all of one length a, are made of, along one side.

    first: (N,) the first cell of each run. cells: how many. low: (a, N) counted from there:
    each pixel lies between that cell and the next. share: (a, N) of the next. Where all runs
    agree, low and share are (a, 1), and zoom says after how many pixels the shares repeat.
    """

    first: Indices
    cells: int
    low: Indices
    share: Maps
    zoom: int

    @classmethod
    def of(cls, cells: int, size: int, starts: Indices, length: int) -> "_Taps":
        """The taps of runs from the pixels (N,) on, out of `size`."""
        zoom = _common_zoom(starts, cells, size)
        if zoom:
            low, share = _pattern(zoom, int(starts[0]) % zoom, length)
            # The cells of _split(starts, 1 / zoom), in whole numbers.
            first = (2 * starts + 1 - zoom) // (2 * zoom)
            return cls(first, int(low[-1, 0]) + 2, low, share, zoom)
        pixels = _run(starts, length)
        if size < cells:
            # Where maps shrink, what lies beyond an edge is not the edge again.
            pixels = pixels.clip(0, size - 1)
        low, share = _split(pixels, cells / size)
        return cls(low[0], int((low - low[:1]).max(initial=0)) + 2, low - low[:1], share, 0)

    def mixed(self, values: Maps) -> Maps:
        """The pixels (a, ...) from values (c, ...) of the cells: low + share * (next - low).

        The order of these steps decides the last bits.
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
    """(length, N) pixels from each start on."""
    return starts + np.arange(length)[:, None]


def _split(pixels: Indices, cells_a_pixel: float) -> tuple[Indices, Maps]:
    """The cells before pixels, and the shares of the cells after them."""
    at = (pixels + 0.5) * cells_a_pixel - 0.5
    low = np.floor(at)
    return low.astype(np.intp), (at - low).astype(np.float32)


@cache
def _pattern(zoom: int, phase: int, length: int) -> tuple[Indices, Maps]:
    """(length, 1) cells and shares of a run that starts `phase` pixels after a multiple."""
    low, share = _split(phase + np.arange(length)[:, None], 1 / zoom)
    return low - low[0], share


def _common_zoom(starts: Indices, cells: int, size: int) -> int:
    """The zoom, if runs lie alike between cells to the last bit; else 0.

    Only division by powers of two is exact.
    """
    zoom, rest = divmod(size, cells)
    alike = rest == 0 and zoom & (zoom - 1) == 0 and len(starts) > 0
    return zoom if alike and (starts % zoom == starts[0] % zoom).all() else 0


def _cells_of(pixels: Spans, cells: int, size: int) -> Spans:
    """The cells that runs of pixels are made of."""
    first, last = (_split(p, cells / size)[0] for p in pixels)
    return Spans(first.clip(0, cells - 1), (last + 1).clip(0, cells - 1))


def _pooled(maps: Maps, spans: Spans, axis: int, pick: Pick) -> Maps:
    """The extremes over runs along one axis."""
    pooled = maps.take(spans.first, axis)
    for step in range(1, int((spans.last - spans.first).max(initial=0)) + 1):
        pick(pooled, maps.take(np.minimum(spans.first + step, spans.last), axis), out=pooled)
    return pooled
