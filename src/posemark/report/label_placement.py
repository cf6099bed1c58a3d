"""Placement of the names of points on a chart, so that they cover neither points nor each other."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from posemark.report import formats
from posemark.report.result_row import Row

FONT_SIZE = 11.5
_CHARACTER_WIDTH = 5.8  # pixels at FONT_SIZE, semi-bold sans serif; estimated on the wide side
_WIDE = frozenset("mwMW")
_POINT_RADIUS = 8.0
_DISTANCES = (3.0, 10.0, 18.0, 28.0)  # pixels between the point and the nearer edge of its label
# Degrees. A label is easiest to read right of its point, then above and below, then elsewhere.
_ANGLES = (0, 90, 270, 45, 315, 180, 135, 225)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels by its centre and half sizes."""

    x: float
    y: float
    half_w: float
    half_h: float

    def overlap(self, other: "Box") -> float:
        """Return the common area in square pixels."""
        width = self.half_w + other.half_w - abs(self.x - other.x)
        height = self.half_h + other.half_h - abs(self.y - other.y)
        return max(width, 0.0) * max(height, 0.0)

    def outside(self, size_wh: tuple[float, float]) -> float:
        """Return by how many pixels the rectangle extends beyond a plot of this size."""
        over_x = max(self.half_w - self.x, self.x + self.half_w - size_wh[0], 0.0)
        over_y = max(self.half_h - self.y, self.y + self.half_h - size_wh[1], 0.0)
        return over_x + over_y


@dataclass(frozen=True)
class Spot:
    """A place for a label.

    Attributes:
        x: of its anchor, in pixels.
        y: of its anchor, in pixels.
        align: the side of the text that is at the anchor: left, center or right.
        box: the rectangle that it covers.
    """

    x: float
    y: float
    align: str
    box: Box


def texts(rows: list[Row]) -> list[str]:
    """Return a letter or model name for each row; where rows share one, also how they differ."""
    names = [row.letter or row.model for row in rows]
    repeated = {name for name, times in Counter(names).items() if times > 1}
    groups = {name: [row for row, own in zip(rows, names, strict=True) if own == name]
              for name in repeated}  # fmt: skip
    return [
        f"{name} {_difference(row, groups[name])}".strip() if name in repeated else name
        for row, name in zip(rows, names, strict=True)
    ]


def short_names(rows: list[Row]) -> list[str]:
    """Return for each row its model and those settings that differ among the rows.

    Where that is not unique, it is the full name of the entry. Settings that all rows share are
    stated once, below the table.
    """
    fields = ("weights", "runtime", "precision")
    differ = [name for name in fields if len({getattr(row, name) for row in rows}) > 1]
    variants = {row.approach: {_variant(o) for o in rows if o.approach == row.approach}
                for row in rows}  # fmt: skip
    found: list[str] = []
    for row in rows:
        words = [value for name in differ if (value := getattr(row, name)) != "none"]
        kind = [_variant(row)] if len(variants[row.approach]) > 1 else []
        found.append(" ".join(filter(None, [row.model, *words, *kind])))
    seen = Counter((name, row.machine) for name, row in zip(found, rows, strict=True))
    return [
        name if seen[name, row.machine] == 1 else row.entry
        for name, row in zip(found, rows, strict=True)
    ]


def _variant(row: Row) -> str:
    """The variant in the name of the entry: gt, detected, single or multi."""
    return row.entry.rpartition("@")[2].partition("+")[0] if "@" in row.entry else ""


def _difference(row: Row, group: list[Row]) -> str:
    fields = ("weights", "runtime", "precision")
    differ = [name for name in fields if len({getattr(other, name) for other in group}) > 1]
    # Weights "none" add no word: most rows have no weights, and hollow marks say so.
    found = (str(getattr(row, name)) for name in differ)
    words = [value.partition(":")[0] for value in found if value != "none"]
    words += _boxes(row, group)
    if len({other.smooth for other in group}) > 1:
        words += ["smooth"] * row.smooth
    if len({other.scales for other in group}) > 1:
        words.append(formats.counted(len(row.scales), "scale"))
    return " ".join(words)


def _boxes(row: Row, group: list[Row]) -> list[str]:
    """Return the words for the boxes of a row: their kind, or how its detector differs."""
    if len({other.boxes for other in group}) == 1:
        return []
    kind, _, named = row.boxes.partition(":")
    detectors = {other.boxes for other in group if other.boxes.startswith("detector:")}
    if kind != "detector" or len(detectors) == 1:
        return [kind]
    name, _, every = named.partition("@every=")
    names = {each.partition(":")[2].partition("@every=")[0] for each in detectors}
    looks = f"every {every}" if every else ""
    return [word for word in (name if len(names) > 1 or not looks else "", looks) if word]


def around(start: tuple[float, float], end: tuple[float, float], room: float) -> Box:
    """Return the rectangle around a horizontal or vertical line that labels avoid.

    Args:
        start: (x, y) of one end in pixels.
        end: (x, y) of the other end in pixels.
        room: pixels that are kept free on either side.
    """
    (x1, y1), (x2, y2) = start, end
    return Box((x1 + x2) / 2, (y1 + y2) / 2, abs(x2 - x1) / 2 + room, abs(y2 - y1) / 2 + room)


def place(
    points_xy: list[tuple[float, float]],
    labels: list[str],
    size_wh: tuple[float, float],
    keep_clear: Sequence[Box] = (),
) -> list[Spot]:
    """Place each label at the least covered of the spots around its point, one after another.

    Args:
        points_xy: (x, y) of the points in pixels.
        labels: the label of each point.
        size_wh: size of the plot in pixels.
        keep_clear: rectangles that labels avoid.

    Returns:
        A spot for each label, in the order given.
    """
    marks = [Box(x, y, _POINT_RADIUS, _POINT_RADIUS) for x, y in points_xy]
    taken = [*marks, *keep_clear]
    chosen: dict[int, Spot] = {}
    # The shortest first: a letter must be close to its point, a longer name is clear further away.
    for index in sorted(range(len(labels)), key=lambda index: len(labels[index])):
        spots = _spots(marks[index], _width(labels[index]) / 2)
        costs = [rank + _cost(spot.box, taken, size_wh) for rank, spot in enumerate(spots)]
        chosen[index] = spots[costs.index(min(costs))]
        taken.append(chosen[index].box)
    return [chosen[index] for index in range(len(labels))]


def _width(text: str) -> float:
    """Width in pixels. Wide letters count almost twice, else a lone "m" would overlap others."""
    return _CHARACTER_WIDTH * (len(text) + 0.8 * sum(letter in _WIDE for letter in text))


def _cost(box: Box, taken: list[Box], size_wh: tuple[float, float]) -> float:
    """Covered area in square pixels; extending beyond the plot costs more than any overlap."""
    return sum(box.overlap(other) for other in taken) + 50 * box.outside(size_wh)


def _spots(mark: Box, half_w: float) -> list[Spot]:
    """All spots around a point, the most legible first."""
    return [
        _spot(mark, half_w, distance, math.radians(angle))
        for distance in _DISTANCES
        for angle in _ANGLES
    ]


def _spot(mark: Box, half_w: float, distance: float, angle: float) -> Spot:
    across, up = round(math.cos(angle), 6), round(math.sin(angle), 6)
    edge = mark.x + across * (mark.half_w + distance)
    y = mark.y - up * (mark.half_h + distance + FONT_SIZE / 2)
    # A label is anchored at the side of its point: its true width depends on the reader's font.
    side = (across > 0) - (across < 0)
    box = Box(edge + side * half_w, y, half_w, FONT_SIZE / 2)
    return Spot(edge, y, ("center", "left", "right")[side], box)
