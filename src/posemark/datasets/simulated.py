"""Person boxes with the statistics of a detector, made from the truth by chance.

They stand in for a detector where only its load matters: how many boxes a top-down model
gets, how well they fit, how many are nobody. The file behind most published "detected
boxes" figures, COCO_val2017_detections_AP_H_56_person.json, holds about 104,000 boxes for
5000 frames: 20.8 a frame, most of low score, at a person AP of 56. The shape of the
distributions here is ours; on the sample scenes the AP of these boxes is about 57.

Boxes depend on nothing but the frame's image_id, size and truth. Their number follows a
low-discrepancy sequence over image_id, so that the first n frames of a data set numbered
from 1 average within 3 of 20.8 for n >= 8 and within 1 for n >= 100. A frame with more
detected people than its number keeps them all.
"""

import numpy as np
from numpy.random import Generator

from posemark.core.frame import Boxes, Floats, Frame
from posemark.datasets._seeded import SILVER, between, generator, kronecker

VERSION = "simulated-1"

# Boxes a frame: 5 + 45 u^1.848 for u uniform in 0..1, of mean 5 + 45 / 2.848 = 20.8.
_FEWEST, _SPREAD, _SKEW = 5, 45, 1.848
_SMALLEST = 4.0  # pixels
_SMALL, _LARGE = 32.0**2, 96.0**2  # COCO's limits of object area
_FOUND_SMALL, _FOUND_LARGE = 0.80, 0.95
_SHARE_OF_PARTS = 0.35  # of the boxes that are not the best of a person, where there is one


def simulated_boxes(frame: Frame) -> Boxes:
    """What a detector might have found in the frame, best score first."""
    rng = generator(f"{VERSION}:{frame.image_id}")
    count = _count(frame.image_id)
    real = ~frame.truth.is_crowd
    seen = np.array([_seen(area, rng) for area in frame.truth.areas[real]], bool)
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
    """Whether a person is found at any score; between small and large by log area."""
    log_area = np.log(max(area, 1.0))
    limits = np.log((_SMALL, _LARGE))
    return bool(rng.random() < np.interp(log_area, limits, (_FOUND_SMALL, _FOUND_LARGE)))


def _found(box_xywh: Floats, rng: Generator) -> tuple[float, ...]:
    """The box of a found person: x, y, w, h, score; the surer, the closer."""
    doubt = float(rng.random()) ** 2
    score = 0.99 - 0.75 * doubt
    return (*_jittered(box_xywh, 0.03 + 0.15 * doubt, rng), score)


def _jittered(box_xywh: Floats, spread: float, rng: Generator) -> tuple[float, ...]:
    """The box with its edges moved by up to twice `spread` of its size, mostly less."""
    x, y, w, h = (float(v) for v in box_xywh)
    left, top, right, bottom = (
        spread * (float(rng.random()) + float(rng.random()) - 1) * 2 for _ in range(4)
    )
    return x + left * w, y + top * h, w * (1 - left + right), h * (1 - top + bottom)


def _other(people: Floats, size_wh: tuple[int, int], rng: Generator) -> tuple[float, ...]:
    """A box that is not anybody's best one: x, y, w, h, score."""
    if len(people) and rng.random() < _SHARE_OF_PARTS:
        person = people[int(rng.random() * len(people))]
        return (*_part_of(person, rng), 0.01 + 0.5 * float(rng.random()) ** 6)
    return (*_nowhere(size_wh, rng), 0.005 + 0.6 * float(rng.random()) ** 8)


def _part_of(box_xywh: Floats, rng: Generator) -> tuple[float, ...]:
    """A loose duplicate, or a box around a part of a person."""
    if rng.random() < 0.3:
        return _jittered(box_xywh, 0.2, rng)
    x, y, w, h = (float(v) for v in box_xywh)
    part_w, part_h = w * between(rng, (0.4, 0.9)), h * between(rng, (0.25, 0.7))
    return x + between(rng, (0, w - part_w)), y + between(rng, (0, h - part_h)), part_w, part_h


def _nowhere(size_wh: tuple[int, int], rng: Generator) -> tuple[float, ...]:
    """Background taken for a person: upright, and small more often than large."""
    width, height = size_wh
    h = height * (0.06 + 0.8 * float(rng.random()) ** 3)
    w = min(h * between(rng, (0.3, 0.9)), 0.9 * width)
    return between(rng, (0, width - w)), between(rng, (0, height - h)), w, h


def _inside(boxes_xywh: Floats, size_wh: tuple[int, int]) -> Floats:
    """(N, 4) boxes cut to the image, at least 4 x 4 px, rounded to 0.01 px."""
    image = np.array(size_wh, np.float64) - 1
    low = np.clip(boxes_xywh[:, :2], 0, image - _SMALLEST)
    high = np.clip(boxes_xywh[:, :2] + boxes_xywh[:, 2:], low + _SMALLEST, image)
    low, high = np.round(low, 2), np.round(high, 2)
    return np.round(np.concatenate([low, high - low], axis=1), 2)
