"""L1: draws people on an image with OpenCV: poses, annotated people and boxes.

All functions draw into the image they are given, at coordinates in its pixels, with (0, 0) at the
centre of the top-left pixel. Lines are as wide as the image asks for, and every line has a dark
edge, so that it is visible on any background. The colours stay apart for colour-blind readers;
they are from the palette of Okabe and Ito, "Color Universal Design" (2008).

A pose and the truth differ in shape as well as in colour: a pose has lines in the colours of its
sides and filled key points, an annotated person has white lines and open key points.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats, Image, Poses, Truth
from posemark.core.skeleton import Skeleton

Colour = tuple[int, int, int]
"""Red, green and blue in 0..255, as on a web page."""

LEFT: Colour = (86, 180, 233)
"""The colour of the left side of a person, from the person's own point of view: sky blue."""

RIGHT: Colour = (230, 159, 0)
"""The colour of the right side: orange."""

MIDDLE: Colour = (204, 121, 167)
"""The colour of parts without a side, and of limbs from one side to the other: purple."""

TRUTH: Colour = (255, 255, 255)
"""The colour of the limbs of annotated people: white."""

EDGE: Colour = (20, 20, 20)
"""The colour of the edge of every line."""

_SIZE_OF_LINE = 240
"""Pixels of the shorter side of an image for each pixel of the width of its lines."""

_FAR = 4096
"""Pixels beyond the image from which a key point is not drawn; OpenCV cannot draw any distance."""

_SHIFT = 4
"""Bits of the fraction of a coordinate."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_poses(
    image: Image, poses: Poses, above: float = 0.0, colours: Sequence[Colour] = ()
) -> None:
    """Draw the people that a model found.

    Args:
        image: (H, W, 3) BGR pixels, drawn into.
        poses: the people, in pixels of this image.
        above: key points are drawn if their score is above this. Those that a model did not find
            have the score 0.
        colours: one colour per person; none draws people in the colours of their sides.
    """
    width = line_width(image)
    sides = _colours(poses.skeleton)
    for person, points in enumerate(poses.keypoints_xy):
        tones = (colours[person],) * len(sides) if colours else sides
        drawn = _drawable(image, points) & (poses.keypoint_scores[person] > above)
        limbs = _limbs(poses.skeleton, drawn)
        lines = [(points[a], points[b], _limb_colour(tones, a, b)) for a, b in limbs]
        _draw_lines(image, lines, width)
        for index in np.flatnonzero(drawn).tolist():
            _draw_dot(image, points[index], tones[index], width)


def draw_truth(image: Image, truth: Truth) -> None:
    """Draw the annotated people; open circles are visible key points, crosses are hidden ones.

    Args:
        image: (H, W, 3) BGR pixels, drawn into.
        truth: the people, in pixels of this image. Key points without a label are left out.
    """
    width = line_width(image)
    colours = _colours(truth.skeleton)
    for person in truth.keypoints_xyv:
        points, visibility = person[:, :2], person[:, 2]
        drawn = _drawable(image, points) & (visibility > 0)
        limbs = _limbs(truth.skeleton, drawn)
        _draw_lines(image, [(points[a], points[b], TRUTH) for a, b in limbs], width)
        for index in np.flatnonzero(drawn).tolist():
            draw = _draw_ring if visibility[index] > 1 else _draw_cross
            draw(image, points[index], colours[index], width)


def draw_boxes(
    image: Image, boxes_xywh: Floats, labels: Sequence[str] = (), colour: Colour = TRUTH
) -> None:
    """Draw boxes, each with a label above its upper left corner, or inside it if there is no room.

    A box that extends beyond the image is drawn up to its edge; one that is outside is left out.

    Args:
        image: (H, W, 3) BGR pixels, drawn into.
        boxes_xywh: (N, 4) boxes in pixels of this image.
        labels: N texts of ASCII characters; none draws the boxes alone.
        colour: the colour of the lines.
    """
    height, width = image.shape[:2]
    line = line_width(image)
    low, high = (line, line), (width - 1 - line, height - 1 - line)
    for index, (x, y, w, h) in enumerate(boxes_xywh.tolist()):
        if x + w < 0 or y + h < 0 or x >= width or y >= height:
            continue
        corners = np.clip([(x, y), (x + w, y + h)], low, high).round().astype(int)
        first, last = ((int(corner[0]), int(corner[1])) for corner in corners)
        for tone, thickness in ((EDGE, line + 2), (colour, line)):
            cv2.rectangle(image, first, last, tone[::-1], thickness, cv2.LINE_AA)
        if labels:
            _draw_label(image, first, labels[index], colour)


def draw_text(image: Image, lines: Sequence[str]) -> None:
    """Draw lines of text on a dark plate in the upper left corner, in letters that can be read.

    Args:
        image: (H, W, 3) BGR pixels, drawn into.
        lines: texts of ASCII characters.
    """
    height = max(_LEAST_LETTERS, min(image.shape[:2]) // _LETTERS)
    scale, stroke = height / _HERSHEY, max(1, height // 10)
    widths = [cv2.getTextSize(line, _FONT, scale, stroke)[0][0] for line in lines]
    step = round(1.7 * height)
    plate = image[: step * len(lines) + height // 2, : max(widths, default=0) + height]
    plate[:] = plate // 4  # what is below remains visible
    for number, line in enumerate(lines, 1):
        place = (height // 2, step * number - height // 4)
        cv2.putText(image, line, place, _FONT, scale, TRUTH, stroke, cv2.LINE_AA)


_LETTERS, _LEAST_LETTERS = 45, 9
"""Capital letters in the shorter side of an image one above the other, and their least height in
pixels."""

_HERSHEY = 22
"""Height in pixels of OpenCV's capital letters at scale 1."""


def line_width(image: Image) -> int:
    """Return the width in pixels of the lines on an image of this size."""
    return max(2, round(min(image.shape[:2]) / _SIZE_OF_LINE))


# ---------------------------------------------------------------------------- skeletons


@cache
def _colours(skeleton: Skeleton) -> tuple[Colour, ...]:
    """Return the colour of every key point, by its side."""
    found = [MIDDLE] * len(skeleton.keypoints)
    for left, right in skeleton.flip_pairs:
        found[left], found[right] = LEFT, RIGHT
    return tuple(found)


def _limb_colour(colours: Sequence[Colour], one: int, other: int) -> Colour:
    """Return the colour of the side that a limb is on; a limb to the nose is on its other end's."""
    sides = {colours[one], colours[other]} - {MIDDLE}
    return sides.pop() if len(sides) == 1 else MIDDLE


def _limbs(skeleton: Skeleton, drawn: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    return ((a, b) for a, b in skeleton.limbs if drawn[a] and drawn[b])


def _drawable(image: Image, points_xy: Floats) -> NDArray[np.bool_]:
    """Return (K,) which points are numbers and not too far from the image."""
    height, width = image.shape[:2]
    near = (points_xy > -_FAR) & (points_xy < (width + _FAR, height + _FAR))
    return np.logical_and.reduce(near, axis=-1)


# ------------------------------------------------------------------------------- strokes


def _draw_lines(image: Image, lines: Sequence[tuple[Any, Any, Colour]], width: int) -> None:
    """Draw the edges of all lines before their colours, so that no edge crosses a colour."""
    for start, end, _ in lines:
        cv2.line(image, _fixed(start), _fixed(end), EDGE, width + 2, cv2.LINE_AA, _SHIFT)
    for start, end, colour in lines:
        cv2.line(image, _fixed(start), _fixed(end), colour[::-1], width, cv2.LINE_AA, _SHIFT)


def _draw_dot(image: Image, point: Floats, colour: Colour, width: int) -> None:
    for radius, tone in ((width + 2, EDGE), (width + 1, colour)):
        _circle(image, point, radius, tone, cv2.FILLED)


def _draw_ring(image: Image, point: Floats, colour: Colour, width: int) -> None:
    for thickness, tone in ((width + 2, EDGE), (width, colour)):
        _circle(image, point, 2 * width, tone, thickness)


def _draw_cross(image: Image, point: Floats, colour: Colour, width: int) -> None:
    arms = 2 * width * np.array([[1, 1], [1, -1]])
    lines = [(point - arm, point + arm, colour) for arm in arms]
    _draw_lines(image, lines, width)


def _circle(image: Image, point: Floats, radius: int, colour: Colour, thickness: int) -> None:
    around = (_fixed(point), radius << _SHIFT)
    cv2.circle(image, *around, colour[::-1], thickness, cv2.LINE_AA, _SHIFT)


def _draw_label(image: Image, corner: tuple[int, int], text: str, colour: Colour) -> None:
    """Draw dark text on a plate of this colour, above the corner if there is room."""
    scale = line_width(image) / 4.5
    stroke = max(1, round(scale))
    (width, height), below = cv2.getTextSize(text, _FONT, scale, stroke)
    tall = height + 2 * below
    left, top = corner
    top -= tall if top >= tall else 0
    left = max(0, min(left, image.shape[1] - width - below))
    plate = ((left, top), (left + width + below, top + tall))
    cv2.rectangle(image, *plate, colour[::-1], cv2.FILLED)
    place = (left + below // 2, top + height + below)
    cv2.putText(image, text, place, _FONT, scale, EDGE, stroke, cv2.LINE_AA)


def _fixed(point: Floats) -> tuple[int, int]:
    """Return a point in OpenCV's fixed-point numbers."""
    x, y = np.rint(np.asarray(point, np.float64) * (1 << _SHIFT)).astype(int).tolist()
    return x, y
