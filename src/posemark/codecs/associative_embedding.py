"""The codec of HigherHRNet, which groups peaks of heatmaps into people by tags.

Method: Newell et al., "Associative Embedding" (arXiv 1611.05424), with the refinements of
HigherHRNet (arXiv 1908.10357). Written from a description of the official procedure. The code is
vectorised and computes only the values that are read, but its choices are exactly those of the
official loops.

Coordinates are *base* pixels, the pixels of the network input at scale 1. Shapes: K joints, T tags
per joint (1, or 2 with the flip test), P people, base size (H, W).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.lazy_maps import Enlarged, Mean, Stored, Surface, whole
from posemark.codecs.tagged_maps import Field as _Field
from posemark.core.assignment import Indices, assign
from posemark.core.codec import NoVariants, Output
from posemark.core.errors import UsageError
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.core.whole_image import Maps, Pass, ScaledInput

# The official cost of columns that mean "no group yet".
_NOBODY = 1e10


@dataclass(frozen=True)
class AssociativeEmbedding(NoVariants):
    """Groups the peaks of all joints into people, whose joints have similar tags.

    Attributes:
        max_people: number of peaks kept per joint, and of groups that a peak may join.
        detection_threshold: value that a peak must exceed.
        nms_kernel: side in pixels, odd and at least 3, of the window in which a peak must be the
            highest value.
        tag_threshold: tag distance below which a peak may join a group.
        use_detection_val: whether tag distances are rounded, and higher peaks win among equal
            distances.
        ignore_too_much: whether further joints are ignored once there are max_people groups.
        adjust: whether peaks move by a quarter pixel towards the higher neighbour.
        refine: whether missing joints are filled with the best pixel of a similar tag.
        joint_order: the order in which joints are grouped: trunk and head first, because they are
            found most reliably.
        sigma: standard deviation of encoded Gaussians, in cells of both resolutions.
        tag_spacing: difference between the encoded tags of two people.
        skeleton: the key points that are found.
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
        """The name of the codec in records."""
        return "ae"

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Describe heatmaps and tags at stride 4, and heatmaps at stride 2."""
        count = len(skeleton.keypoints)
        return (
            Output("stride4", 2 * count, 4, f"heatmaps and tags of {skeleton.name}", count),
            Output("stride2", count, 2, f"heatmaps of {skeleton.name}", count),
        )

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """Decode the people of one image.

        Args:
            passes: outputs "stride4" (1, 2 K, H/4, W/4), heatmaps followed by tags, and "stride2"
                (1, K, H/2, W/2), heatmaps, at every scale.

        Returns:
            People (P, K, 3) as x, y in base pixels and score, and person scores (P,). A joint
            that is not found is (0, 0, 0).

        Raises:
            UsageError: if no pass has scale 1, from which the tags are taken.
        """
        people, scores = self._grouped(_Field(*self._surfaces(passes)))
        return people[..., :3], scores

    # ------------------------------------------------------------------ scales and flips

    def aggregate(self, passes: Sequence[Pass]) -> tuple[Maps, Maps]:
        """Compute all pixels of the averaged maps, of which `decode` reads only some.

        Returns:
            Heatmaps (K, H, W), and the tags (T, K, H/2, W/2) of scale 1.
        """
        heatmaps, tags = self._surfaces(passes)
        return whole(heatmaps), np.stack([whole(each) for each in tags])

    def _surfaces(self, passes: Sequence[Pass]) -> tuple[Surface, tuple[Surface, ...]]:
        """Make surfaces of the heatmaps at base size, and of T tags at half the base size.

        The official code enlarges all maps and tags before it averages them. Averaging and
        bilinear enlargement commute, so here pixels are enlarged only where they are read.
        """
        base = next((p for p in passes if p.input.scale == 1), None)
        if base is None:
            scales = ", ".join(f"{p.input.scale:g}" for p in passes) or "none"
            raise UsageError(f"associative embedding needs the scale 1, got the scales {scales}")
        scales = tuple(Enlarged(self._heatmaps(p), base.input.size_wh) for p in passes)
        joints = len(self.skeleton.keypoints)
        tags = self._outputs(base, "stride4", slice(joints, None))
        size_wh = _size_wh(base.outputs["stride2"])
        return Mean(scales), tuple(Enlarged(each, size_wh) for each in tags)

    def _heatmaps(self, p: Pass) -> Surface:
        """Average both resolutions, and the flip test if there is one, at stride 2."""
        coarse = Mean(self._outputs(p, "stride4", slice(len(self.skeleton.keypoints))))
        fine = Mean(self._outputs(p, "stride2", slice(None)))
        return Mean((Enlarged(coarse, _size_wh(p.outputs["stride2"])), fine))

    def _outputs(self, p: Pass, name: str, maps: slice) -> tuple[Surface, ...]:
        """Return K maps of an output, and those of the mirrored image, mirrored back."""
        plain = Stored(p.outputs[name][0, maps])
        if p.mirrored is None:
            return (plain,)
        return plain, Stored(p.mirrored[name][0, maps], self.skeleton.mirrored())

    # --------------------------------------------------------------------------- grouping

    def group(self, heatmaps: Maps, tags: Maps) -> tuple[Maps, Maps]:
        """Group peaks into people.

        Args:
            heatmaps: (K, H, W) heatmaps.
            tags: (T, K, h, w) tags at the same or a lower resolution.

        Returns:
            People (P, K, 3 + T) as x, y, score and tags, and person scores (P,). A person score
            is the mean over all joints before missing ones are filled; they count as 0.
        """
        return self._grouped(_Field(heatmaps, tags))

    def _grouped(self, field: _Field) -> tuple[Maps, Maps]:
        people = self._matched(self._peaks(field))
        if self.adjust:
            who, joint = np.nonzero(people[..., 2] > 0)
            xs, ys = people[who, joint, :2].astype(np.intp).T
            people[who, joint, :2] = field.nudged_xy(joint, ys, xs)
        scores = people[..., 2].mean(1)
        if self.refine:
            _fill_missing(people, field)
        return people, scores

    def _peaks(self, field: _Field) -> list[Floats]:
        """Find the peaks (N, 3 + T) of every joint: x, y, value, tags; highest first, float64."""
        found = field.local_maxima(self.detection_threshold, self.nms_kernel)
        rank = np.arange(len(found.joint)) - np.searchsorted(found.joint, found.joint)
        joint, y, x, value = found.at(np.flatnonzero(rank < self.max_people))
        rows = np.column_stack([x, y, value, field.tags_at(joint, y, x).T]).astype(np.float64)
        return np.split(rows, np.searchsorted(joint, np.arange(1, field.joints)))

    def _matched(self, peaks: list[Floats]) -> Maps:
        """Match the peaks of each joint with the groups of earlier joints; return (P, K, 3 + T)."""
        groups = _Groups(len(peaks), peaks[0].shape[1])
        for joint in self.joint_order:
            rows = peaks[joint]
            keys = list(groups.people)[: self.max_people]
            full = self.ignore_too_much and len(keys) == self.max_people
            if len(rows) == 0 or full:
                continue
            columns, distances = self._choose(rows, groups.mean_tags(keys))
            # The distance to columns beyond the groups, "no group yet", is infinite.
            near: list[bool] = (distances < self.tag_threshold).tolist()
            chosen: list[int] = columns.tolist()
            for row, column, joins in zip(rows, chosen, near, strict=True):
                if joins:
                    groups.join(keys[column], joint, row)
                else:
                    groups.open(joint, row)
        return groups.stacked()

    def _choose(self, rows: Floats, means: Floats) -> tuple[Indices, Floats]:
        """Choose a column for every peak; return it and its tag distance, which may be infinite."""
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
        """Compute the outputs that a perfect network would give.

        Every labelled joint (v > 0) of every person that is not a crowd is a Gaussian; where
        Gaussians overlap, the highest counts. Around each joint the tag is that of its person,
        and elsewhere it is zero. The tag of a person is exactly the same at all its joints,
        because groups are identified by it.

        Args:
            truth: the annotated people of the image, in image pixels.
            scaled: the network input at one scale.
            mirrored: whether the outputs are those for the mirror image of the input.
        """
        people = truth.keypoints_xyv[~truth.is_crowd].astype(np.float64)
        points = people[..., :2] @ scaled.affine[:, :2].T + scaled.affine[:, 2]
        labelled = people[..., 2] > 0
        coarse, tags = self._painted(points, labelled, scaled.size_wh, 4)
        fine, _ = self._painted(points, labelled, scaled.size_wh, 2)
        if mirrored:
            order = self.skeleton.mirrored()
            coarse, tags, fine = (whole(Stored(maps, order)) for maps in (coarse, tags, fine))
        return {"stride4": np.concatenate([coarse, tags])[None], "stride2": fine[None]}

    def _painted(
        self, points_xy: Floats, labelled: NDArray[np.bool_], size_wh: tuple[int, int], stride: int
    ) -> tuple[Maps, Maps]:
        """Draw heatmaps and tags (K, h, w) on the grid of this stride.

        For `decode`, pixel i is at the point i + 0.5, so cell j is at (j + 0.5) * stride.
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
        """Return the window of a Gaussian in a map, and its values, cut off as in training."""
        reach = 3 * self.sigma + 1
        windows: list[slice] = []
        values: list[Floats] = []
        for centre, cells in ((centre_xy[1], shape[1]), (centre_xy[0], shape[2])):
            # Clipped on both sides, so that a joint far outside gives an empty window.
            low, high = np.clip(np.floor([centre - reach, centre + reach + 1]), 0, cells)
            window = slice(int(low), int(high))
            offsets = np.arange(window.start, window.stop) - centre
            windows.append(window)
            values.append(np.exp(-(offsets**2) / (2 * self.sigma**2)))
        return (windows[0], windows[1]), np.outer(*values).astype(np.float32)


class _Groups:
    """Groups of peaks that become people, in the order in which they were opened.

    As in the official code, the key of a group is the first tag of its first joint. Another first
    joint with an equal tag joins the same person, but its list of tags starts anew.
    """

    def __init__(self, joints: int, columns: int) -> None:
        self.people: dict[float, Maps] = {}
        self._shape = (joints, columns)
        self._tags: dict[float, Maps] = {}
        self._counts: dict[float, int] = {}
        self._means: dict[float, Maps] = {}

    def open(self, joint: int, row: Floats) -> None:
        key = float(row[3])
        self._tags[key] = np.empty((self._shape[0], self._shape[1] - 3), np.float32)
        self._counts[key] = 0
        self.people.setdefault(key, np.zeros(self._shape, np.float32))
        self.join(key, joint, row)

    def join(self, key: float, joint: int, row: Floats) -> None:
        self.people[key][joint] = row
        count = self._counts[key]
        self._tags[key][count] = row[3:]
        self._counts[key] = count + 1
        # The same operations as np.mean, without its overhead.
        total = np.add.reduce(self._tags[key][: count + 1], 0)
        self._means[key] = total / np.float32(count + 1)

    def mean_tags(self, keys: Sequence[float]) -> Maps:
        """Return the mean tags (N, T) of N groups."""
        tags = self._shape[1] - 3
        return np.array([self._means[key] for key in keys], np.float32).reshape(-1, tags)

    def stacked(self) -> Maps:
        """Return the people (P, K, 3 + T)."""
        return np.array(list(self.people.values()), np.float32).reshape(-1, *self._shape)


def _fill_missing(people: Maps, field: _Field) -> None:
    """Fill missing joints with the pixel of highest heatmap - round(tag distance)."""
    present = people[..., 2] > 0
    means = [person[found, 3:].mean(0) for person, found in zip(people, present, strict=True)]
    joint, who = np.nonzero(~present.T & field.has_heat[:, None])
    if len(who) == 0:
        return
    found = field.best_match(joint, np.array(means)[who])
    points = np.column_stack([field.nudged_xy(joint, found.y, found.x), found.value])
    people[who, joint, :3] = np.where(found.value[:, None] > 0, points, 0)


def _size_wh(output: Maps) -> tuple[int, int]:
    return output.shape[3], output.shape[2]
