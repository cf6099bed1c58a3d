"""Draws person boxes at random around the truth, with the statistics of a detector.

They replace a detector if only its load matters: the number of boxes for a top-down model, how
well they fit, and how many contain no person. The file behind most published figures with
"detected boxes", COCO_val2017_detections_AP_H_56_person.json, has about 104,000 boxes for 5000
frames: 20.8 per frame, most of them with low scores, at a person AP of 56. The shape of the
distributions was chosen for this module; on the sample scenes the AP of its boxes is about 57.

Boxes depend only on the frame's image_id, size and truth. Their number follows a low-discrepancy
sequence over image_id, so that the mean over the first n frames of a data set numbered from 1 is
within 3 of 20.8 for n >= 8 and within 1 for n >= 100. A frame with more detected people than
this number keeps all of them.
"""

import numpy as np
from numpy.random import Generator

from posemark.core.frame import Boxes, Floats, Frame
from posemark.datasets._seeded import SILVER, between, generator, kronecker

VERSION = "simulated-1"
"""The version of the distributions; the fingerprint of these boxes."""

# Boxes per frame: 5 + 45 u^1.848 for u uniform in 0..1; the mean is 5 + 45 / 2.848 = 20.8.
_FEWEST, _SPREAD, _SKEW = 5, 45, 1.848
_SMALLEST = 4.0  # pixels
_SMALL, _LARGE = 32.0**2, 96.0**2  # px^2, COCO's limits between small, medium and large
_FOUND_SMALL, _FOUND_LARGE = 0.80, 0.95  # share of small and of large people that are found
_SHARE_OF_PARTS = 0.35  # share of the other boxes that are around a part of a person


def simulated_boxes(frame: Frame) -> Boxes:
    """Draw the boxes that a detector might find in a frame, best score first.

    Returns:
        Boxes in image pixels, rounded to 0.01 px.
    """
    rng = generator(f"{VERSION}:{frame.image_id}")
    count = _count(frame.image_id)
    real = ~frame.truth.is_crowd
    seen = np.array([_seen(area, rng) for area in frame.truth.areas[real].tolist()], bool)
    people = frame.truth.boxes_xywh[real][seen]
    found = [_found(box, rng) for box in people]
    others = [_other(people, frame.size_wh, rng) for _ in range(count - len(found))]
    rows = np.array(found + others, np.float64)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    return Boxes(_inside(rows[:, :4], frame.size_wh), rows[:, 4].copy())


def _count(image_id: int) -> int:
    u = kronecker(image_id, SILVER, 0.03)
    return round(_FEWEST + _SPREAD * u**_SKEW)


def _seen(area: float, rng: Generator) -> bool:
    """Draw whether a person is found; the chance grows with log area from small to large."""
    log_area = float(np.log(max(area, 1.0)))
    limits: Floats = np.log((_SMALL, _LARGE))
    chance = np.interp(log_area, limits, (_FOUND_SMALL, _FOUND_LARGE))
    return bool(rng.random() < chance)


def _found(box_xywh: Floats, rng: Generator) -> tuple[float, ...]:
    """Draw the box of a found person: x, y, w, h, score; a higher score fits more closely."""
    doubt = float(rng.random()) ** 2
    score = 0.99 - 0.75 * doubt
    return (*_jittered(box_xywh, 0.03 + 0.15 * doubt, rng), score)


def _jittered(box_xywh: Floats, spread: float, rng: Generator) -> tuple[float, ...]:
    """Move the edges of a box by up to twice `spread` of its size, mostly less."""
    x, y, w, h = (float(v) for v in box_xywh)
    left, top, right, bottom = (
        spread * (float(rng.random()) + float(rng.random()) - 1) * 2 for _ in range(4)
    )
    return x + left * w, y + top * h, w * (1 - left + right), h * (1 - top + bottom)


def _other(people: Floats, size_wh: tuple[int, int], rng: Generator) -> tuple[float, ...]:
    """Draw a further box, which is not the best box of any person: x, y, w, h, score."""
    if len(people) and rng.random() < _SHARE_OF_PARTS:
        person = people[int(rng.random() * len(people))]
        return (*_part_of(person, rng), 0.01 + 0.5 * float(rng.random()) ** 6)
    return (*_background(size_wh, rng), 0.005 + 0.6 * float(rng.random()) ** 8)


def _part_of(box_xywh: Floats, rng: Generator) -> tuple[float, ...]:
    """Draw a loose duplicate of a person's box, or a box around a part of the person."""
    if rng.random() < 0.3:
        return _jittered(box_xywh, 0.2, rng)
    x, y, w, h = (float(v) for v in box_xywh)
    part_w, part_h = w * between(rng, (0.4, 0.9)), h * between(rng, (0.25, 0.7))
    return x + between(rng, (0, w - part_w)), y + between(rng, (0, h - part_h)), part_w, part_h


def _background(size_wh: tuple[int, int], rng: Generator) -> tuple[float, ...]:
    """Draw an upright box around background, small more often than large."""
    width, height = size_wh
    h = height * (0.06 + 0.8 * float(rng.random()) ** 3)
    w = min(h * between(rng, (0.3, 0.9)), 0.9 * width)
    return between(rng, (0, width - w)), between(rng, (0, height - h)), w, h


def _inside(boxes_xywh: Floats, size_wh: tuple[int, int]) -> Floats:
    """Return (N, 4) boxes clipped to the image, at least 4 x 4 px, rounded to 0.01 px."""
    image = np.array(size_wh, np.float64) - 1
    low = np.clip(boxes_xywh[:, :2], 0, image - _SMALLEST)
    high = np.clip(boxes_xywh[:, :2] + boxes_xywh[:, 2:], low + _SMALLEST, image)
    low, high = np.round(low, 2), np.round(high, 2)
    return np.round(np.concatenate([low, high - low], axis=1), 2)
