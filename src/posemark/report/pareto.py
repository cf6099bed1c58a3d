"""Pareto fronts: the entries that no other entry beats, and the stepped lines that show them.

Measured and published APs have separate fronts, since a published AP is not a measurement of this
run. Entries on ground-truth boxes have fronts of their own too: an app does not have such boxes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from posemark.report import formats
from posemark.report.result_row import Row

Point = tuple[float, float]

MEASURED = "measured AP and FPS"
PUBLISHED = "published AP, measured FPS"
_ON_TRUTH = " (gt boxes)"
DASHES = {
    MEASURED: [1, 0],
    PUBLISHED: [6, 3],
    MEASURED + _ON_TRUTH: [9, 3, 2, 3],
    PUBLISHED + _ON_TRUTH: [2, 3],
}
SENTENCE = (
    "Stepped lines are Pareto fronts: no mark of its kind is above and right of a line. "
    "Measured AP, published AP and ground-truth boxes are never compared with each other."
)


@dataclass(frozen=True)
class Front:
    """A stepped line.

    Attributes:
        kind: one of DASHES.
        corners: its corners from the upper left, in the units of the axes.
    """

    kind: str
    corners: list[Point]


def pareto(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other point beats, by rising x.

    One point beats another if it is at least as large in both coordinates and larger in one.
    """
    kept: list[Point] = []
    for point in sorted(set(points), reverse=True):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept[::-1]


def kind(row: Row) -> str:
    """Return the kind of front that a row belongs to; "" for a row without any AP."""
    if not formats.ap_known(row):
        return ""
    source = PUBLISHED if formats.measured_ap(row) is None else MEASURED
    return source + (_ON_TRUTH if formats.on_truth(row) else "")


def fronts(rows: list[Row], points: list[Point], origin: Point) -> list[Front]:
    """Return the fronts of rows, each with steps down to the lower left corner of the plot.

    Args:
        rows: the rows.
        points: (AP in points, FPS) of each row.
        origin: lower left corner of the plot in the same units.
    """
    of_kind = {
        name: [point for row, point in zip(rows, points, strict=True) if kind(row) == name]
        for name in DASHES
    }
    return [Front(name, stairs(pareto(found), origin)) for name, found in of_kind.items() if found]


def stairs(front: list[Point], origin: Point) -> list[Point]:
    """Return the corners of the border of the area that a front beats.

    The border is stepped: a straight line from point to point would include points that no entry
    reaches.
    """
    corners = [(origin[0], front[0][1])]
    for x, y in front:
        corners += [(corners[-1][0], y), (x, y)]
    corners.append((front[-1][0], origin[1]))
    return list(dict.fromkeys(corners))
