"""The data that passes through a run: frames with their annotations, boxes and poses.

All coordinates are image pixels in (x, y) order, with (0, 0) at the *centre* of the top-left
pixel. Boxes are (x, y, w, h) as in COCO.
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

    Attributes:
        keypoints_xyv: (P, K, 3) positions in pixels and COCO's visibility v: 0 unlabelled,
            1 hidden, 2 visible.
        boxes_xywh: (P, 4) boxes in pixels.
        areas: (P,) segment areas in px^2, as COCO annotates them.
        is_crowd: (P,) mask of the regions that are crowds.
        skeleton: the names and sigmas of the K key points.
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
    """One encoded camera image with its annotations.

    Attributes:
        image_id: its number in the data set.
        name: its file name, for messages.
        size_wh: width and height, in pixels, that its annotations refer to.
        read: returns the encoded bytes (JPEG or PNG); raises FrameError if it cannot.
        truth: the annotated people.
    """

    image_id: int
    name: str
    size_wh: tuple[int, int]
    read: Callable[[], bytes]
    truth: Truth


@dataclass(frozen=True, slots=True)
class Boxes:
    """The person boxes of one frame.

    Attributes:
        boxes_xywh: (N, 4) boxes in pixels, float64.
        scores: (N,) scores in 0..1, float64.
        dropped: number of boxes that the source has but that cannot be cropped, because they
            have no size or are completely outside the image.
    """

    boxes_xywh: Floats
    scores: Floats
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.boxes_xywh)


NOBODY = Boxes(np.zeros((0, 4)), np.zeros(0))
"""The boxes of models that see the whole image: there are none."""


@dataclass(frozen=True, slots=True)
class Poses:
    """The people found in one frame.

    Attributes:
        keypoints_xy: (N, K, 2) positions in image pixels.
        keypoint_scores: (N, K) scores of the key points.
        scores: (N,) scores of the people.
        skeleton: the names and sigmas of the K key points.
    """

    keypoints_xy: Floats
    keypoint_scores: Floats
    scores: Floats
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.scores)
