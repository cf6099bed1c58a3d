"""The codec of DEKR (arXiv 2104.02300): a centre heatmap, and an offset to every joint.

*Cells* are coordinates in the maps of one scale, in (x, y) order, with (0, 0) at the centre of the
first cell. *Base* pixels are the pixels of the network input at scale 1. Cell c of scale s is at
base pixel c * stride / s, without a half-pixel term.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.heatmap import Heatmap
from posemark.core.codec import NoVariants, Output
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.core.whole_image import Maps, Pass, ScaledInput


@dataclass(frozen=True, slots=True)
class Proposals:
    """The people found at one scale.

    Attributes:
        joints_xy: (P, K, 2) positions in base pixels.
        scores: (P,) values of the centre map.
    """

    joints_xy: Maps
    scores: Maps


@dataclass(frozen=True)
class CentreOffset(NoVariants):
    """Every peak of the centre map is a person, and the offsets there point to its joints.

    The outputs are "heatmaps" (1, K + 1, h, w) with the centre last, and "offsets"
    (1, 2K, h, w), pairs (x, y) in cells; a joint is at its cell minus the offset. The defaults are
    those of the official test configuration (HRNet/DEKR). Its second matching of joints with
    heatmap peaks (MATCH_HMP, off by default) is not implemented.

    Attributes:
        nms_thresholds: for one scale and for several scales: joints of two poses are near if
            their distance is below this fraction of the diagonal of the pose's bounding box.
        nms_joints: two poses are the same person if more than this number of joints are near.
        centre_threshold: value that a peak of the centre map must exceed.
        decrease: factor on the centre scores of scales other than 1.
        max_people: the largest number of peaks per scale, and of people.
        pool_sizes: map sizes in cells (mean of h and w) above which a peak must be the highest of
            5x5, or of 7x7, instead of 3x3 cells.
        stride: input pixels per cell.
        joint_sigma: standard deviation of encoded joint Gaussians in cells, as in training.
        centre_sigma: standard deviation of encoded centre Gaussians in cells, as in training.
        radius: distance from a centre, in cells, up to which offsets are encoded.
        mirror_shift: columns by which the mirrored *image* moves to the left before it enters the
            network; its last columns keep their values. Cell x is then mirrored to W/4 - 1 - x.
        skeleton: the key points that are found.
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
        """The name of the codec in records."""
        return "centre-offset"

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Describe the heatmaps, with the centre last, and the offsets to all keypoints."""
        count, name = len(skeleton.keypoints), skeleton.name
        return (
            Output("heatmaps", count + 1, self.stride, f"{name} and the centre", count + 1),
            Output("offsets", 2 * count, self.stride, f"offsets to {name}", 0),
        )

    def encode(self, truth: Truth, scaled: ScaledInput, mirrored: bool) -> dict[str, Maps]:
        """Compute the outputs that a perfect network would give.

        Peaks have height 1 and are at the annotated positions, not rounded. The centre of a
        person is the mean of its labelled joints; crowds and people without labelled joints are
        left out. In a square of `radius` cells around each centre, the offsets point to the joints
        of the person with the nearest centre. For a joint that is not labelled they are 0, so that
        it is decoded at the peak itself. Everywhere else they are 0.

        Args:
            truth: the annotated people of the image, in image pixels.
            scaled: the network input at one scale.
            mirrored: whether the outputs are those for the mirror image of the input.
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
        """Compute the maps (K + 1, h, w) and (K, 2, h, w) of the mirrored and moved image."""
        order = list(self.skeleton.mirrored())
        flipped = offsets[order, :, :, ::-1] * np.array([-1, 1], np.float32)[:, None, None]
        return heatmaps[[*order, len(order)], :, ::-1], flipped

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """Decode the people of one image.

        Returns:
            People (P, K, 3) as x, y in base pixels and score, and person scores (P,). The score
            of a joint is the centre score times the mean heatmap at the joint; the score of a
            person is the mean of its joint scores.
        """
        found = self.comparable([self.proposals(p) for p in passes], passes)
        joints = np.concatenate([p.joints_xy for p in found])
        heats = self.heats(passes, joints)
        scores = np.concatenate([p.scores for p in found])[:, None] * heats
        people = np.concatenate([joints, scores[..., None]], axis=2)
        kept = self.suppress(joints, heats.mean(1), self.nms_thresholds[len(passes) > 1])
        return people[kept], people[kept, :, 2].mean(1)

    def proposals(self, seen: Pass) -> Proposals:
        """Find the people at the peaks of the centre map of one scale, best first."""
        centre = seen.outputs["heatmaps"][0, -1]
        if seen.mirrored is not None:
            centre = (centre + seen.mirrored["heatmaps"][0, -1, :, ::-1]) / 2
        peaks = self.peaks(centre)
        joints = self.joints(seen, peaks) * np.float32(self._zoom(seen))
        return Proposals(joints, centre.ravel()[peaks])

    def joints(self, seen: Pass, peaks: NDArray[np.intp]) -> Maps:
        """Compute the joints (P, K, 2), in cells, of the people at flat indices (P,)."""
        joints = _regressed(seen.outputs["offsets"], peaks)
        if seen.mirrored is None:
            return joints
        last = seen.outputs["offsets"].shape[3] - 1
        # The index of the same cell in the maps of the mirrored image.
        other = _regressed(seen.mirrored["offsets"], peaks + last - 2 * (peaks % (last + 1)))
        other = other[:, list(self.skeleton.mirrored())]
        other[..., 0] = last - other[..., 0]
        return (joints + other) / np.float32(2)

    def peaks(self, centre: Maps) -> NDArray[np.intp]:
        """Find the flat indices of the highest peaks of a centre map (h, w), best first."""
        size = sum(centre.shape) / 2
        reach = 1 + sum(size > limit for limit in self.pool_sizes)
        highest = _window_maximum(_window_maximum(centre, reach).T, reach).T
        found = np.flatnonzero((centre == highest) & (centre > self.centre_threshold))
        order = np.argsort(-centre.ravel()[found], kind="stable")
        return found[order[: self.max_people]]

    def comparable(self, found: Sequence[Proposals], passes: Sequence[Pass]) -> list[Proposals]:
        """Scale the centre scores of other scales to the maximum of scale 1, times `decrease`."""
        heights = [p.scores.max() if len(p.scores) else np.float32(1) for p in found]
        own = next((h for h, p in zip(heights, passes, strict=True) if p.input.scale == 1), 1)
        return [
            p
            if seen.input.scale == 1
            else Proposals(p.joints_xy, p.scores / height * own * np.float32(self.decrease))
            for p, height, seen in zip(found, heights, passes, strict=True)
        ]

    def heats(self, passes: Sequence[Pass], points_xy: Floats) -> Maps:
        """Read the heatmaps (P, K) at base pixels (P, K, 2), averaged over scales and mirroring.

        The official code enlarges all maps to base size and reads them at the rounded-down
        pixel. The enlargement is linear, with cells on whole pixels and the last rows and columns
        repeated, so that interpolation between cells gives the same values.
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
        """Drop poses that duplicate others.

        Poses are visited in order. Among all poses similar to the visited one, the pose with the
        highest heat is kept and the others are dropped, unless that pose was dropped before. The
        relation is not symmetric, because the size of the visited pose determines what is near.

        Args:
            joints_xy: (P, K, 2) poses in base pixels.
            heats: (P,) mean heatmap values of the joints.
            threshold: one of nms_thresholds.

        Returns:
            Indices of the remaining poses, at most max_people.
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
        """Compute (P, P): whether pose k, by the size of pose i, is the same person as pose i."""
        diagonals = np.linalg.norm(np.ptp(joints_xy, axis=1), axis=1)
        distances = np.linalg.norm(joints_xy[:, None] - joints_xy[None], axis=-1)
        near = distances < (threshold * diagonals)[:, None, None]
        alike = near.sum(2) > self.nms_joints
        # A pose with all joints at one point has no size, but it is similar to itself.
        np.fill_diagonal(alike, True)
        return alike

    def _zoom(self, seen: Pass) -> float:
        """Compute the base pixels per cell of this scale."""
        return self.stride / seen.input.scale


def _regressed(offsets: Maps, peaks: NDArray[np.intp]) -> Maps:
    """Subtract the offsets (1, 2K, h, w) at flat indices (P,) from their cells: (P, K, 2)."""
    vectors = offsets.reshape(offsets.shape[1], -1)[:, peaks]
    rows, columns = np.divmod(peaks, offsets.shape[3])
    cells = np.stack([columns, rows], 1).astype(np.float32)
    return cells[:, None] - vectors.T.reshape(len(peaks), len(vectors) // 2, 2)


def _window_maximum(values: Maps, reach: int) -> Maps:
    """Compute the maximum of 2 * reach + 1 neighbours along the last axis, fewer at the ends."""
    highest = values.copy()
    for step in range(1, reach + 1):
        np.maximum(highest[:, step:], values[:, :-step], out=highest[:, step:])
        np.maximum(highest[:, :-step], values[:, step:], out=highest[:, :-step])
    return highest


def _between(maps: Maps, cells: Floats) -> Maps:
    """Interpolate maps (K, h, w) bilinearly at cells (P, K, 2) inside them: (P, K)."""
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
    """Draw the maximum (K, h, w) of the Gaussians at points (P, K, 2), in cells."""
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
    """Draw offsets (K, 2, h, w) around the centres: cell minus joint of the nearest person."""
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
