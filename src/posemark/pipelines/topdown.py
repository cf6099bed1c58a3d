"""Top-down: one crop a person box, a network, a decoder, suppression of doubles.

Stages, in the order of a frame: decode, detect, preprocess, infer, postprocess. Boxes come
from annotations or a file, so nothing happens in `detect` yet; its row stays in the ledger.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Boxes, Floats, Frame, Poses, Truth
from posemark.core.spec import Codec, ModelSpec
from posemark.geometry.affine import apply, crop_affines, invert
from posemark.geometry.boxes import centre_scale, crop_areas
from posemark.geometry.crop import crop_batch, decode_bgr
from posemark.geometry.flip import flip_back
from posemark.geometry.oks import oks_nms
from posemark.pipelines.oracle import matched_people, perfect_maps
from posemark.runtimes import Session

JOINT_THRESHOLD = 0.2
"""Joints scored above this enter the person score (IN_VIS_THRE of the official configs)."""

NMS_OKS = 0.9
"""A pose this similar to a better one is dropped (OKS_THRE of the official configs)."""

Lap = Callable[[str], None]
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Work:
    """One frame ready for the clock.

    perfect: without trained weights its oracle maps, one array a pass.
    """

    frame: Frame
    encoded: bytes
    boxes: Boxes
    perfect: tuple[Maps, ...]


@dataclass(frozen=True)
class TopDown:
    """The pipeline of one entry.

    codec: reads the network's output. flip: average with the mirrored crop.
    batched: all crops of a frame in one forward, instead of one after the other.
    trained: False feeds the decoder perfect maps in place of the network's.
    """

    spec: ModelSpec
    session: Session
    codec: Codec
    flip: bool
    batched: bool
    trained: bool

    def prepare(self, frame: Frame, boxes: Boxes) -> Work:
        """Everything that a camera application would not do; runs outside the clock."""
        encoded = frame.read()
        perfect = () if self.trained else self._perfect_maps(frame.truth, boxes)
        return Work(frame, encoded, boxes, perfect)

    def process(self, work: Work, lap: Lap) -> Poses:
        """The timed frame: calls lap(stage) at the end of each stage's share of work."""
        poses = self._find(work, lap)
        # By now the image and the maps have been freed: an application pays for that as well.
        lap("postprocess")
        return poses

    def _find(self, work: Work, lap: Lap) -> Poses:
        image = decode_bgr(work.encoded, work.frame.size_wh, work.frame.name)
        lap("decode")
        lap("detect")
        found = []
        for crops in self._groups(len(work.boxes)):
            boxes = Boxes(work.boxes.boxes_xywh[crops], work.boxes.scores[crops])
            affines = self._affines(boxes, self._input_wh)
            batch = crop_batch(image, affines, self._input_wh, self.spec.pixels)
            lap("preprocess")
            passes = self._infer(batch)
            lap("infer")
            if not self.trained:
                passes = tuple(maps[crops] for maps in work.perfect)
            found.append(self._locate(passes, boxes))
            lap("postprocess")
        return self._suppress(_joined(found, len(self.spec.skeleton.keypoints)), work.boxes)

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses:
        """The poses that perfect outputs for these boxes decode to; not timed."""
        maps = self._perfect_maps(frame.truth, boxes)
        return self._suppress(self._locate(maps, boxes), boxes)

    def people(self, work: Work, poses: Poses) -> int:  # noqa: ARG002 (other pipelines need it)
        """How many people the frame's time went to: every box."""
        return len(work.boxes)

    def pixels(self, work: Work) -> int:  # noqa: ARG002 (other pipelines need it)
        """None: crops have one size, whatever the image's."""
        return 0

    def _perfect_maps(self, truth: Truth, boxes: Boxes) -> tuple[Maps, ...]:
        people = matched_people(truth, boxes)
        affines = self._affines(boxes, self.spec.output_wh)
        arguments = (truth, people, affines, self.codec, self.spec)
        passes = (False, True) if self.flip else (False,)
        return tuple(perfect_maps(*arguments, mirrored) for mirrored in passes)

    @property
    def _input_wh(self) -> tuple[int, int]:
        return self.spec.input_hw[1], self.spec.input_hw[0]

    def _groups(self, count: int) -> Iterator[slice]:
        if self.batched and count:
            yield slice(0, count)
        elif not self.batched:
            yield from (slice(i, i + 1) for i in range(count))

    def _affines(self, boxes: Boxes, size_wh: tuple[int, int]) -> Floats:
        convention = self.spec.convention
        centres, scales = centre_scale(boxes.boxes_xywh, self._input_wh, convention)
        return crop_affines(centres, scales, size_wh, convention)

    def _infer(self, batch: Maps) -> tuple[Maps, ...]:
        output = self.spec.output
        maps = self.session.infer(batch)[output]
        if not self.flip:
            return (maps,)
        return maps, self.session.infer(np.ascontiguousarray(batch[..., ::-1]))[output]

    def _locate(self, passes: tuple[Maps, ...], boxes: Boxes) -> Floats:
        """(N, K, 3) image x, y and score from the maps of one pass, or of two with flip."""
        maps = passes[0]
        if len(passes) == 2:
            order = self.spec.skeleton.mirrored()
            back = flip_back(passes[1], order, self.spec.convention.flip_shift)
            maps = (maps + back) * np.float32(0.5)
        cells, scores = self.codec.decode(maps, self.spec.convention.missing_xy)
        points = apply(invert(self._affines(boxes, self.spec.output_wh)), cells)
        return np.concatenate([points, scores[..., None]], -1)

    def _suppress(self, keypoints_xys: Floats, boxes: Boxes) -> Poses:
        _, scales = centre_scale(boxes.boxes_xywh, self._input_wh, self.spec.convention)
        return suppress_doubles(
            keypoints_xys, boxes.scores, crop_areas(scales), self.spec.skeleton.sigmas
        )


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
