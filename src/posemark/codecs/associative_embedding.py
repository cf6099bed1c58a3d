"""Heatmaps and tags -> people, as HigherHRNet does it, and back.

Method: Newell et al., "Associative Embedding" (arXiv 1611.05424), with the refinements of
HigherHRNet (arXiv 1908.10357). Written from a description of the official procedure; it is
vectorised, and computes only what is read, but chooses exactly as the official loops do.

Everything below is in *base* pixels, those of the network input at scale 1. Shapes: K joints,
T tags a joint (1, or 2 with flip test), P people, (H, W) the base size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.assignment import Indices, assign
from posemark.core.errors import UsageError
from posemark.core.frame import Floats, Truth
from posemark.core.grouping import Maps, Pass, ScaledInput
from posemark.core.skeleton import COCO_17, Skeleton

# Officially the costs of columns that stand for "nobody yet".
_NOBODY = 1e10

# Side of the squares, in base pixels, that the search for missing joints accepts or skips.
_BLOCK = 8
_MARGIN = np.float32(1e-4)


@dataclass(frozen=True)
class AssociativeEmbedding:
    """Peaks of all people, sorted into persons by a tag that is alike within each.

    max_people: peaks kept a joint, and groups that a peak may join.
    detection_threshold: value above which a peak counts. nms_kernel: side, odd, of the
        window in which it must be the highest.
    tag_threshold: tag distance below which a peak may join a group.
    use_detection_val: whether higher peaks choose first among rounded, equal distances.
    ignore_too_much: whether new groups end once there are max_people of them.
    adjust: whether peaks move by a quarter pixel towards the higher neighbour.
    refine: whether missing joints are filled with the best point of a like tag.
    joint_order: trunk and head first; they are found most reliably.
    sigma: of the encoded Gaussians, in cells of either resolution. tag_spacing: between the
        encoded tags of any two people.
    """

    max_people: int = 30
    detection_threshold: float = 0.1
    nms_kernel: int = 5
    tag_threshold: float = 1.0
    use_detection_val: bool = True
    ignore_too_much: bool = False
    adjust: bool = True
    refine: bool = True
    joint_order: tuple[int, ...] = (*range(7), 11, 12, *range(7, 11), *range(13, 17))
    sigma: float = 2.0
    tag_spacing: float = 10.0
    skeleton: Skeleton = COCO_17

    @property
    def name(self) -> str:
        """What --codec calls it."""
        return "ae"

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """People (P, K, 3) x, y, score in base pixels, and person scores (P,).

        passes: outputs "stride4" (1, 2 K, H/4, W/4), heatmaps and then tags, and "stride2"
        (1, K, H/2, W/2), heatmaps. A joint that is nowhere found is (0, 0, 0).

        Raises:
            UsageError: if no pass is at scale 1, which the tags come from.
        """
        people, scores = self.group(*self.aggregate(passes))
        return people[..., :3], scores

    # ------------------------------------------------------------------ scales and flips

    def aggregate(self, passes: Sequence[Pass]) -> tuple[Maps, Maps]:
        """The mean heatmaps (K, H, W), and the tags (T, K, H/2, W/2) of scale 1.

        Officially every map is enlarged before averaging, and so are the tags; means and
        bilinear enlargement commute, and tags are enlarged where they are read.
        """
        base = next((p for p in passes if p.input.scale == 1), None)
        if base is None:
            scales = ", ".join(f"{p.input.scale:g}" for p in passes) or "none"
            raise UsageError(f"associative embedding needs scale 1 among the scales, not {scales}")
        total, *others = (_enlarged(self._heatmaps(p), base.input.size_wh) for p in passes)
        for maps in others:
            total += maps
        if others:
            total /= len(passes)
        return total, self._tags(base)

    def _heatmaps(self, p: Pass) -> Maps:
        """(K, h, w) at stride 2: the mean of both resolutions and of the flipped pass."""
        joints = len(self.skeleton.keypoints)
        coarse, fine = p.outputs["stride4"][0, :joints], p.outputs["stride2"][0]
        if p.mirrored is not None:
            coarse = _mean(coarse, self._unflipped(p.mirrored["stride4"][0, :joints]))
            fine = _mean(fine, self._unflipped(p.mirrored["stride2"][0]))
        return _mean(_enlarged(coarse, fine.shape[:0:-1]), fine)

    def _tags(self, p: Pass) -> Maps:
        """(T, K, h, w) at stride 2."""
        joints = len(self.skeleton.keypoints)
        tags = [p.outputs["stride4"][0, joints:]]
        if p.mirrored is not None:
            tags.append(self._unflipped(p.mirrored["stride4"][0, joints:]))
        return _enlarged(np.stack(tags), p.outputs["stride2"].shape[:1:-1])

    def _unflipped(self, maps: Maps) -> Maps:
        """Maps (K, h, w) of a mirrored image as seen from the other, or the reverse."""
        return maps[list(self.skeleton.mirrored()), :, ::-1]

    # --------------------------------------------------------------------------- grouping

    def group(self, heatmaps: Maps, tags: Maps) -> tuple[Maps, Maps]:
        """People (P, K, 3 + T) x, y, score, tags, and their scores (P,).

        heatmaps (K, H, W); tags (T, K, h, w) of the same or a lower resolution. The score of
        a person is the mean over all joints, absent ones counted as 0, before filling them.
        """
        field = _Field(heatmaps, tags)
        people = self._matched(self._peaks(field))
        if self.adjust:
            who, joint = np.nonzero(people[..., 2] > 0)
            xs, ys = people[who, joint, :2].astype(np.intp).T
            people[who, joint, :2] = field.nudged_xy(joint, ys, xs)
        scores = people[..., 2].mean(1)
        if self.refine:
            _fill_missing(people, field)
        return people, scores

    def _peaks(self, field: "_Field") -> list[Floats]:
        """A (N, 3 + T) array of x, y, value, tags a joint, highest first, in float64."""
        joint, ys, xs = _local_maxima(field.heatmaps, self.detection_threshold, self.nms_kernel)
        values = field.heatmaps[joint, ys, xs]
        order = np.argsort(-values, kind="stable")
        joint, ys, xs, values = joint[order], ys[order], xs[order], values[order]
        peaks: list[Floats] = []
        for k in range(len(field.heatmaps)):
            chosen = np.flatnonzero(joint == k)[: self.max_people]
            x, y = xs[chosen], ys[chosen]
            found = np.column_stack([x, y, values[chosen], field.tags_at(k, y, x).T])
            peaks.append(found.astype(np.float64))
        return peaks

    def _matched(self, peaks: list[Floats]) -> Maps:
        """(P, K, 3 + T): each joint's peaks join the groups that earlier joints opened."""
        groups = _Groups(len(peaks), peaks[0].shape[1])
        for joint in self.joint_order:
            rows = peaks[joint]
            keys = list(groups.people)[: self.max_people]
            full = self.ignore_too_much and len(keys) == self.max_people
            if len(rows) == 0 or full:
                continue
            columns, distances = self._choose(rows, groups.mean_tags(keys))
            # Columns beyond the groups, "nobody yet", are infinitely far.
            near: list[bool] = (distances < self.tag_threshold).tolist()
            chosen: list[int] = columns.tolist()
            for row, column, joins in zip(rows, chosen, near, strict=True):
                if joins:
                    groups.join(keys[column], joint, row)
                else:
                    groups.open(joint, row)
        return groups.stacked()

    def _choose(self, rows: Floats, means: Floats) -> tuple[Indices, Floats]:
        """For every peak a column, and its tag distance: infinite where that is nobody yet."""
        distances = np.linalg.norm(rows[:, None, 3:] - means, axis=2)
        cost = np.full((len(rows), max(len(rows), len(means))), _NOBODY)
        cost[:, : len(means)] = distances
        if self.use_detection_val:
            cost[:, : len(means)] = np.round(distances) * 100 - rows[:, 2:3]
        columns = assign(cost)
        cost[:] = np.inf
        cost[:, : len(means)] = distances
        return columns, cost[np.arange(len(rows)), columns]

    # ---------------------------------------------------------------------------- encoding

    def encode(self, truth: Truth, scaled: ScaledInput, mirrored: bool) -> dict[str, Maps]:
        """The outputs of a perfect network for this input (mirrored: of its mirror image).

        A Gaussian at every labelled joint (v > 0) of every person who is no crowd, the
        highest where they overlap; around each joint the tag of its person, zero elsewhere.
        A person's tag is the same everywhere, to the last bit: groups are keyed by it.
        """
        people = truth.keypoints_xyv[~truth.is_crowd].astype(np.float64)
        points = people[..., :2] @ scaled.affine[:, :2].T + scaled.affine[:, 2]
        labelled = people[..., 2] > 0
        coarse, tags = self._painted(points, labelled, scaled.size_wh, 4)
        fine, _ = self._painted(points, labelled, scaled.size_wh, 2)
        if mirrored:
            coarse, tags, fine = (self._unflipped(maps) for maps in (coarse, tags, fine))
        return {"stride4": np.concatenate([coarse, tags])[None], "stride2": fine[None]}

    def _painted(
        self, points_xy: Floats, labelled: NDArray[np.bool_], size_wh: tuple[int, int], stride: int
    ) -> tuple[Maps, Maps]:
        """Heatmaps and tags (K, h, w) on the grid of this stride.

        decode takes pixel i of the base for the point i + 0.5, so cell j of the grid is the
        point (j + 0.5) * stride.
        """
        shape = (len(self.skeleton.keypoints), size_wh[1] // stride, size_wh[0] // stride)
        heatmaps, tags = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for person, joint in np.argwhere(labelled):
            centre = points_xy[person, joint] / stride - 0.5
            window, values = self._gaussian(centre, shape)
            # The nearer person has the higher Gaussian.
            nearer = values > heatmaps[joint][window]
            heatmaps[joint][window][nearer] = values[nearer]
            tags[joint][window][nearer] = (person + 1) * self.tag_spacing
        return heatmaps, tags

    def _gaussian(
        self, centre_xy: Floats, shape: tuple[int, int, int]
    ) -> tuple[tuple[slice, slice], Maps]:
        """Where the values lie in a map, and the values; cut off as in official training."""
        reach = 3 * self.sigma + 1
        windows: list[slice] = []
        values: list[Floats] = []
        for centre, cells in ((centre_xy[1], shape[1]), (centre_xy[0], shape[2])):
            # Bounded on both sides: a joint far outside gives an empty window.
            low, high = np.clip(np.floor([centre - reach, centre + reach + 1]), 0, cells)
            window = slice(int(low), int(high))
            offsets = np.arange(window.start, window.stop) - centre
            windows.append(window)
            values.append(np.exp(-(offsets**2) / (2 * self.sigma**2)))
        return (windows[0], windows[1]), np.outer(*values).astype(np.float32)


class _Groups:
    """People under construction, in the order in which they were opened.

    The key is the first tag of the first joint, as officially: an equal one is the same
    person, but starts its tags anew.
    """

    def __init__(self, joints: int, columns: int) -> None:
        self.people: dict[float, Maps] = {}
        self._shape = (joints, columns)
        self._tags: dict[float, list[Maps]] = {}
        self._means: dict[float, Maps] = {}

    def open(self, joint: int, row: Floats) -> None:
        key = float(row[3])
        self._tags[key] = []
        self.people.setdefault(key, np.zeros(self._shape, np.float32))
        self.join(key, joint, row)

    def join(self, key: float, joint: int, row: Floats) -> None:
        self.people[key][joint] = row
        self._tags[key].append(row[3:].astype(np.float32))
        self._means[key] = np.mean(self._tags[key], axis=0)

    def mean_tags(self, keys: Sequence[float]) -> Maps:
        """(len(keys), T)."""
        tags = self._shape[1] - 3
        return np.array([self._means[key] for key in keys], np.float32).reshape(-1, tags)

    def stacked(self) -> Maps:
        """(P, K, 3 + T)."""
        return np.array(list(self.people.values()), np.float32).reshape(-1, *self._shape)


# ----------------------------------------------------------------------- maps, read sparsely


class _Field:
    """Heatmaps (K, H, W) with tags (T, K, h, w) that are interpolated where they are read."""

    def __init__(self, heatmaps: Maps, tags: Maps) -> None:
        self.heatmaps, self.tags = heatmaps, tags
        self.size_wh = heatmaps.shape[:0:-1]

    def tags_at(self, joint: int, ys: Indices, xs: Indices) -> Maps:
        """(T, ...) tags of one joint at base pixels."""
        maps = self.tags[:, joint]
        top, bottom, down = _taps_at(maps.shape[1], self.size_wh[1], ys)
        left, right, across = _taps_at(maps.shape[2], self.size_wh[0], xs)
        upper = _mixed(maps[:, top, left], maps[:, top, right], across)
        lower = _mixed(maps[:, bottom, left], maps[:, bottom, right], across)
        return _mixed(upper, lower, down)

    def nudged_xy(self, joint: Indices, ys: Indices, xs: Indices) -> Maps:
        """(N, 2) pixel centres + 0.5, moved a quarter towards the higher neighbour.

        Where both are equal it moves left or up, as officially.
        """
        maps = self.heatmaps
        last_y, last_x = maps.shape[1] - 1, maps.shape[2] - 1
        right = maps[joint, ys, np.minimum(xs + 1, last_x)]
        left = maps[joint, ys, np.maximum(xs - 1, 0)]
        below = maps[joint, np.minimum(ys + 1, last_y), xs]
        above = maps[joint, np.maximum(ys - 1, 0), xs]
        up = np.stack([right > left, below > above], 1)
        return (np.stack([xs, ys], 1) + np.where(up, 0.75, 0.25)).astype(np.float32)


def _fill_missing(people: Maps, field: _Field) -> None:
    """Give joints that a person lacks the point of highest heatmap - round(tag distance)."""
    present = people[..., 2] > 0
    means = [person[found, 3:].mean(0) for person, found in zip(people, present, strict=True)]
    for joint in range(people.shape[1]):
        lacking: list[int] = np.flatnonzero(~present[:, joint]).tolist()
        if not lacking or not (field.heatmaps[joint] > 0).any():
            continue
        search = _Search(field, joint)
        ys, xs = np.divmod(np.array([search.best(means[who]) for who in lacking]), field.size_wh[0])
        joints = np.full(len(lacking), joint)
        values = field.heatmaps[joints, ys, xs]
        points = np.column_stack([field.nudged_xy(joints, ys, xs), values])
        people[lacking, joint, :3] = np.where(values[:, None] > 0, points, 0)


class _Search:
    """The maximum of heatmap - round(|tag - mean|) over the map of one joint, by blocks.

    Bilinear values lie between the cells they are made of, so the range of a block's cells
    bounds what any of its pixels can reach; all but a few blocks are never computed.
    """

    def __init__(self, field: _Field, joint: int) -> None:
        self._field, self._joint = field, joint
        tags = field.tags[:, joint]
        self._highest = _pooled(field.heatmaps[joint], field.size_wh, np.maximum)
        # The margin makes up for rounding within the interpolation.
        self._tags_from = _pooled(tags, field.size_wh, np.minimum) - _MARGIN
        self._tags_to = _pooled(tags, field.size_wh, np.maximum) + _MARGIN

    def best(self, mean: Maps) -> int:
        """The flat pixel for a mean tag (T,); the first in reading order on ties."""
        tags = mean[:, None, None]
        gaps = np.maximum(self._tags_from - tags, tags - self._tags_to)
        bounds = (self._highest - np.round(_norm(np.maximum(gaps, 0)))).ravel()
        highest, pixel = self._within(mean, np.array([bounds.argmax()]))
        blocks = np.flatnonzero(bounds >= highest)
        blocks = blocks[np.argsort(-bounds[blocks])]
        start = 0
        while start < len(blocks) and bounds[blocks[start]] >= highest:
            # Ever larger portions: the first ones raise the bar for all that follow.
            portion = blocks[start : 2 * start + 8]
            value, at = self._within(mean, portion)
            if value >= highest:
                pixel = min(at, pixel) if value == highest else at
                highest = value
            start += len(portion)
        return pixel

    def _within(self, mean: Maps, blocks: Indices) -> tuple[float, int]:
        """The highest value in these blocks, and the first flat pixel that has it."""
        width, height = self._field.size_wh
        rows, columns = np.divmod(blocks, self._highest.shape[1])
        steps = np.arange(_BLOCK)
        ys = np.minimum(rows[:, None] * _BLOCK + steps, height - 1)[:, :, None]
        xs = np.minimum(columns[:, None] * _BLOCK + steps, width - 1)[:, None, :]
        away = _norm(self._field.tags_at(self._joint, ys, xs) - mean[:, None, None, None])
        values = self._field.heatmaps[self._joint][ys, xs] - np.round(away)
        highest = float(values.max())
        return highest, int((ys * width + xs)[values == highest].min())


def _norm(vectors: Maps) -> Maps:
    """Length along the first axis."""
    return np.sqrt((vectors**2).sum(0)) if len(vectors) > 1 else np.abs(vectors[0])


def _local_maxima(
    heatmaps: Maps, threshold: float, kernel: int
) -> tuple[Indices, Indices, Indices]:
    """(joint, y, x) of values above the threshold that no other in their window exceeds.

    Equals comparing with a max-pooled map, but only the few pixels above the threshold are
    looked at, and ever fewer of them.
    """
    width, height = heatmaps.shape[:0:-1]
    joint, ys, xs = np.unravel_index(np.flatnonzero(heatmaps > threshold), heatmaps.shape)
    values = heatmaps[joint, ys, xs]
    reach = kernel // 2
    steps = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    # Neighbours first: they rule out most.
    for dy, dx in sorted(steps, key=lambda step: abs(step[0]) + abs(step[1]))[1:]:
        # At the border this compares with another value of the same window.
        near_y, near_x = np.clip(ys + dy, 0, height - 1), np.clip(xs + dx, 0, width - 1)
        stays = values >= heatmaps[joint, near_y, near_x]
        joint, ys, xs, values = joint[stays], ys[stays], xs[stays], values[stays]
    return joint, ys, xs


def _mean(first: Maps, second: Maps) -> Maps:
    total = first + second
    total *= np.float32(0.5)
    return total


def _enlarged(maps: Maps, size_wh: tuple[int, ...]) -> Maps:
    """Maps (..., h, w) resampled bilinearly to size_wh, the corners of both grids aligned.

    (Corners, not corner centres: torch calls it align_corners=False.) Always a new array.
    """
    flat = maps.reshape(-1, *maps.shape[-2:])
    found = np.empty((len(flat), size_wh[1], size_wh[0]), np.float32)
    # One map after the other: each stays in the processor's cache.
    for source, target in zip(flat, found, strict=True):
        target[:] = _stretched(_stretched(source, size_wh[0], 1), size_wh[1], 0)
    return found.reshape(*maps.shape[:-2], size_wh[1], size_wh[0])


def _stretched(grid: Maps, size: int, axis: int) -> Maps:
    low, high, share = _taps(grid.shape[axis], size)
    return _mixed(grid.take(low, axis), grid.take(high, axis), share if axis else share[:, None])


def _mixed(low: Maps, high: Maps, share: Maps) -> Maps:
    """Low + share * (high - low), in the memory of high."""
    high -= low
    high *= share
    high += low
    return high


@cache
def _taps(cells: int, size: int) -> tuple[Indices, Indices, Maps]:
    """For every one of `size` pixels: the cells before and after it, the share of the latter."""
    at = np.maximum((np.arange(size) + 0.5) * (cells / size) - 0.5, 0)
    low = at.astype(np.intp)
    return low, np.minimum(low + 1, cells - 1), (at - low).astype(np.float32)


def _taps_at(cells: int, size: int, index: Indices) -> tuple[Indices, Indices, Maps]:
    low, high, share = _taps(cells, size)
    return low[index], high[index], share[index]


def _pooled(maps: Maps, size_wh: tuple[int, ...], pick: Callable[..., Maps]) -> Maps:
    """(..., H / block, W / block): the extreme of the cells that a block's pixels are made of.

    pick: np.maximum or np.minimum. maps (..., h, w) of any resolution up to size_wh.
    """
    for axis, size in ((-2, size_wh[1]), (-1, size_wh[0])):
        low, high, _ = _taps(maps.shape[axis], size)
        first = low[::_BLOCK]
        last = high[np.minimum(np.arange(0, size, _BLOCK) + _BLOCK, size) - 1]
        pooled = maps.take(first, axis)
        for step in range(1, int((last - first).max()) + 1):
            pick(pooled, maps.take(np.minimum(first + step, last), axis), out=pooled)
        maps = pooled
    return maps
