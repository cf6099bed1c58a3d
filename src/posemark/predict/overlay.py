"""Draws what was found in a picture: skeletons, boxes with ids and scores, and the stage ledger."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from posemark.core.frame import Image, Poses
from posemark.core.stages import STAGES
from posemark.drawing import Colour, draw_boxes, draw_poses, draw_text
from posemark.geometry.body import counted_keypoints, extents
from posemark.predict.frames import TrackedFrame, people
from posemark.tracking.tracker import NO_TRACK, START_SCORE

ID_COLOURS: tuple[Colour, ...] = (
    *((0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167)),
    *((240, 228, 66), (213, 94, 0), (0, 114, 178)),
)
"""The colours of people by id, in turns: the palette of Okabe and Ito without black."""

OTHERS: Colour = (150, 150, 150)
"""The colour of people who are not the subject: grey."""

PLAIN: Colour = (255, 255, 255)
"""The colour of boxes in an image, where nobody is followed: white."""

WIDEST = 3840
"""Largest width in pixels of pictures side by side; wider ones are reduced together."""

_STEADY = 0.9
"""Share of the figures before in the figures that the ledger shows, so that they can be read."""


class Ledger:
    """The milliseconds of the stages and the frames per second, averaged over recent frames."""

    def __init__(self) -> None:
        self._mean_ns = dict[str, float]()

    def lines(self, frame: TrackedFrame) -> list[str]:
        """Take the times of the next frame, and return lines of text.

        The stage `detect` is left out if no detector finds people, as with bottom-up models.
        """
        if not self._mean_ns:
            self._mean_ns = {name: float(frame.stages_ns[name]) for name in STAGES}
        for name, duration in frame.stages_ns.items():
            self._mean_ns[name] += (1 - _STEADY) * (duration - self._mean_ns[name])
        hidden = "detect" if frame.boxes.origin == "given" else None
        total = sum(self._mean_ns.values()) / 1e6
        return [
            f"{1000 / total:.1f} FPS  {total:.1f} ms",
            *(f"{name} {ns / 1e6:.1f} ms" for name, ns in self._mean_ns.items() if name != hidden),
        ]


def annotated(frame: TrackedFrame, title: Sequence[str] = (), subject: int | None = None) -> Image:
    """Return the picture of a frame with the people drawn on it.

    In a video, people are drawn in the colour of their id. In an image, they are drawn in the
    colours of their sides. People whose score is below the one from which the tracker follows
    somebody are left out, unless they are followed.

    Args:
        frame: the frame.
        title: lines of text for the upper left corner.
        subject: the id of the person to be drawn in colour; everybody else is grey. None draws
            everybody in colour.
    """
    image = frame.image_bgr.copy()
    poses = shown(frame.poses)
    colours = _colours(poses, subject)
    counted = counted_keypoints(poses)
    draw_poses(image, replace(poses, keypoint_scores=counted.astype(float)), colours=colours)
    boxes = extents(poses.keypoints_xy, counted)
    for index, label in enumerate(_labels(poses)):
        tone = colours[index] if colours else PLAIN
        draw_boxes(image, boxes[index : index + 1], [label], tone)
    if title:
        draw_text(image, title)
    return image


def shown(poses: Poses) -> Poses:
    """Return the people who are drawn."""
    kept = poses.scores >= START_SCORE
    return people(poses, kept if poses.ids is None else kept | (poses.ids != NO_TRACK))


def side_by_side(images: Sequence[Image]) -> Image:
    """Return pictures of the same size in one row, at most WIDEST pixels wide."""
    row = np.concatenate(images, axis=1)
    height, width = row.shape[:2]
    if width <= WIDEST:
        return row
    reduced = cv2.resize(
        row, (WIDEST, round(height * WIDEST / width)), interpolation=cv2.INTER_AREA
    )
    return reduced.astype(np.uint8, copy=False)


def _colours(poses: Poses, subject: int | None) -> list[Colour]:
    if poses.ids is None:
        return []
    if subject is not None:
        return [_colour(i) if i == subject else OTHERS for i in poses.ids.tolist()]
    return [_colour(i) for i in poses.ids.tolist()]


def _colour(person: int) -> Colour:
    return OTHERS if person == NO_TRACK else ID_COLOURS[person % len(ID_COLOURS)]


def _labels(poses: Poses) -> list[str]:
    ids = [NO_TRACK] * len(poses) if poses.ids is None else poses.ids.tolist()
    texts = [f"{score:.2f}" for score in poses.scores.tolist()]
    return [text if i == NO_TRACK else f"#{i} {text}" for i, text in zip(ids, texts, strict=True)]
