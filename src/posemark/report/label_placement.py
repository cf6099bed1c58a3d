"""Where the names of points go on a chart, so that they cover neither points nor each other."""

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
# Right of the point reads best, then above and below, then the rest.
_ANGLES = (0, 90, 270, 45, 315, 180, 135, 225)


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels by its centre and half sizes."""

    x: float
    y: float
    half_w: float
    half_h: float

    def overlap(self, other: "Box") -> float:
        """The common area in square pixels."""
        width = self.half_w + other.half_w - abs(self.x - other.x)
        height = self.half_h + other.half_h - abs(self.y - other.y)
        return max(width, 0.0) * max(height, 0.0)

    def outside(self, size_wh: tuple[float, float]) -> float:
        """By how many pixels the rectangle leaves a plot of this size."""
        over_x = max(self.half_w - self.x, self.x + self.half_w - size_wh[0], 0.0)
        over_y = max(self.half_h - self.y, self.y + self.half_h - size_wh[1], 0.0)
        return over_x + over_y


@dataclass(frozen=True)
class Spot:
    """A place for a label: its anchor in pixels, the side of the text that lies there."""

    x: float
    y: float
    align: str
    box: Box


def texts(rows: list[Row]) -> list[str]:
    """A letter or model name for each row; rows that would share one also say how they differ."""
    names = [row.letter or row.model for row in rows]
    repeated = {name for name, times in Counter(names).items() if times > 1}
    groups = {name: [row for row, own in zip(rows, names, strict=True) if own == name]
              for name in repeated}  # fmt: skip
    return [
        f"{name} {_difference(row, groups[name])}".strip() if name in repeated else name
        for row, name in zip(rows, names, strict=True)
    ]


def short_names(rows: list[Row]) -> list[str]:
    """Model of each row and what differs among all of them; its whole key where that is no name.

    What all rows share is said once, below the table.
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
    """gt, detected, single or multi, as the entry's key names it."""
    return row.entry.rpartition("@")[2].partition("+")[0] if "@" in row.entry else ""


def _difference(row: Row, group: list[Row]) -> str:
    fields = ("weights", "runtime", "precision", "boxes")
    differ = [name for name in fields if len({getattr(other, name) for other in group}) > 1]
    # Weights "none" are the bare name: most rows have none, and hollow marks say so.
    found = (str(getattr(row, name)) for name in differ)
    words = [value.partition(":")[0] for value in found if value != "none"]
    if len({other.scales for other in group}) > 1:
        words.append(formats.counted(len(row.scales), "scale"))
    return " ".join(words)


def around(start: tuple[float, float], end: tuple[float, float], room: float) -> Box:
    """The rectangle that keeps labels off a horizontal or vertical line."""
    (x1, y1), (x2, y2) = start, end
    return Box((x1 + x2) / 2, (y1 + y2) / 2, abs(x2 - x1) / 2 + room, abs(y2 - y1) / 2 + room)


def place(
    points_xy: list[tuple[float, float]],
    labels: list[str],
    size_wh: tuple[float, float],
    keep_clear: Sequence[Box] = (),
) -> list[Spot]:
    """Where each label goes: the least covered of the spots around its point, one by one."""
    marks = [Box(x, y, _POINT_RADIUS, _POINT_RADIUS) for x, y in points_xy]
    taken = [*marks, *keep_clear]
    chosen: dict[int, Spot] = {}
    # The shortest first: a letter must stand close to its point, a name can be told from afar.
    for index in sorted(range(len(labels)), key=lambda index: len(labels[index])):
        spots = _spots(marks[index], _width(labels[index]) / 2)
        costs = [rank + _cost(spot.box, taken, size_wh) for rank, spot in enumerate(spots)]
        chosen[index] = spots[costs.index(min(costs))]
        taken.append(chosen[index].box)
    return [chosen[index] for index in range(len(labels))]


def _width(text: str) -> float:
    """In pixels; wide letters count as almost two, or a lone "m" would reach into its neighbour."""
    return _CHARACTER_WIDTH * (len(text) + 0.8 * sum(letter in _WIDE for letter in text))


def _cost(box: Box, taken: list[Box], size_wh: tuple[float, float]) -> float:
    """Covered square pixels; leaving the plot costs more than any of them."""
    return sum(box.overlap(other) for other in taken) + 50 * box.outside(size_wh)


def _spots(mark: Box, half_w: float) -> list[Spot]:
    """All spots around a point, best reading first."""
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
