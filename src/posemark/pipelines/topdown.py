"""Top-down: one crop per person box, a network, a decoder, suppression of doubles.

Stages, in the order of a frame: decode, detect, preprocess, infer, postprocess. Boxes come
from annotations or a file, so nothing happens in `detect` yet; its row stays in the ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Boxes, Floats, Frame, Poses, Truth
from posemark.core.spec import Codec, ModelSpec
from posemark.geometry.affine import apply, crop_affines, invert
from posemark.geometry.boxes import centre_scale, crop_areas
from posemark.geometry.crop import Image, crop_batch
from posemark.geometry.flip import flip_back
from posemark.geometry.oks import oks_nms
from posemark.pipelines import Lap, Staged
from posemark.pipelines.perfect_outputs import matched_people, perfect_maps
from posemark.runtimes import Session

JOINT_THRESHOLD = 0.2
"""Joints scored above this enter the person score (IN_VIS_THRE of the official configs)."""

NMS_OKS = 0.9
"""A pose this similar to a better one is dropped (OKS_THRE of the official configs)."""

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Work:
    """One frame ready for the clock.

    perfect: without trained weights its oracle maps, one array a pass; else None.
    """

    frame: Frame
    encoded: bytes
    boxes: Boxes
    perfect: tuple[Maps, ...] | None


@dataclass(frozen=True)
class TopDown(Staged):
    """The pipeline of one entry.

    codec: reads the network's output. flip: average with the mirrored crop.
    most: crops in one forward; 1 runs one after the other.
    trained: False feeds the decoder perfect maps in place of the network's.
    """

    spec: ModelSpec
    session: Session
    codec: Codec
    flip: bool
    most: int
    trained: bool

    def prepare(self, frame: Frame, boxes: Boxes) -> Work:
        """Everything that a camera application would not do; runs outside the clock."""
        encoded = frame.read()
        self._ready(frame.size_wh, len(boxes))
        perfect = None if self.trained else self._perfect_maps(frame.truth, boxes)
        return Work(frame, encoded, boxes, perfect)

    def _ready(self, size_wh: tuple[int, int], people: int) -> None:  # noqa: ARG002
        """Crops have one size, whatever the image's."""
        for group in self._groups(people):
            self.session.prepare((group.stop - group.start, 3, *self.spec.input_hw))

    def _find(
        self, image: Image, boxes: Boxes, perfect: tuple[Maps, ...] | None, lap: Lap
    ) -> Poses:
        found, crops = [], _Crops.of(boxes, self.spec)
        for group in self._groups(len(boxes)):
            batch = crop_batch(image, crops.to_input[group], self._input_wh, self.spec.pixels)
            lap("preprocess")
            passes = self._infer(batch)
            lap("infer")
            if perfect is not None:
                passes = tuple(maps[group] for maps in perfect)
            found.append(self._locate(passes, crops.to_maps[group]))
            lap("postprocess")
        joints = len(self.spec.skeleton.keypoints)
        return self._suppress(_joined(found, joints), boxes, crops)

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses:
        """The poses that perfect outputs for these boxes decode to; not timed."""
        crops = _Crops.of(boxes, self.spec)
        maps = self._perfect_maps(frame.truth, boxes)
        return self._suppress(self._locate(maps, crops.to_maps), boxes, crops)

    def people(self, work: Work, poses: Poses) -> int:  # noqa: ARG002 (other pipelines need it)
        """How many people the frame's time went to: every box."""
        return len(work.boxes)

    def pixels(self, work: Work) -> int:  # noqa: ARG002 (other pipelines need it)
        """None: crops have one size, whatever the image's."""
        return 0

    def _perfect_maps(self, truth: Truth, boxes: Boxes) -> tuple[Maps, ...]:
        people = matched_people(truth, boxes)
        affines = _Crops.of(boxes, self.spec).to_maps
        arguments = (truth, people, affines, self.codec, self.spec)
        passes = (False, True) if self.flip else (False,)
        return tuple(perfect_maps(*arguments, mirrored) for mirrored in passes)

    @property
    def _input_wh(self) -> tuple[int, int]:
        return self.spec.input_hw[1], self.spec.input_hw[0]

    def _groups(self, count: int) -> Iterator[slice]:
        return (slice(i, min(i + self.most, count)) for i in range(0, count, self.most))

    def _infer(self, batch: Maps) -> tuple[Maps, ...]:
        output = self.spec.output
        maps = self.session.infer(batch)[output]
        if not self.flip:
            return (maps,)
        return maps, self.session.infer(np.ascontiguousarray(batch[..., ::-1]))[output]

    def _locate(self, passes: tuple[Maps, ...], to_maps: Floats) -> Floats:
        """(N, K, 3) image x, y and score from the maps of one pass, or of two with flip."""
        maps = passes[0]
        if len(passes) == 2:
            order = self.spec.skeleton.mirrored()
            back = flip_back(passes[1], order, self.spec.convention.flip_shift)
            maps = (maps + back) * np.float32(0.5)
        cells, scores = self.codec.decode(maps, self.spec.convention.missing_xy)
        points = apply(invert(to_maps), cells)
        return np.concatenate([points, scores[..., None]], -1)

    def _suppress(self, keypoints_xys: Floats, boxes: Boxes, crops: "_Crops") -> Poses:
        sigmas = self.spec.skeleton.sigmas
        return suppress_doubles(keypoints_xys, boxes.scores, crops.areas, sigmas)


def network_input(spec: ModelSpec, image_bgr: Image, boxes: Boxes) -> Maps:
    """(N, 3, H, W): the crops of all boxes, as the network is fed them; not timed."""
    input_wh = spec.input_hw[1], spec.input_hw[0]
    return crop_batch(image_bgr, _Crops.of(boxes, spec).to_input, input_wh, spec.pixels)


class _Crops(NamedTuple):
    """What boxes (N,) become: affines (N, 2, 3) from image pixels, and areas (N,) in px^2."""

    to_input: Floats
    to_maps: Floats
    areas: Floats

    @classmethod
    def of(cls, boxes: Boxes, spec: ModelSpec) -> "_Crops":
        convention, input_wh = spec.convention, (spec.input_hw[1], spec.input_hw[0])
        centres, scales = centre_scale(boxes.boxes_xywh, input_wh, convention)
        to_input, to_maps = (
            crop_affines(centres, scales, wh, convention) for wh in (input_wh, spec.output_wh)
        )
        return cls(to_input, to_maps, crop_areas(scales))


def _joined(found: list[Floats], joints: int) -> Floats:
    return np.concatenate(found) if found else np.zeros((0, joints, 3))


def suppress_doubles(
    keypoints_xys: Floats, box_scores: Floats, areas: Floats, sigmas: tuple[float, ...]
) -> Poses:
    """Score people, then drop the poses that repeat a better one.

    Person score: box score times the mean of the joint scores above JOINT_THRESHOLD, 0
    without any. keypoints_xys (N, K, 3); box_scores (N,); areas (N,) of the padded crops.
    Source: evaluate() of the HRNet repository and of mmpose 0.x, which agree.
    """
    joint_scores = keypoints_xys[..., 2]
    counted = joint_scores > JOINT_THRESHOLD
    means = (joint_scores * counted).sum(1) / np.maximum(counted.sum(1), 1)
    scores = means * box_scores
    keep = oks_nms(keypoints_xys[..., :2], scores, areas, sigmas, NMS_OKS)
    return Poses(keypoints_xys[keep, :, :2], joint_scores[keep], scores[keep])
