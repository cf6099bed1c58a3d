"""The top-down pipeline: one crop per person box, network, decoder, suppression of duplicates.

A frame passes the stages decode, detect, preprocess, infer and postprocess in this order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Boxes, Floats, Frame, Poses
from posemark.core.skeleton import Skeleton
from posemark.core.spec import ModelSpec, TopDown
from posemark.geometry.affine import apply, crop_affines, invert
from posemark.geometry.boxes import centre_scale, crop_areas
from posemark.geometry.crop import Image, crop_batch
from posemark.geometry.flip import mirrored_image
from posemark.geometry.oks import oks_nms
from posemark.pipelines import Lap, Pipeline, Work
from posemark.pipelines.people import GIVEN, People
from posemark.pipelines.perfect_outputs import matched_people, perfect_crops
from posemark.runtimes import Session

JOINT_THRESHOLD = 0.2
"""Joints with a higher score count in the person score (IN_VIS_THRE of the official configs)."""

NMS_OKS = 0.9
"""OKS with a better pose above which a pose is dropped (OKS_THRE of the official configs)."""

Maps = NDArray[np.float32]


class CropOutputs(NamedTuple):
    """The outputs of the network for crops, by name. The first axis of every array is the crop.

    Attributes:
        plain: the outputs for the crops.
        mirrored: the outputs for the mirrored crops; None without the flip test.
    """

    plain: Mapping[str, Maps]
    mirrored: Mapping[str, Maps] | None

    def of(self, group: slice) -> "CropOutputs":
        """Return the outputs for a slice of the crops."""
        return CropOutputs(_rows(self.plain, group), self.mirrored and _rows(self.mirrored, group))


def _rows(outputs: Mapping[str, Maps], group: slice) -> dict[str, Maps]:
    return {name: maps[group] for name, maps in outputs.items()}


@dataclass(frozen=True)
class TopDownPipeline(Pipeline[CropOutputs]):
    """The pipeline of a model that sees crops.

    Attributes:
        spec: the model.
        method: its method, with the convention and the codec of its crops.
        session: the network in its runtime.
        flip: whether outputs are averaged with those of the mirrored crop.
        most: the largest number of crops in one batch; 1 runs them one after the other.
        trained: whether the codec decodes the outputs of the network; if False, it decodes
            perfect outputs instead.
        people: provides the person boxes of an image.
    """

    spec: ModelSpec
    method: TopDown
    session: Session
    flip: bool
    most: int
    trained: bool
    people: People = GIVEN

    def pixels(self, work: Work[CropOutputs]) -> int:  # noqa: ARG002 (other pipelines need it)
        """Return 0, because the size of crops does not depend on the image."""
        return 0

    def _ready(self, size_wh: tuple[int, int], people: int) -> None:  # noqa: ARG002
        """Prepare the session for every batch size; the size of the image does not matter."""
        for group in self._groups(people):
            self.session.prepare((group.stop - group.start, 3, *self.spec.input_hw))

    def _poses(self, image: Image, boxes: Boxes, perfect: CropOutputs | None, lap: Lap) -> Poses:
        found, crops = list[Floats](), self._crops(boxes)
        for group in self._groups(len(boxes)):
            affines = crops.to_input[group]
            batch = crop_batch(image, affines, self.spec.input_wh, self.spec.pixels)
            lap("preprocess")
            outputs = self._infer(batch)
            lap("infer")
            if perfect is not None:
                outputs = perfect.of(group)
            found.append(self._located(outputs, crops.to_maps[group]))
            lap("postprocess")
        return self._suppressed(_joined(found, len(self.spec.skeleton.keypoints)), boxes, crops)

    def _infer(self, batch: Maps) -> CropOutputs:
        plain = self.session.infer(batch)
        if not self.flip:
            return CropOutputs(plain, None)
        return CropOutputs(plain, self.session.infer(mirrored_image(batch, 0)))

    def _located(self, outputs: CropOutputs, to_maps: Floats) -> Floats:
        """Decode keypoints (N, K, 3): x, y in image pixels, and score."""
        cells, scores = self.method.codec.decode(
            *outputs, self.method.convention, self.spec.skeleton
        )
        points = apply(invert(to_maps), cells)
        return np.concatenate([points, scores[..., None]], -1)

    def _perfect_outputs(self, frame: Frame, boxes: Boxes) -> CropOutputs:
        people = matched_people(frame.truth, boxes)
        affines = self._crops(boxes).to_maps
        arguments = (frame.truth, people, affines, self.spec, self.method)
        mirrored = perfect_crops(*arguments, mirrored=True) if self.flip else None
        return CropOutputs(perfect_crops(*arguments, mirrored=False), mirrored)

    def _decoded(self, outputs: CropOutputs, frame: Frame, boxes: Boxes) -> Poses:  # noqa: ARG002
        crops = self._crops(boxes)
        return self._suppressed(self._located(outputs, crops.to_maps), boxes, crops)

    def _crops(self, boxes: Boxes) -> "_Crops":
        return _Crops.of(boxes, self.spec, self.method)

    def _groups(self, count: int) -> Iterator[slice]:
        return (slice(i, min(i + self.most, count)) for i in range(0, count, self.most))

    def _load(self, boxes: Boxes, poses: Poses) -> int:  # noqa: ARG002 (other pipelines need it)
        return len(boxes)

    def _suppressed(self, keypoints_xys: Floats, boxes: Boxes, crops: "_Crops") -> Poses:
        return suppress_doubles(keypoints_xys, boxes.scores, crops.areas, self.spec.skeleton)


def network_input(spec: ModelSpec, method: TopDown, image_bgr: Image, boxes: Boxes) -> Maps:
    """Compute one batch (N, 3, H, W) with the normalised crops of all boxes."""
    crops = _Crops.of(boxes, spec, method)
    return crop_batch(image_bgr, crops.to_input, spec.input_wh, spec.pixels)


class _Crops(NamedTuple):
    """Crops of N boxes: affines (N, 2, 3) from image pixels, and areas (N,) in px^2."""

    to_input: Floats
    to_maps: Floats
    areas: Floats

    @classmethod
    def of(cls, boxes: Boxes, spec: ModelSpec, method: TopDown) -> "_Crops":
        convention = method.convention
        centres, scales = centre_scale(boxes.boxes_xywh, spec.input_wh, convention)
        to_input, to_maps = (
            crop_affines(centres, scales, wh, convention)
            for wh in (spec.input_wh, method.output_wh(spec.input_wh))
        )
        return cls(to_input, to_maps, crop_areas(scales))


def _joined(found: list[Floats], joints: int) -> Floats:
    return np.concatenate(found) if found else np.zeros((0, joints, 3))


def suppress_doubles(
    keypoints_xys: Floats, box_scores: Floats, areas: Floats, skeleton: Skeleton
) -> Poses:
    """Score people, and drop the poses that duplicate a better one.

    The person score is the box score times the mean of the joint scores above JOINT_THRESHOLD, or
    0 if no joint score exceeds it. Source: evaluate() of the HRNet repository and of mmpose 0.x,
    which agree.

    Args:
        keypoints_xys: (N, K, 3) x, y in image pixels, and score.
        box_scores: (N,) scores of the boxes.
        areas: (N,) areas of the padded crops in px^2.
        skeleton: the key points, with the sigmas for OKS.

    Returns:
        The poses that are left, the best first.
    """
    joint_scores = keypoints_xys[..., 2]
    counted = joint_scores > JOINT_THRESHOLD
    means = (joint_scores * counted).sum(1) / np.maximum(counted.sum(1), 1)
    scores = means * box_scores
    keep = oks_nms(keypoints_xys[..., :2], scores, areas, skeleton.sigmas, NMS_OKS)
    return Poses(keypoints_xys[keep, :, :2], joint_scores[keep], scores[keep], skeleton)
