"""A centre heatmap and an offset to every joint, as in DEKR (arXiv 2104.02300).

Names: *cells* are coordinates in the maps of one scale, (x, y), (0, 0) the centre of the first
cell; *base* pixels are those of the network input at scale 1. A cell c of scale s lies at base
pixel c * stride / s, without a half-pixel term.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.heatmap import Heatmap
from posemark.core.codec import OneWay, Output
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.core.whole_image import Maps, Pass, ScaledInput


@dataclass(frozen=True, slots=True)
class Proposals:
    """People seen at one scale: joints_xy (P, K, 2) base pixels, centre scores (P,)."""

    joints_xy: Maps
    scores: Maps


@dataclass(frozen=True)
class CentreOffset(OneWay):
    """Every peak of the centre map is a person; the offsets there lead to its joints.

    Outputs: "heatmaps" (1, K + 1, h, w), the centre last, and "offsets" (1, 2K, h, w), pairs
    (x, y) in cells; the joint of cell p is p - offset. Defaults are those of the official
    test configuration (HRNet/DEKR); its second matching of joints to heatmap peaks
    (MATCH_HMP, off by default) is left out.

    nms_thresholds: for one scale and for several: a joint is near another if closer than
        this share of the diagonal of the pose's joints.
    nms_joints: two poses are one person if more joints than this are near.
    centre_threshold: peaks of the centre map must exceed it.
    decrease: factor on centre scores of the other scales than 1.
    max_people: peaks taken a scale, and people returned.
    pool_sizes: map sizes (mean of h and w) above which a peak is the highest of 5x5, of 7x7
        cells instead of 3x3.
    joint_sigma, centre_sigma, radius: of encoded Gaussians, and how far from a centre the
        offsets reach, in cells (as in training).
    mirror_shift: columns by which the mirrored *image* moves left before it enters the
        network, its last columns repeated: then cells mirror onto cells, W/4 - 1 - x.
    """

    nms_thresholds: tuple[float, float] = (0.05, 0.15)
    nms_joints: int = 8
    centre_threshold: float = 0.01
    decrease: float = 0.9
    max_people: int = 30
    pool_sizes: tuple[int, int] = (200, 300)
    stride: int = 4
    joint_sigma: float = 2.0
    centre_sigma: float = 4.0
    radius: int = 4
    mirror_shift: int = 3
    skeleton: Skeleton = COCO_17

    @property
    def name(self) -> str:
        """What the record calls it."""
        return "centre-offset"

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Heatmaps with the centre's last, and the offsets to every keypoint."""
        count, name = len(skeleton.keypoints), skeleton.name
        return (
            Output("heatmaps", count + 1, self.stride, f"{name} and the centre", count + 1),
            Output("offsets", 2 * count, self.stride, f"offsets to {name}", 0),
        )

    def encode(self, truth: Truth, scaled: ScaledInput, mirrored: bool) -> dict[str, Maps]:
        """The outputs of a perfect network: peaks of height 1 at true, unrounded positions.

        A person's centre is the mean of its labelled joints; crowds, and people without
        any, are left out. In a square of `radius` cells around each centre, the offsets lead
        to the joints of the nearest centre's person; to a joint that is not labelled they are
        0, so that it falls on the peak itself. They are 0 elsewhere.
        """
        labelled = truth.keypoints_xyv[..., 2] > 0
        people = labelled.any(1) & ~truth.is_crowd
        labelled = labelled[people]
        joints = _moved(truth.keypoints_xyv[people, :, :2], scaled.affine) / self.stride
        centres = (joints * labelled[..., None]).sum(1) / labelled.sum(1)[:, None]
        size = scaled.size_wh[0] // self.stride, scaled.size_wh[1] // self.stride
        heatmaps = np.concatenate(
            [
                _highest(Heatmap(sigma=self.joint_sigma), joints, labelled, size),
                _highest(Heatmap(sigma=self.centre_sigma), centres[:, None], people[people], size),
            ]
        )
        offsets = _offsets(joints, labelled, centres, size, self.radius)
        if mirrored:
            heatmaps, offsets = self._mirror(heatmaps, offsets)
        return {"heatmaps": heatmaps[None], "offsets": offsets.reshape(1, -1, *size[::-1])}

    def _mirror(self, heatmaps: Maps, offsets: Maps) -> tuple[Maps, Maps]:
        """Maps (K + 1, h, w) and (K, 2, h, w) of the mirrored and moved image."""
        order = list(self.skeleton.mirrored())
        flipped = offsets[order, :, :, ::-1] * np.array([-1, 1], np.float32)[:, None, None]
        return heatmaps[[*order, len(order)], :, ::-1], flipped

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """People (P, K, 3) x, y, score in base pixels, and person scores (P,).

        A joint's score is its centre's times the mean heatmap at the joint; a person's is
        the mean of its joints'.
        """
        found = self.comparable([self.proposals(p) for p in passes], passes)
        joints = np.concatenate([p.joints_xy for p in found])
        heats = self.heats(passes, joints)
        scores = np.concatenate([p.scores for p in found])[:, None] * heats
        people = np.concatenate([joints, scores[..., None]], axis=2)
        kept = self.suppress(joints, heats.mean(1), self.nms_thresholds[len(passes) > 1])
        return people[kept], people[kept, :, 2].mean(1)

    def proposals(self, seen: Pass) -> Proposals:
        """People at the peaks of one scale's centre map, best first."""
        centre = seen.outputs["heatmaps"][0, -1]
        if seen.mirrored is not None:
            centre = (centre + seen.mirrored["heatmaps"][0, -1, :, ::-1]) / 2
        peaks = self.peaks(centre)
        joints = self.joints(seen, peaks) * np.float32(self._zoom(seen))
        return Proposals(joints, centre.ravel()[peaks])

    def joints(self, seen: Pass, peaks: NDArray[np.intp]) -> Maps:
        """(P, K, 2) cells that the offsets at these flat indices (P,) lead to."""
        joints = _regressed(seen.outputs["offsets"], peaks)
        if seen.mirrored is None:
            return joints
        last = seen.outputs["offsets"].shape[3] - 1
        # The same cell as the mirrored image shows it.
        other = _regressed(seen.mirrored["offsets"], peaks + last - 2 * (peaks % (last + 1)))
        other = other[:, list(self.skeleton.mirrored())]
        other[..., 0] = last - other[..., 0]
        return (joints + other) / np.float32(2)

    def peaks(self, centre: Maps) -> NDArray[np.intp]:
        """Flat indices of the highest peaks of a centre map (h, w), best first."""
        size = sum(centre.shape) / 2
        reach = 1 + sum(size > limit for limit in self.pool_sizes)
        highest = _window_maximum(_window_maximum(centre, reach).T, reach).T
        found = np.flatnonzero((centre == highest) & (centre > self.centre_threshold))
        order = np.argsort(-centre.ravel()[found], kind="stable")
        return found[order[: self.max_people]]

    def comparable(self, found: Sequence[Proposals], passes: Sequence[Pass]) -> list[Proposals]:
        """Centre scores of the other scales, brought to the height of scale 1's, times 0.9."""
        heights = [p.scores.max() if len(p.scores) else np.float32(1) for p in found]
        own = next((h for h, p in zip(heights, passes, strict=True) if p.input.scale == 1), 1)
        return [
            p
            if seen.input.scale == 1
            else Proposals(p.joints_xy, p.scores / height * own * np.float32(self.decrease))
            for p, height, seen in zip(found, heights, passes, strict=True)
        ]

    def heats(self, passes: Sequence[Pass], points_xy: Floats) -> Maps:
        """The heatmaps (P, K) at base pixels (P, K, 2), averaged over scales and mirroring.

        Officially all maps are enlarged to base size and read at the whole pixel below the
        point. Enlarging is linear (whole cells fall on whole pixels; the last rows and
        columns repeat), so reading between cells gives the same at a few points.
        """
        order = list(self.skeleton.mirrored())
        pixels = np.maximum(np.floor(points_xy), 0)
        total = np.zeros(points_xy.shape[:2], np.float32)
        for seen in passes:
            maps = seen.outputs["heatmaps"][0]
            last = np.array([maps.shape[2] - 1, maps.shape[1] - 1], np.float32)
            cells = np.minimum(pixels / np.float32(self._zoom(seen)), last)
            heat = _between(maps[:-1], cells)
            if seen.mirrored is not None:
                cells[..., 0] = last[0] - cells[..., 0]
                heat = (heat + _between(seen.mirrored["heatmaps"][0, order], cells)) / 2
            total += heat
        return total / np.float32(len(passes))

    def suppress(self, joints_xy: Floats, heats: Floats, threshold: float) -> NDArray[np.intp]:
        """Indices of the poses (P, K, 2) that remain, by mean joint heats (P,).

        Poses are visited in order. Of all that are like the visited one the hottest is kept
        and the others are dropped, unless the hottest was dropped before. The relation is
        not symmetric: the visited pose's size sets what is near.
        """
        alike = self._alike(joints_xy, threshold)
        settled = np.zeros(len(alike), np.bool_)
        kept: list[int] = []
        for pose in range(len(alike)):
            if settled[pose]:
                continue
            like = np.flatnonzero(alike[pose])
            best = int(like[heats[like].argmax()])
            if not settled[best]:
                kept.append(best)
                settled[like] = True
        chosen = np.array(kept, np.intp)
        if len(chosen) > self.max_people:
            chosen = chosen[np.argsort(-heats[chosen], kind="stable")[: self.max_people]]
        return chosen

    def _alike(self, joints_xy: Floats, threshold: float) -> NDArray[np.bool_]:
        """(P, P): whether pose k, by the size of pose i, is the person of pose i."""
        diagonals = np.linalg.norm(np.ptp(joints_xy, axis=1), axis=1)
        distances = np.linalg.norm(joints_xy[:, None] - joints_xy[None], axis=-1)
        near = distances < (threshold * diagonals)[:, None, None]
        alike = near.sum(2) > self.nms_joints
        # A pose with all joints on one point has no size; it is still like itself.
        np.fill_diagonal(alike, True)
        return alike

    def _zoom(self, seen: Pass) -> float:
        """Base pixels a cell of this scale."""
        return self.stride / seen.input.scale


def _regressed(offsets: Maps, peaks: NDArray[np.intp]) -> Maps:
    """(P, K, 2) cells minus their offsets (1, 2K, h, w), at flat indices (P,)."""
    vectors = offsets.reshape(offsets.shape[1], -1)[:, peaks]
    rows, columns = np.divmod(peaks, offsets.shape[3])
    cells = np.stack([columns, rows], 1).astype(np.float32)
    return cells[:, None] - vectors.T.reshape(len(peaks), len(vectors) // 2, 2)


def _window_maximum(values: Maps, reach: int) -> Maps:
    """The maximum of 2 * reach + 1 neighbours along the last axis, fewer at the ends."""
    highest = values.copy()
    for step in range(1, reach + 1):
        np.maximum(highest[:, step:], values[:, :-step], out=highest[:, step:])
        np.maximum(highest[:, :-step], values[:, step:], out=highest[:, :-step])
    return highest


def _between(maps: Maps, cells: Floats) -> Maps:
    """Bilinear values (P, K) of maps (K, h, w) at cells (P, K, 2) inside them."""
    joint = np.arange(len(maps))
    low = np.floor(cells).astype(np.intp)
    high = np.minimum(low + 1, (maps.shape[2] - 1, maps.shape[1] - 1))
    right, down = np.moveaxis(cells - low, -1, 0).astype(np.float32)
    (x0, y0), (x1, y1) = np.moveaxis(low, -1, 0), np.moveaxis(high, -1, 0)
    top = maps[joint, y0, x0] * (1 - right) + maps[joint, y0, x1] * right
    bottom = maps[joint, y1, x0] * (1 - right) + maps[joint, y1, x1] * right
    return top * (1 - down) + bottom * down


def _moved(points_xy: Floats, affine: Floats) -> NDArray[np.float64]:
    return np.asarray(points_xy, np.float64) @ affine[:, :2].T + affine[:, 2]


def _highest(
    codec: Heatmap, points_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
) -> Maps:
    """(K, h, w): the maximum of the Gaussians of all people, points_xy (P, K, 2) cells."""
    maps = np.zeros((points_xy.shape[1], size_wh[1], size_wh[0]), np.float32)
    for points, seen in zip(points_xy, visible, strict=True):
        np.maximum(maps, codec.gaussians(points[None], seen[None, ...], size_wh)[0], out=maps)
    return maps


def _offsets(
    joints: Floats,
    labelled: NDArray[np.bool_],
    centres: Floats,
    size_wh: tuple[int, int],
    radius: int,
) -> Maps:
    """(K, 2, h, w) offsets around the centres, cell minus joint of the nearest one."""
    maps = np.zeros((joints.shape[1], 2, size_wh[1], size_wh[0]), np.float32)
    if len(centres) == 0:
        return maps
    rows, columns = np.indices(size_wh[::-1])
    grid = np.stack([columns, rows], -1)
    away = np.abs(grid[None] - centres[:, None, None])
    nearest = np.linalg.norm(away, axis=-1).argmin(0)
    inside = (away <= radius).all(-1).any(0)
    owners, cells = nearest[inside], grid[inside]
    vectors = (cells[:, None] - joints[owners]) * labelled[owners][..., None]
    maps[:, :, inside] = vectors.transpose(1, 2, 0)
    return maps
