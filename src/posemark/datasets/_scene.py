"""Who stands where in a drawn scene, how much of them shows, and the truth about it.

Everything is computed from the figures' geometry; no picture is needed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import COCO_17
from posemark.datasets._figure import HIDDEN, Figure, sample_figure
from posemark.datasets._seeded import between, pick

# Quantiles of the height of the 6352 COCO val2017 person boxes with key points.
_HEIGHT_AT = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
_HEIGHT_PX = (40.0, 44.1, 58.4, 68.8, 98.4, 160.9, 281.0, 395.0, 456.6, 591.5, 620.0)

# In company people are smaller. Medians by people in the frame (1, 2, 3-4, 5-8, 9 or
# more) over the overall one, from 1,427 people of 500 val2017 images; lowered by 5 %, which
# keeps the overall median here.
_COMPANY = ((1, 1.5), (2, 1.15), (4, 1.05), (8, 0.78), (13, 0.72))

# What shows of a person: share, and the body levels (see _levels) between which the upper
# and the lower edge lie. Set so that the labelled joints come near COCO's 10.7 a person.
_TOP, _BOTTOM = (0.0, 0.0), (5.0, 5.0)
_VIEWS = (
    (0.38, _TOP, _BOTTOM),
    (0.10, _TOP, (3.15, 3.9)),  # without the feet
    (0.15, _TOP, (2.15, 3.0)),  # down to the thighs
    (0.25, _TOP, (1.25, 2.1)),  # the upper body
    (0.12, (0.9, 2.0), _BOTTOM),  # without the head
)
_GUESSABLE = 1.0  # head radii behind a barrier's rim up to which annotators place a joint
_SKIPPED_SEEN, _SKIPPED_HIDDEN = 0.06, 0.3  # shares that annotators leave out
_PAIRS = (slice(5, 7), slice(11, 13), slice(13, 15), slice(15, 17))  # shoulders ... ankles
_TRIES = 12  # places looked at for someone who has others in front
_GRID = 20


@dataclass(frozen=True, slots=True)
class Person:
    """A figure in image pixels, and what can be seen of it.

    window_xyxy: the part of the image that is not behind the person's own barrier.
    barrier_xyxy: whole pixels, right and lower edge exclusive; None without a barrier.
    """

    figure: Figure
    window_xyxy: tuple[float, float, float, float]
    barrier_xyxy: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Scene:
    """People from the farthest to the nearest, in an image of (width, height)."""

    size_wh: tuple[int, int]
    people: tuple[Person, ...]


def compose(count: int, size_wh: tuple[int, int], rng: Generator) -> Scene:
    """Place `count` people; the larger, the nearer."""
    heights = sorted((_height(k, count, rng) for k in range(count)), reverse=True)
    nearest_first: list[Person] = []
    for height in heights:
        nearest_first.append(_place(height, size_wh, nearest_first, rng))
    return Scene(size_wh, tuple(reversed(nearest_first)))


def truth_of(scene: Scene, rng: Generator) -> Truth:
    """The annotations, rounded to 0.01 px; an unlabelled joint is x = y = v = 0."""
    people = scene.people
    labelled = [_annotated(p, people[i + 1 :], rng) for i, p in enumerate(people)]
    boxes = [_box(p, joints) for p, joints in zip(people, labelled, strict=True)]
    areas = [
        _area(p, people[i + 1 :], box) for i, (p, box) in enumerate(zip(people, boxes, strict=True))
    ]
    return Truth(
        keypoints_xyv=np.array(labelled, np.float64).reshape(-1, 17, 3),
        boxes_xywh=np.array(boxes, np.float64).reshape(-1, 4),
        areas=np.array(areas, np.float64),
        is_crowd=np.zeros(len(people), bool),
        skeleton=COCO_17,
    )


def _height(place: int, count: int, rng: Generator) -> float:
    """The visible height in pixels of one of `count` people, stratified over the frame."""
    quantile = (place + float(rng.random())) / count
    usual = float(np.interp(quantile, _HEIGHT_AT, _HEIGHT_PX))
    return usual * next(factor for most, factor in _COMPANY if count <= most)


def _place(height: float, size_wh: tuple[int, int], nearer: list[Person], rng: Generator) -> Person:
    """A new figure of which `height` pixels show, where those in front hide little of it."""
    right, bottom = size_wh[0] - 1.0, size_wh[1] - 1.0
    height = min(height, 0.98 * bottom)
    figure = sample_figure(rng)
    levels = _levels(figure)
    upper, lower = _view(levels, rng, large=height > 0.65 * bottom)
    scale = height / (lower - upper)
    low = _lower_edge(height, bottom, lower < levels[-1], rng)
    if upper > levels[0]:  # only the image's edge hides heads
        low = height
    left, y = scale * _anchor(figure, upper, lower), low - scale * lower
    shifts = [
        (between(rng, (0.04, 0.96)) * right - left, y) for _ in range(_TRIES if nearer else 1)
    ]
    places = [figure.placed(scale, shift) for shift in shifts]
    figure = min(places, key=lambda at: int(_hidden_by(nearer, at.joints[:, :2]).sum()))
    if lower == levels[-1] or low == bottom:
        return Person(figure, (0.0, 0.0, right, bottom), None)
    return Person(figure, (0.0, 0.0, right, low), _barrier(figure, low, size_wh))


def _view(levels: Floats, rng: Generator, *, large: bool) -> tuple[float, float]:
    """The upper and lower edge of what shows, in the units of the levels."""
    _, upper, lower = _VIEWS[pick(rng.random(), [share for share, _, _ in _VIEWS])]
    if upper != _TOP and not large:
        upper = _TOP
    at = range(len(levels))
    edges = [float(np.interp(between(rng, bounds), at, levels)) for bounds in (upper, lower)]
    return edges[0], edges[1]


def _levels(figure: Figure) -> Floats:
    """(6,) y of: top, shoulders, hips, knees, ankles, bottom; never upwards."""
    centres, radii = figure.balls()
    inner = [figure.joints[part, 1].mean() for part in _PAIRS]
    top, bottom = (centres[:, 1] - radii).min(), (centres[:, 1] + radii).max()
    return np.maximum.accumulate([top, *inner, bottom])


def _lower_edge(height: float, bottom: float, cut: bool, rng: Generator) -> float:
    """Row at which what shows ends: the ground, a barrier's rim, or the image's edge."""
    at_the_edge = cut and (height > 0.6 * bottom or rng.random() < 0.15)
    highest = min(max(height, 0.62 * bottom), bottom - 1)
    return bottom if at_the_edge else between(rng, (highest, bottom - 1))


def _anchor(figure: Figure, upper: float, lower: float) -> float:
    """The x of a middle joint between two rows: kept in the image, one joint is labelled."""
    x, y = figure.joints[figure.visibility > 0, :2].T
    shown = np.sort(x[(y >= upper) & (y <= lower)])
    return float(shown[len(shown) // 2])


def _barrier(figure: Figure, rim: float, size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box in front of all of the figure below the rim."""
    centres, radii = figure.balls()
    low, high = (centres - radii[:, None]).min(axis=0), (centres + radii[:, None]).max(axis=0)
    margin = 0.15 * (high[0] - low[0])
    x0, x1 = max(int(low[0] - margin), 0), min(int(high[0] + margin) + 1, size_wh[0])
    return x0, round(rim), x1, min(int(high[1]) + 2, size_wh[1])


def _annotated(person: Person, nearer: tuple[Person, ...], rng: Generator) -> Floats:
    """(17, 3) x, y and COCO's flag of one person."""
    figure = person.figure
    xy = np.round(figure.joints[:, :2], 2)
    flags = figure.visibility.copy()
    hidden = _hidden_by(nearer, xy) | (xy[:, 1] > person.window_xyxy[3])
    flags[hidden] = np.minimum(flags[hidden], HIDDEN)
    flags[~_guessable(person, xy)] = 0
    skipped = rng.random(17) < _skipped(figure, flags)
    if (flags[~skipped] > 0).any():  # an annotated person has at least one joint
        flags[skipped] = 0
    return np.column_stack([xy, flags]) * (flags > 0)[:, None]


def _skipped(figure: Figure, flags: NDArray[np.int64]) -> Floats:
    """(17,) chances that annotators leave a joint out: hidden, or on a face of few pixels."""
    chances = np.where(flags == HIDDEN, _SKIPPED_HIDDEN, _SKIPPED_SEEN)
    small = float(np.interp(figure.scale, (2.0, 8.0), (0.5, _SKIPPED_SEEN)))
    chances[:5] = np.maximum(chances[:5], small)
    return chances


def _guessable(person: Person, points_xy: Floats) -> NDArray[np.bool_]:
    """(N,): within the image, and not far behind the person's own barrier."""
    x0, y0, x1, y1 = person.window_xyxy
    if person.barrier_xyxy is not None:
        y1 = min(y1 + _GUESSABLE * person.figure.scale, person.barrier_xyxy[3] - 1)
    return _within(points_xy, (x0, y0, x1, y1))


def _hidden_by(nearer: tuple[Person, ...] | list[Person], points_xy: Floats) -> NDArray[np.bool_]:
    """(N,): behind the body or the barrier of any of the people."""
    hidden = np.zeros(len(points_xy), bool)
    for person in nearer:
        hidden |= person.figure.covers(points_xy).any(axis=0)
        if person.barrier_xyxy is not None:
            hidden |= _within(points_xy, person.barrier_xyxy)
    return hidden


def _within(points_xy: Floats, box_xyxy: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    return ((points_xy >= box_xyxy[:2]) & (points_xy <= box_xyxy[2:])).all(axis=1)


def _box(person: Person, joints: Floats) -> Floats:
    """(4,) x, y, w, h around what the window shows of the body, and all labelled joints."""
    window = np.array(person.window_xyxy).reshape(2, 2)
    centres, radii = person.figure.balls()
    nearest = np.clip(centres, *window)
    shown = np.hypot(*(centres - nearest).T) <= radii
    reach = np.concatenate(
        [centres[shown] - radii[shown, None], centres[shown] + radii[shown, None]]
    ).clip(*window)
    points = np.round(np.concatenate([reach, joints[joints[:, 2] > 0, :2]]), 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return np.round(np.concatenate([low, high - low]), 2)


def _area(person: Person, nearer: tuple[Person, ...], box: Floats) -> float:
    """Visible area of the body in px^2, counted on a grid over its box."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * box[2:] + box[:2]
    body = person.figure.covers(grid).any(axis=0) & _within(grid, person.window_xyxy)
    seen = max(int((body & ~_hidden_by(nearer, grid)).sum()), 1)
    return round(float(box[2] * box[3]) * seen / _GRID**2, 2)
