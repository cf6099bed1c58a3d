"""What flows through a run: a frame in, boxes beside it, poses out.

Coordinates everywhere are image pixels, (x, y) order, with (0, 0) at the *centre* of the
top-left pixel; boxes are (x, y, w, h) as in COCO.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.skeleton import Skeleton

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Truth:
    """The annotated people of one frame.

    keypoints_xyv: (P, K, 3); v is COCO visibility: 0 unlabelled, 1 hidden, 2 visible.
    boxes_xywh: (P, 4). areas: (P,) px^2, COCO's segment area. is_crowd: (P,) bool. skeleton:
    which K key points they are, with their sigmas.
    """

    keypoints_xyv: Floats
    boxes_xywh: Floats
    areas: Floats
    is_crowd: NDArray[np.bool_]
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.boxes_xywh)


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera image, still encoded, and what is known about it.

    read: returns the encoded bytes (JPEG or PNG); raises FrameError if there are none.
    size_wh: (width, height) the annotations were made for.
    """

    image_id: int
    name: str
    size_wh: tuple[int, int]
    read: Callable[[], bytes]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Boxes:
    """Person boxes of one frame: boxes_xywh (N, 4) float64, scores (N,) float64 in 0..1.

    dropped counts boxes that the source held but that cannot be cropped (no size, or
    wholly outside the image).
    """

    boxes_xywh: Floats
    scores: Floats
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.boxes_xywh)


NOBODY = Boxes(np.zeros((0, 4)), np.zeros(0))
"""No boxes: for models that see the whole image."""


@dataclass(frozen=True, slots=True)
class Poses:
    """The people found in one frame.

    keypoints_xy: (N, K, 2) image pixels. keypoint_scores: (N, K). scores: (N,) person scores.
    skeleton: which K key points they are, with their sigmas.
    """

    keypoints_xy: Floats
    keypoint_scores: Floats
    scores: Floats
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.scores)
