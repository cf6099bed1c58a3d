"""The codec of OpenPose, which joins body parts to people by part affinity fields (PAF).

Source: Cao et al., arXiv 1812.08008, and facts about the behaviour of the released programs. The
network gives one heatmap per part, one map of the background, and for every limb a field of unit
vectors along it, at 1/8 of the input size. The decoder enlarges the maps to the input size, takes
local maxima as parts, and joins two parts if the field between them points from one to the other.

OpenPose's GPU and CPU builds differ in the interpolation, in the maxima along the border and in
how limbs are joined to people; `build` selects one. Published speeds are those of the GPU build.

Pixels are base pixels, the pixels of the first (largest) network input, with (0, 0) at the centre
of the first pixel. The modules are paf_layouts (tables), paf_surface (enlargement, peaks),
paf_people (links, people), and this one (the codec).

Deviation: OpenPose stretches the maps of smaller scales to the whole input, although their sizes
were rounded. Here they are placed where their image content is. With one scale there is no
difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from posemark.codecs.paf_layouts import (
    BODY_25,
    COCO_18,
    MAXIMIZE_POSITIVES,
    OUTPUT,
    STRIDE,
    Build,
    Flags,
    Ints,
    Layout,
    Thresholds,
)
from posemark.codecs.paf_people import Links, group, score_links
from posemark.codecs.paf_surface import MOST_PEAKS, Axis, Peaks, Surface, axis, find_peaks
from posemark.core.codec import Output
from posemark.core.errors import UsageError
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.core.whole_image import MISSING, Maps, Pass, ScaledInput

__all__ = [
    "BODY_25",
    "COCO_18",
    "MAXIMIZE_POSITIVES",
    "MOST_PEAKS",
    "OUTPUT",
    "STRIDE",
    "Axis",
    "Build",
    "Flags",
    "Ints",
    "Layout",
    "Links",
    "Paf",
    "Peaks",
    "Surface",
    "Thresholds",
    "axis",
    "find_peaks",
    "group",
    "score_links",
]


_BUILDS: tuple[Build, ...] = ("gpu", "cpu")


@dataclass(frozen=True)
class Paf:
    """The codec of OpenPose's body models.

    Attributes:
        layout: parts and limbs of the model.
        build: the build of OpenPose that is reproduced.
        thresholds: which parts, limbs and people are kept.
        sigma_px: standard deviation of encoded Gaussians in input pixels, as in training.
    """

    layout: Layout = BODY_25
    build: Build = "gpu"
    thresholds: Thresholds = field(default=Thresholds())
    sigma_px: float = 7.0

    @property
    def variants(self) -> tuple[str, ...]:
        """The values of `--codec`: the builds."""
        return tuple(f"paf:{build}" for build in _BUILDS)

    @property
    def no_flip(self) -> str:
        """Always empty: the flip test averages maps."""
        return ""

    @property
    def cheaper(self) -> tuple[str, ...]:
        """The other build, because the people in the image decide which build is faster."""
        return tuple(f"paf:{build}" for build in _BUILDS if build != self.build)

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:  # noqa: ARG002 (its own parts)
        """Describe the output: heatmaps of parts, the background, and two channels per limb."""
        layout = self.layout
        meaning = f"the PAF layout {layout.name}"
        return (Output(OUTPUT, layout.channels, STRIDE, meaning, layout.parts),)

    def variant(self, text: str) -> Self:
        """Return the codec of the build that `--codec` names.

        Raises:
            UsageError: if the text names no build.
        """
        for build in _BUILDS:
            if text == f"paf:{build}":
                return replace(self, build=build)
        raise UsageError(
            f"--codec {text!r} is not a decoder for part affinity fields. Expected "
            f"{' or '.join(self.variants)}."
        )

    @property
    def name(self) -> str:
        """The name of the codec in records."""
        positives = "" if self.thresholds.skip_feet else ":maximize-positives"
        return f"paf:{self.build}{positives}"

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """Decode the people of one image.

        Returns:
            COCO key points (P, 17, 3) as x, y in base pixels and score, and person scores (P,).
            A key point that was not found is MISSING, as OpenPose writes it. People without any
            COCO key point are left out.
        """
        people, scores = self.people(passes)
        keypoints = people[:, self.layout.coco]
        keypoints[keypoints[..., 2] <= 0] = MISSING
        found = (keypoints[..., 2] > 0).any(1)
        return keypoints[found], scores[found]

    def people(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """Decode the parts of the model's own layout.

        Returns:
            Parts (P, parts, 3) as x, y in base pixels and score, 0 if missing, and person scores
            (P,).
        """
        surface = Surface.of(passes, self.layout, self.build)
        # OpenPose moves peaks by half an image pixel, with its own zoom back to the image.
        base = passes[0].input
        offset = 0.5 / base.back if base.back else 0.5 * float(base.affine[0, 0])
        peaks = find_peaks(surface, self.layout.parts, self.thresholds.peak, offset)
        links = score_links(surface, peaks, self.layout, self.thresholds)
        return group(peaks, links, self.layout, self.thresholds, self.build)

    def encode(self, truth: Truth, scaled: ScaledInput, mirrored: bool) -> dict[str, Maps]:
        """Compute the maps (1, C, h, w) that a perfect network would give.

        The maps of parts that COCO does not annotate (feet) are empty.

        Args:
            truth: the annotated people of the image, in image pixels.
            scaled: the network input at one scale.
            mirrored: whether the outputs are those for the mirror image of the input.
        """
        points, known = self._parts_of(truth, scaled, mirrored)
        width, height = (side // STRIDE for side in scaled.size_wh)
        cells = (points + 0.5) / STRIDE - 0.5
        inside = known & ((cells >= -0.5) & (cells < (width - 0.5, height - 0.5))).all(-1)
        maps = np.zeros((self.layout.channels, height, width), np.float32)
        parts = self.layout.parts
        maps[:parts] = _gaussians(cells, inside, (width, height), self.sigma_px / STRIDE)
        maps[parts] = 1 - maps[:parts].max(0)
        for limb, (a, b) in enumerate(self.layout.limbs):
            x, both = self.layout.x_channel(limb), known[:, a] & known[:, b]
            maps[x : x + 2] = _limb_field(cells[both, a], cells[both, b], (width, height))
        return {OUTPUT: maps[None]}

    def _parts_of(
        self, truth: Truth, scaled: ScaledInput, mirrored: bool
    ) -> tuple[NDArray[np.float64], Flags]:
        """Return the model's parts (P, parts, 2) in input pixels, and which of them are known."""
        xyv = np.asarray(truth.keypoints_xyv, np.float64).reshape(-1, len(COCO_17.keypoints), 3)
        points = xyv[..., :2] @ scaled.affine[:, :2].T + scaled.affine[:, 2]
        seen = xyv[..., 2] > 0
        if mirrored:
            order = list(COCO_17.mirrored())
            points, seen = points[:, order], seen[:, order]
            points[..., 0] = scaled.size_wh[0] - 1 - points[..., 0]
        parts = np.zeros((len(xyv), self.layout.parts, 2))
        known = np.zeros(parts.shape[:2], np.bool_)
        parts[:, self.layout.coco], known[:, self.layout.coco] = points, seen
        for part, pair in self.layout.means:
            parts[:, part] = points[:, pair].mean(1)
            known[:, part] = seen[:, pair].all(1)
        return parts, known


# Smaller values of a Gaussian are set to zero, for the reason in codecs.heatmap.
_CUT = 1e-8


def _gaussians(
    cells: NDArray[np.float64], known: Flags, size_wh: tuple[int, int], sigma: float
) -> Maps:
    """Draw, for every part, the maximum (parts, h, w) of Gaussians at cells (P, parts, 2)."""
    along = [
        np.exp(-((np.arange(size) - cells[..., axis, None]) ** 2) / (2 * sigma**2))
        for axis, size in enumerate(size_wh)
    ]
    x, y = (np.where(values < _CUT, 0, values).astype(np.float32) for values in along)
    each = (y * known[..., None])[..., :, None] * x[..., None, :]
    return each.max(0, initial=0)


def _limb_field(starts: Floats, ends: Floats, size_wh: tuple[int, int]) -> Maps:
    """Draw the mean unit vectors (2, h, w) within one cell of the limbs from starts to ends."""
    length = np.linalg.norm(ends - starts, axis=1)
    starts, ends, length = starts[length > 0], ends[length > 0], length[length > 0]
    unit = (ends - starts) / length[:, None]
    grid = np.stack(np.meshgrid(*map(np.arange, size_wh)), -1)
    from_start = grid - starts[:, None, None]
    along = np.einsum("nhwc,nc->nhw", from_start, unit).clip(0, length[:, None, None])
    away = from_start - along[..., None] * unit[:, None, None]
    near = ((away**2).sum(-1) <= 1).astype(np.float64)
    total = np.einsum("nhw,nc->chw", near, unit)
    return (total / np.maximum(near.sum(0), 1)).astype(np.float32)
