"""Searches heatmaps with tags: for peaks, and for the best pixels with a similar tag.

Maps are enlarged only where they are read. Both searches compute upper bounds for squares of 8x8
pixels from the cells from which these are interpolated, and read only squares that matter.
Shapes: K joints, T tags per joint, base size (H, W).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.lazy_maps import BLOCK, Enlarged, Indices, Spans, Stored, Surface, portions
from posemark.codecs.tag_search import MARGIN, TagSearch
from posemark.core.whole_image import Maps


class Pixels(NamedTuple):
    """N pixels of the heatmaps.

    Attributes:
        joint: (N,) index of the map.
        y: (N,) row.
        x: (N,) column.
        value: (N,) value of the heatmap.
    """

    joint: Indices
    y: Indices
    x: Indices
    value: Maps

    def at(self, rows: Indices) -> "Pixels":
        """Return a selection of the pixels."""
        return Pixels(self.joint[rows], self.y[rows], self.x[rows], self.value[rows])


class Field:
    """Heatmaps and tags of all joints, which may be searched.

    Attributes:
        heatmaps: surface (K, H, W).
        joints: K.
        size_wh: width and height in base pixels.
        has_heat: (K,) whether a heatmap has any positive pixel.
    """

    def __init__(self, heatmaps: Maps | Surface, tags: Maps | tuple[Surface, ...]) -> None:
        """Prepare the searches.

        Args:
            heatmaps: (K, H, W), an array or a surface.
            tags: (T, K, h, w), an array or T surfaces (K, h, w). Tags of a lower resolution are
                enlarged to that of the heatmaps.
        """
        self.heatmaps = Stored(heatmaps) if isinstance(heatmaps, np.ndarray) else heatmaps
        self.joints, height, width = self.heatmaps.shape
        self.size_wh = width, height
        kinds = tuple(map(Stored, tags)) if isinstance(tags, np.ndarray) else tags
        self._tags = tuple(Enlarged(each, self.size_wh) for each in kinds)
        self._squares = Spans.blocks(height, BLOCK), Spans.blocks(width, BLOCK)
        highest = self.heatmaps.extremes(*self._squares, np.maximum)
        self.has_heat: NDArray[np.bool_] = np.array((highest > 0).any((1, 2)), np.bool_)
        # If all cells are zero, the pixels are exactly zero. Perfect maps are mostly 0.
        self._highest = np.where(highest == 0, 0, highest + MARGIN)

    # ---------------------------------------------------------------------------- some pixels

    def tags_at(self, joint: Indices | int, ys: Indices, xs: Indices) -> Maps:
        """Read the tags (T, ...) at base pixels."""
        joints = np.broadcast_to(joint, ys.shape).ravel()
        found = [tags.read(joints, ys.ravel(), xs.ravel(), (1, 1)) for tags in self._tags]
        return np.stack(found).reshape(len(found), *ys.shape)

    def nudged_xy(self, joint: Indices, ys: Indices, xs: Indices) -> Maps:
        """Compute x, y (N, 2) of pixels + 0.5, moved by 0.25 towards the higher neighbour.

        If both neighbours are equal, the point moves left or up as in the official code.
        """
        around = self.heatmaps.read(joint, ys - 1, xs - 1, (3, 3))
        up = np.stack([around[1, 2] > around[1, 0], around[2, 1] > around[0, 1]], 1)
        return (np.stack([xs, ys], 1) + np.where(up, 0.75, 0.25)).astype(np.float32)

    # ------------------------------------------------------------------------- two searches

    def best_match(self, joint: Indices, means: Maps) -> Pixels:
        """Find the pixel of highest heatmap - round(|tag - mean|) for every query.

        Args:
            joint: (N,) joints of the queries, ascending.
            means: (N, T) mean tags of the queries.

        Returns:
            N pixels; among equals, the first in reading order. Their values are those of the
            heatmap alone.
        """
        search = TagSearch(self.heatmaps, self._highest, self._tags, joint, means)
        y, x = np.divmod(search.pixels(), self.size_wh[0])
        return Pixels(joint, y, x, self.heatmaps.read(joint, y, x, (1, 1))[0, 0])

    def local_maxima(self, threshold: float, kernel: int) -> Pixels:
        """Find the local maxima of all heatmaps.

        Args:
            threshold: value that a maximum must exceed.
            kernel: side in pixels, odd and at least 3, of the window around a maximum in which no
                pixel may be higher.

        Returns:
            The maxima by joint; within a joint the highest first, equals in reading order.
        """
        squares = np.flatnonzero(self._highest > threshold)
        near = [self._maxima(squares[part], threshold) for part in portions(len(squares))]
        joint = np.concatenate([each.joint for each in near])
        y, x = (np.concatenate([getattr(each, i) for each in near]) for i in "yx")
        value = np.concatenate([each.value for each in near])
        # The comparison with eight neighbours has left few pixels whose windows must be read.
        window = self.heatmaps.read(joint, y - kernel // 2, x - kernel // 2, (kernel, kernel))
        kept = np.flatnonzero(value == window.max((0, 1)))
        order = np.lexsort((x[kept], y[kept], -value[kept], joint[kept]))
        return Pixels(joint, y, x, value).at(kept[order])

    def _maxima(self, squares: Indices, threshold: float) -> Pixels:
        """Find the pixels above the threshold that none of their eight neighbours exceeds."""
        joint, rows, columns = np.unravel_index(squares, self._highest.shape)
        ys, xs = rows * BLOCK, columns * BLOCK
        values = self.heatmaps.read(joint, ys - 1, xs - 1, (BLOCK + 2, BLOCK + 2))
        inner = values[1:-1, 1:-1]
        high = (inner == _highest_of_3x3(values)) & (inner > threshold)
        y, x, square = np.unravel_index(np.flatnonzero(high), high.shape)
        found = Pixels(joint[square], ys[square] + y, xs[square] + x, inner[y, x, square])
        return found.at(np.flatnonzero((found.y < self.size_wh[1]) & (found.x < self.size_wh[0])))


def _highest_of_3x3(values: Maps) -> Maps:
    """Compute the maxima (h - 2, w - 2, N) over 3x3 values of (h, w, N)."""
    rows = np.maximum(np.maximum(values[:-2], values[1:-1]), values[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
