"""Where in a map the heat is highest among pixels of a like tag.

What is sought are maxima of heatmap - round(|tag - mean tag|). What the pixels of a square can
reach is bounded by the cells that they are made of, then by their own tags; only where neither
rules a square out is it looked at. Shapes: K joints, T tags a joint; S squares of 64 pixels in
a map; N wishes, each a joint and a mean tag.
"""

from collections.abc import Sequence

import numpy as np

from posemark.codecs.lazy_maps import BLOCK, Indices, Spans, Surface, portions
from posemark.core.whole_image import Maps

MARGIN = np.float32(1e-4)
"""Added to bounds, for the rounding of interpolated values up to some hundreds."""

_BEYOND = np.iinfo(np.intp).max


class TagSearch:
    """The best pixels for wishes, found by looking at ever more squares.

    heatmaps: (K, H, W). highest: (K, R, C) bounds of its squares. tags: T surfaces (K, H, W).
    joint: (N,), ascending. means: (N, T).
    """

    def __init__(
        self,
        heatmaps: Surface,
        highest: Maps,
        tags: Sequence[Surface],
        joint: Indices,
        means: Maps,
    ) -> None:
        self._heatmaps, self._highest, self._tags = heatmaps, highest, tags
        self._joint, self._means = joint, np.ascontiguousarray(means.T)
        self._value = np.full(len(joint), -np.inf, np.float32)
        self._pixel = np.full(len(joint), _BEYOND)

    def pixels(self) -> Indices:
        """(N,) flat pixels, the first in reading order on ties.

        Most of the squares that promise most do not keep it. Each look raises the bar for the
        next: the best square of all, the best one in each row of squares, all others.
        """
        _, rows, columns = self._highest.shape
        bounds = self._bounds()
        best, of_row = _highest(bounds.reshape(-1, columns))
        of_row = of_row.reshape(-1, rows)
        best += np.arange(len(best)) % rows * columns
        square = best.reshape(-1, rows)
        wish, row = np.arange(len(square)), of_row.argmax(1)
        self._look(wish, square[wish, row])
        wish, row = np.nonzero(of_row >= self._value[:, None])
        self._look(wish, square[wish, row])
        bounds[wish, square[wish, row]] = -np.inf
        # Several times as fast as nonzero in two dimensions.
        others = np.flatnonzero(bounds >= self._value[:, None])
        self._look(*np.divmod(others, bounds.shape[1]))
        return self._pixel

    def _bounds(self) -> Maps:
        """(N, S) above what a pixel of a square can reach."""
        shape = len(self._tags), len(self._highest), -1
        rows, columns = (Spans.blocks(side, BLOCK) for side in self._heatmaps.shape[1:])
        low, high = (
            np.stack([tags.extremes(rows, columns, pick) for tags in self._tags]).reshape(shape)
            for pick in (np.minimum, np.maximum)
        )
        low -= MARGIN
        high += MARGIN
        bounds = np.empty((len(self._joint), low.shape[2]), np.float32)
        ends = np.searchsorted(self._joint, np.arange(len(self._highest) + 1))
        for joint, rows in enumerate(map(slice, ends[:-1], ends[1:])):
            away = _apart(low[:, joint, None], high[:, joint, None], self._means[:, rows, None])
            np.subtract(self._highest[joint].ravel(), away, out=bounds[rows])
        return bounds

    def _look(self, wish: Indices, square: Indices) -> None:
        """Take squares (M,) into account, each for a wish; wishes ascend."""
        squares = self._joint[wish] * self._highest[0].size + square
        distinct, which = _distinct(squares, self._highest.size)
        pixels = np.stack([self._read(each, distinct) for each in self._tags])
        away = _apart(pixels.min(1)[:, which], pixels.max(1)[:, which], self._means[:, wish])
        # First by the range of a square's tags, then by the tags themselves; heat comes last.
        rows = np.flatnonzero(self._highest.reshape(-1)[squares] - away >= self._value[wish])
        tags = np.ascontiguousarray(pixels.swapaxes(1, 2))
        rows = rows[self._in_reach(wish[rows], squares[rows], tags, which[rows])]
        wish, square = wish[rows], square[rows]
        used, place = _distinct(which[rows], len(distinct))
        heat = np.ascontiguousarray(self._read(self._heatmaps, distinct[used]).T)
        values, at = np.empty(len(wish), np.float32), np.empty(len(wish), np.intp)
        for part in portions(len(wish)):
            reached = heat.take(place[part], 0)
            reached -= np.rint(self._away(tags, which[rows[part]], wish[part]))
            at[part], values[part] = _highest(reached)
        self._improve(wish, values, self._flat(square, at))

    def _in_reach(self, wish: Indices, squares: Indices, tags: Maps, which: Indices) -> Indices:
        """The rows of which the pixel of nearest tag might do."""
        least = np.empty(len(wish), np.float32)
        for part in portions(len(wish)):
            away = self._away(tags, which[part], wish[part])
            least[part] = away[np.arange(len(away)), away.argmin(1)]
        reach = self._highest.reshape(-1)[squares] - np.rint(least)
        return np.flatnonzero(reach >= self._value[wish])

    def _away(self, tags: Maps, which: Indices, wish: Indices) -> Maps:
        """(M, 64) distances of tags (T, squares, 64) from those of wishes."""
        away = tags.take(which, 1)
        away -= self._means[:, wish, None]
        return _norm(away)

    def _read(self, surface: Surface, squares: Indices) -> Maps:
        """(64, M) pixels of squares, which are flat indices into (K, R, C)."""
        joint, rows, columns = np.unravel_index(squares, self._highest.shape)
        ys, xs = rows * BLOCK, columns * BLOCK
        found = np.empty((BLOCK, BLOCK, len(squares)), np.float32)
        for p in portions(len(squares)):
            found[..., p] = surface.read(joint[p], ys[p], xs[p], (BLOCK, BLOCK))
        return found.reshape(BLOCK**2, -1)

    def _flat(self, square: Indices, at: Indices) -> Indices:
        """Flat pixels of the map, from squares and the pixels within them."""
        row, column = np.divmod(square, self._highest.shape[2])
        y, x = np.divmod(at, BLOCK)
        return (row * BLOCK + y) * self._heatmaps.shape[2] + column * BLOCK + x

    def _improve(self, wish: Indices, values: Maps, pixels: Indices) -> None:
        """Take into account values (M,) at pixels (M,), each for a wish; wishes ascend."""
        starts = np.flatnonzero(np.diff(wish, prepend=-1))
        if len(starts) == 0:
            return
        wishes, highest = wish[starts], np.maximum.reduceat(values, starts)
        self._pixel[wishes[highest > self._value[wishes]]] = _BEYOND
        self._value[wishes] = np.maximum(self._value[wishes], highest)
        pixels = np.where(values == self._value[wish], pixels, _BEYOND)
        self._pixel[wishes] = np.minimum(self._pixel[wishes], np.minimum.reduceat(pixels, starts))


def _distinct(values: Indices, size: int) -> tuple[Indices, Indices]:
    """The distinct ones of values below `size`, ascending, and for each value which it is."""
    seen = np.zeros(size, np.bool_)
    seen[values] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[values]


def _highest(values: Maps) -> tuple[Indices, Maps]:
    """For each row (M, n) where its maximum is first, and the maximum."""
    # For short rows argmax is several times as fast as max.
    at: Indices = values.argmax(1)
    return at, values[np.arange(len(values)), at]


def _apart(low: Maps, high: Maps, tags: Maps) -> Maps:
    """The least rounded distance of tags (T, ...) from any between low and high."""
    gaps = low - tags
    np.maximum(gaps, tags - high, out=gaps)
    away = _norm(np.maximum(gaps, 0, out=gaps))
    return np.rint(away, out=away)


def _norm(vectors: Maps) -> Maps:
    """The length along the first axis; in the memory of the vectors."""
    first = vectors[0]
    if len(vectors) == 1:
        return np.abs(first, out=first)
    vectors *= vectors
    for other in vectors[1:]:
        first += other
    return np.sqrt(first, out=first)
