"""One picture with the people who were found in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from posemark.core.frame import Boxes, Image, Poses


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """One picture of a stream, with the people who were found in it.

    Attributes:
        name: the name of the image file, or of the video or camera.
        index: number of the picture in its input, from 0; skipped ones count.
        time_s: seconds since the beginning of the video; 0 for an image, which stands alone.
        image_bgr: (H, W, 3) uint8 pixels in BGR order, turned upright.
        poses: the people, in pixels of this picture. In a video, `poses.ids` says who is who: the
            same person has the same id in every frame, and -1 marks people who are not followed,
            because their score is too low. `poses.ids` is None in an image.
        boxes: the boxes that a top-down model looked into, in pixels; empty for a bottom-up model.
            `boxes.origin` says whether a detector found them.
        stages_ns: nanoseconds by stage: decode, detect, preprocess, infer, postprocess.
    """

    name: str
    index: int
    time_s: float
    image_bgr: Image = field(repr=False)
    poses: Poses
    boxes: Boxes
    stages_ns: Mapping[str, int]

    @property
    def latency_ns(self) -> int:
        """Return the nanoseconds from the beginning of decoding to the finished poses."""
        return sum(self.stages_ns.values())

    def only(self, subject: int | None) -> "TrackedFrame":
        """Return the frame with one person alone, or without anybody if this id is absent.

        Args:
            subject: the id of the person; None keeps everybody.
        """
        ids = self.poses.ids
        if subject is None or ids is None:
            return self
        kept = np.flatnonzero(ids == subject)
        return replace(self, poses=people(self.poses, kept))


def people(poses: Poses, which: np.ndarray) -> Poses:
    """Return some of the people of a frame, by their indices or a mask."""
    return Poses(
        poses.keypoints_xy[which],
        poses.keypoint_scores[which],
        poses.scores[which],
        poses.skeleton,
        None if poses.ids is None else poses.ids[which],
    )
