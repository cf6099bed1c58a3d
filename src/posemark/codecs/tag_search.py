"""Finds the pixel with the highest heatmap value among pixels with a similar tag.

The search maximises heatmap - round(|tag - mean tag|). Upper bounds for all pixels of a square
follow first from the cells from which they are interpolated, then from their tags. The heatmap of
a square is read only if neither bound excludes the square. Shapes: K joints, T tags per joint,
S squares of 64 pixels per map, N queries, each a joint and a mean tag.
"""

from collections.abc import Sequence

import numpy as np

from posemark.codecs.lazy_maps import BLOCK, Indices, Spans, Surface, portions
from posemark.core.whole_image import Maps

MARGIN = np.float32(1e-4)
"""Added to bounds to allow for the rounding of interpolated values up to some hundreds."""

_BEYOND = np.iinfo(np.intp).max


class TagSearch:
    """Searches the best pixel for every query, in more and more squares."""

    def __init__(
        self,
        heatmaps: Surface,
        highest: Maps,
        tags: Sequence[Surface],
        joint: Indices,
        means: Maps,
    ) -> None:
        """Prepare the search.

        Args:
            heatmaps: surface (K, H, W).
            highest: (K, R, C) upper bounds of the heatmaps in every square.
            tags: T surfaces (K, H, W).
            joint: (N,) joints of the queries, ascending.
            means: (N, T) mean tags of the queries.
        """
        self._heatmaps, self._highest, self._tags = heatmaps, highest, tags
        self._joint, self._means = joint, np.ascontiguousarray(means.T)
        self._value = np.full(len(joint), -np.inf, np.float32)
        self._pixel = np.full(len(joint), _BEYOND)

    def pixels(self) -> Indices:
        """Find the flat index (N,) of the best pixel; among equals, the first in reading order.

        Squares with high bounds often contain no high values, so every step raises the value that
        the squares of the next step must reach. The steps are the square with the highest bound,
        the highest in each row of squares, and all others.
        """
        _, rows, columns = self._highest.shape
        bounds = self._bounds()
        best, of_row = _highest(bounds.reshape(-1, columns))
        of_row = of_row.reshape(-1, rows)
        best += np.arange(len(best)) % rows * columns
        square = best.reshape(-1, rows)
        query, row = np.arange(len(square)), of_row.argmax(1)
        self._search(query, square[query, row])
        query, row = np.nonzero(of_row >= self._value[:, None])
        self._search(query, square[query, row])
        bounds[query, square[query, row]] = -np.inf
        # This is several times as fast as nonzero in two dimensions.
        others = np.flatnonzero(bounds >= self._value[:, None])
        self._search(*np.divmod(others, bounds.shape[1]))
        return self._pixel

    def _bounds(self) -> Maps:
        """Compute upper bounds (N, S) of the pixels in every square."""
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

    def _search(self, query: Indices, square: Indices) -> None:
        """Search squares (M,), each for one query; the queries are ascending."""
        squares = self._joint[query] * self._highest[0].size + square
        distinct, which = _distinct(squares, self._highest.size)
        pixels = np.stack([self._read(each, distinct) for each in self._tags])
        away = _apart(pixels.min(1)[:, which], pixels.max(1)[:, which], self._means[:, query])
        # Exclude squares by the range of their tags, then by the tags; read heatmaps last.
        rows = np.flatnonzero(self._highest.reshape(-1)[squares] - away >= self._value[query])
        tags = np.ascontiguousarray(pixels.swapaxes(1, 2))
        rows = rows[self._in_reach(query[rows], squares[rows], tags, which[rows])]
        query, square = query[rows], square[rows]
        used, place = _distinct(which[rows], len(distinct))
        heat = np.ascontiguousarray(self._read(self._heatmaps, distinct[used]).T)
        values, at = np.empty(len(query), np.float32), np.empty(len(query), np.intp)
        for part in portions(len(query)):
            reached = heat.take(place[part], 0)
            reached -= np.rint(self._away(tags, which[rows[part]], query[part]))
            at[part], values[part] = _highest(reached)
        self._improve(query, values, self._flat(square, at))

    def _in_reach(self, query: Indices, squares: Indices, tags: Maps, which: Indices) -> Indices:
        """Return the rows in which the pixel with the nearest tag may be good enough."""
        least = np.empty(len(query), np.float32)
        for part in portions(len(query)):
            away = self._away(tags, which[part], query[part])
            least[part] = away[np.arange(len(away)), away.argmin(1)]
        reach = self._highest.reshape(-1)[squares] - np.rint(least)
        return np.flatnonzero(reach >= self._value[query])

    def _away(self, tags: Maps, which: Indices, query: Indices) -> Maps:
        """Compute the distances (M, 64) of tags (T, squares, 64) from those of queries."""
        away = tags.take(which, 1)
        away -= self._means[:, query, None]
        return _norm(away)

    def _read(self, surface: Surface, squares: Indices) -> Maps:
        """Read the pixels (64, M) of squares, given as flat indices into (K, R, C)."""
        joint, rows, columns = np.unravel_index(squares, self._highest.shape)
        ys, xs = rows * BLOCK, columns * BLOCK
        found = np.empty((BLOCK, BLOCK, len(squares)), np.float32)
        for p in portions(len(squares)):
            found[..., p] = surface.read(joint[p], ys[p], xs[p], (BLOCK, BLOCK))
        return found.reshape(BLOCK**2, -1)

    def _flat(self, square: Indices, at: Indices) -> Indices:
        """Convert squares and pixels within them to flat pixels of the map."""
        row, column = np.divmod(square, self._highest.shape[2])
        y, x = np.divmod(at, BLOCK)
        return (row * BLOCK + y) * self._heatmaps.shape[2] + column * BLOCK + x

    def _improve(self, query: Indices, values: Maps, pixels: Indices) -> None:
        """Compare values (M,) at pixels (M,) with the best ones; the queries are ascending."""
        starts = np.flatnonzero(np.diff(np.concatenate([[-1], query])))
        if len(starts) == 0:
            return
        queries, highest = query[starts], np.maximum.reduceat(values, starts)
        self._pixel[queries[highest > self._value[queries]]] = _BEYOND
        self._value[queries] = np.maximum(self._value[queries], highest)
        pixels = np.where(values == self._value[query], pixels, _BEYOND)
        self._pixel[queries] = np.minimum(self._pixel[queries], np.minimum.reduceat(pixels, starts))


def _distinct(values: Indices, size: int) -> tuple[Indices, Indices]:
    """Return the distinct values below `size`, ascending, and the index of each value in them."""
    seen = np.zeros(size, np.bool_)
    seen[values] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[values]


def _highest(values: Maps) -> tuple[Indices, Maps]:
    """Return the first index of the maximum of every row (M, n), and the maximum."""
    # For short rows argmax is several times as fast as max.
    at: Indices = values.argmax(1)
    return at, values[np.arange(len(values)), at]


def _apart(low: Maps, high: Maps, tags: Maps) -> Maps:
    """Compute the smallest rounded distance of tags (T, ...) from the range low to high."""
    gaps = low - tags
    np.maximum(gaps, tags - high, out=gaps)
    away = _norm(np.maximum(gaps, 0, out=gaps))
    return np.rint(away, out=away)


def _norm(vectors: Maps) -> Maps:
    """Compute the length along the first axis, and overwrite the vectors."""
    first = vectors[0]
    if len(vectors) == 1:
        return np.abs(first, out=first)
    vectors *= vectors
    for other in vectors[1:]:
        first += other
    return np.sqrt(first, out=first)
