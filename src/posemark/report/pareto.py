"""Pareto fronts: which entries nobody beats, and the stepped lines that show it.

A front compares like with like. A published AP is no measurement, so measured and published AP
have fronts of their own; and so have ground-truth boxes, which nobody has outside a data set.
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
    "Stepped lines are Pareto fronts: above and right of a line lies no mark of its kind. "
    "Measured AP, published AP and ground-truth boxes are never compared with each other."
)


@dataclass(frozen=True)
class Front:
    """A stepped line by its corners. kind: one of DASHES."""

    kind: str
    corners: list[Point]


def pareto(points: Iterable[Point]) -> list[Point]:
    """The points that no other one matches in both coordinates and beats in one, by rising x."""
    kept: list[Point] = []
    for point in sorted(set(points), reverse=True):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept[::-1]


def kind(row: Row) -> str:
    """Which front a row belongs to; "" without any AP."""
    if not formats.ap_known(row):
        return ""
    source = PUBLISHED if formats.measured_ap(row) is None else MEASURED
    return source + (_ON_TRUTH if formats.on_truth(row) else "")


def fronts(rows: list[Row], points: list[Point], origin: Point) -> list[Front]:
    """The fronts of rows at these points, each down to the lower left corner of the plot."""
    of_kind = {
        name: [point for row, point in zip(rows, points, strict=True) if kind(row) == name]
        for name in DASHES
    }
    return [Front(name, stairs(pareto(found), origin)) for name, found in of_kind.items() if found]


def stairs(front: list[Point], origin: Point) -> list[Point]:
    """The border of what a front beats; a line straight from point to point would promise more."""
    corners = [(origin[0], front[0][1])]
    for x, y in front:
        corners += [(corners[-1][0], y), (x, y)]
    corners.append((front[-1][0], origin[1]))
    return list(dict.fromkeys(corners))
