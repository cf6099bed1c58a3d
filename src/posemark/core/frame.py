"""The data that passes through a run: frames with their annotations, boxes and poses.

All coordinates are image pixels in (x, y) order, with (0, 0) at the *centre* of the top-left
pixel. Boxes are (x, y, w, h) as in COCO.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from posemark.core.counting import counted
from posemark.core.skeleton import Skeleton

Floats = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

Image = NDArray[np.uint8]
"""Pixels (H, W, 3) in BGR order."""

Encoded = bytes | Callable[[], Image]
"""The bytes of a JPEG or PNG file, or the call that decodes the next picture of a video."""

Origin = Literal["given", "detected", "early", "followed"]
"""Where the boxes of a frame come from: they came with the frame; a detector found them, as
scheduled or earlier because a person was lost; or they surround the last poses."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The place of a frame in a video or another clip, whose frames follow each other in time.

    Attributes:
        clip: number of the clip in its data set.
        index: number of the frame in its clip, from 0.
        time_s: seconds since the first frame of the clip.
        from_still: (2, 3) affine from the pixels of the still image that a simulated camera moves
            over to the pixels of this frame; None if the motion of the camera is unknown.
    """

    clip: int
    index: int
    time_s: float
    from_still: Floats | None = None


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
        ids: (P,) who is who in the frames of a clip; None if each frame stands alone.
    """

    keypoints_xyv: Floats
    boxes_xywh: Floats
    areas: Floats
    is_crowd: NDArray[np.bool_]
    skeleton: Skeleton
    ids: Ids | None = None

    def __len__(self) -> int:
        return len(self.boxes_xywh)


@dataclass(frozen=True, slots=True)
class Frame:
    """One camera image, not decoded yet, with its annotations.

    Attributes:
        image_id: its number in the data set.
        name: its file name, for messages.
        size_wh: width and height, in pixels, that its annotations refer to.
        read: does what a camera application would not do, and returns what is to be decoded;
            raises FrameError if it cannot.
        truth: the annotated people; nobody if there are no annotations.
        moment: its place in a clip; None if it stands alone.
    """

    image_id: int
    name: str
    size_wh: tuple[int, int]
    read: Callable[[], Encoded]
    truth: Truth
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Boxes:
    """The person boxes of one frame.

    Attributes:
        boxes_xywh: (N, 4) boxes in pixels, float64.
        scores: (N,) scores in 0..1, float64.
        dropped: number of boxes that the source has but that cannot be cropped, because they
            have no size or are completely outside the image.
        origin: where the boxes come from.
        unused_xywhs: (M, 5) further boxes that a detector found, with their scores, but that are
            too weak or too many to be used; None if there are none.
    """

    boxes_xywh: Floats
    scores: Floats
    dropped: int = 0
    origin: Origin = "given"
    unused_xywhs: Floats | None = None

    def __len__(self) -> int:
        return len(self.boxes_xywh)

    def __repr__(self) -> str:
        return f"Boxes({counted(len(self), 'box', 'boxes')}, {self.origin}{_scores(self.scores)})"


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
        ids: (N,) who is who in a stream of frames; None if nobody is followed.
        unsmoothed_xy: (N, K, 2) positions before they were smoothed; None if they were not.
    """

    keypoints_xy: Floats
    keypoint_scores: Floats
    scores: Floats
    skeleton: Skeleton
    ids: Ids | None = None
    unsmoothed_xy: Floats | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        found = counted(len(self), "person", "people")
        ids = "" if self.ids is None or not len(self) else f", ids {_in_brief(self.ids)}"
        return f"Poses({found}, {self.skeleton.name}{_scores(self.scores)}{ids})"


def _scores(scores: Floats) -> str:
    return f", scores {_in_brief(scores)}" if len(scores) else ""


def _in_brief(values: Floats | Ids) -> str:
    """Return the values as text of one line, at most six of them."""
    return np.array2string(values, precision=2, threshold=6, max_line_width=1000)
