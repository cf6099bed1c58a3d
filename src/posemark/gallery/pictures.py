"""Draws a frame as a small picture, closed up on the people that matter."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from posemark import drawing
from posemark.core.frame import Floats, Image
from posemark.gallery.judged_frames import JudgedFrame
from posemark.score.matching import Flags

WIDTH, HEIGHT = 560, 420
"""Most pixels of a picture."""

MARK: drawing.Colour = (240, 228, 66)
"""The colour of the boxes around what went wrong: yellow."""

UNLABELLED: drawing.Colour = (150, 150, 150)
"""The colour of the boxes of people without labelled key points, and of crowds: grey."""

_MARGIN = 0.15
"""Room on each side of the people, as a share of their size."""

_LEAST_SIDE = 96
"""Least pixels of the image in a picture: fewer would be blurred beyond recognition."""

_QUALITY = 82


@dataclass(frozen=True)
class CloseUp:
    """A part of an image and the picture that it becomes.

    Attributes:
        corner_xy: the upper left pixel.
        part_wh: its size in pixels of the image.
        size_wh: the size of the picture.
    """

    corner_xy: tuple[int, int]
    part_wh: tuple[int, int]
    size_wh: tuple[int, int]

    def picture(self, image: Image) -> Image:
        """Return the part of an image in the size of the picture."""
        (left, top), (width, height) = self.corner_xy, self.part_wh
        part = image[top : top + height, left : left + width]
        shrinks = self.size_wh[0] < width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        return cv2.resize(part, self.size_wh, interpolation=how).astype(np.uint8, copy=False)

    def moved(self, points_xy: Floats) -> Floats:
        """Return points (..., 2) of the image in pixels of the picture."""
        zoom = np.divide(self.size_wh, self.part_wh)
        return (points_xy - self.corner_xy + 0.5) * zoom - 0.5

    def moved_boxes(self, boxes_xywh: Floats) -> Floats:
        """Return boxes (N, 4) of the image in pixels of the picture."""
        zoom = np.divide(self.size_wh, self.part_wh)
        return np.concatenate([self.moved(boxes_xywh[:, :2]), boxes_xywh[:, 2:] * zoom], 1)


def close_up(frames: Sequence[JudgedFrame], size_wh: tuple[int, int]) -> CloseUp:
    """Return the part of a frame with what went wrong; with everybody if nothing did.

    Args:
        frames: the frame as one or several entries see it.
        size_wh: the size of the image.
    """
    wrong = [_places(frame, frame.wrong, frame.spurious) for frame in frames]
    everybody = [_places(frame, frame.counted, frame.spurious) for frame in frames]
    points = np.concatenate(wrong if any(map(len, wrong)) else everybody)
    points = np.clip(points, 0, np.subtract(size_wh, 1))
    low, high = points.min(0), points.max(0)
    sides = np.maximum((high - low) * (1 + 2 * _MARGIN), _LEAST_SIDE)
    sides = np.maximum(sides, sides[::-1] * (WIDTH / HEIGHT, HEIGHT / WIDTH))
    sides = np.minimum(np.ceil(sides), size_wh)
    corner = np.clip(np.rint((low + high - sides) / 2), 0, size_wh - sides)
    zoom = float(min(np.divide((WIDTH, HEIGHT), sides)))
    picture = np.maximum(1, np.rint(sides * zoom))
    (x, y), (w, h), (pw, ph) = (each.astype(int).tolist() for each in (corner, sides, picture))
    return CloseUp((x, y), (w, h), (pw, ph))


def _places(frame: JudgedFrame, people: Flags, poses: Flags) -> Floats:
    """Return (N, 2) the corners of these people and the key points of their and these poses."""
    boxes = frame.truth.boxes_xywh[people]
    taken = frame.pose[people]
    chosen = np.append(taken[taken >= 0], np.flatnonzero(poses))
    found = frame.poses.keypoint_scores[chosen] > 0
    points = frame.poses.keypoints_xy[chosen][found]
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:], points])


def drawn(frame: JudgedFrame, image: Image, part: CloseUp) -> Image:
    """Return the picture of a frame with the truth, the poses and what went wrong.

    Args:
        frame: the frame.
        image: (H, W, 3) BGR pixels of its image.
        part: the part that is shown.
    """
    picture = part.picture(image)
    truth, poses = frame.truth, frame.poses
    points = truth.keypoints_xyv.copy()
    points[..., :2] = part.moved(points[..., :2])
    drawing.draw_boxes(
        picture, part.moved_boxes(truth.boxes_xywh[~frame.counted]), colour=UNLABELLED
    )
    drawing.draw_truth(picture, replace(truth, keypoints_xyv=points))
    drawing.draw_poses(picture, replace(poses, keypoints_xy=part.moved(poses.keypoints_xy)))
    boxes, labels = _marks(frame)
    drawing.draw_boxes(picture, part.moved_boxes(boxes), labels, MARK)
    return picture


def _marks(frame: JudgedFrame) -> tuple[Floats, list[str]]:
    """Return the boxes around what went wrong, and their labels."""
    wrong = np.flatnonzero(frame.wrong)
    labels = ["missed" if frame.pose[at] < 0 else f"OKS {frame.oks[at]:.2f}" for at in wrong]
    spurious = np.flatnonzero(frame.spurious)
    around = np.array([_box_around(frame, at) for at in spurious.tolist()]).reshape(-1, 4)
    boxes = np.concatenate([frame.truth.boxes_xywh[wrong], around])
    return boxes, [*labels, *["spurious"] * len(spurious)]


def _box_around(frame: JudgedFrame, pose: int) -> Floats:
    points = frame.poses.keypoints_xy[pose]
    found = frame.poses.keypoint_scores[pose] > 0
    points = points[found] if found.any() else points
    return np.concatenate([points.min(0), np.ptp(points, axis=0)])


def data_uri(picture: Image) -> str:
    """Return a picture as a JPEG image that is part of a page."""
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"
