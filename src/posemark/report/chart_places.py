"""The geometry of an AP-FPS chart: positions of its axes, its marks and their names."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from posemark.report import axis_scales, chart_marks, formats, label_placement, pareto, speed_strip
from posemark.report.result_row import Row

_FRONT_ROOM = 2.0  # pixels to either side of a front that labels avoid
_BAR_ROOM = 1.0  # the same for the line of an interval


@dataclass(frozen=True)
class Layout:
    """Size of a plot, and what is drawn around it.

    Attributes:
        width: width of the plot in pixels.
        height: height of the plot in pixels.
        legend: side of the legends; "" for no legends.
        captions: whether title and key are drawn.
    """

    width: int
    height: int
    legend: str
    captions: bool


@dataclass(frozen=True)
class Plot:
    """What the layers of one chart share.

    Attributes:
        shown: the rows that have a mark.
        x_axis: AP in points.
        y_axis: pose FPS.
        layout: size of the plot.
        colours: colour by family, the same in all views.
    """

    shown: list[Row]
    x_axis: axis_scales.Axis
    y_axis: axis_scales.Axis
    layout: Layout
    colours: dict[str, str]

    @property
    def left(self) -> float:
        """The x in pixels at which the AP axis begins: right of the strip, if there is one."""
        return 0.0 if all(map(formats.ap_known, self.shown)) else speed_strip.WIDTH

    @cached_property
    def points(self) -> list[pareto.Point]:
        """(AP in points, FPS) of every row.

        A row without any AP has a value below the axis that places it in the strip.
        """
        unknown = [row for row in self.shown if not formats.ap_known(row)]
        heights = [self.pixels((self.x_axis.low, row.fps_pose or 0.0))[1] for row in unknown]
        beside = dict(zip(map(id, unknown), speed_strip.lanes(heights), strict=True))
        scale = (self.x_axis.high - self.x_axis.low) / (self.layout.width - self.left)
        places = [
            self.x_axis.low + (beside[id(row)] - self.left) * scale if ap is None else ap
            for row, ap in zip(self.shown, map(chart_marks.ap, self.shown), strict=True)
        ]
        return [(at, row.fps_pose or 0.0) for at, row in zip(places, self.shown, strict=True)]

    @cached_property
    def marks(self) -> list[dict[str, Any]]:
        """The mark of every row; its key `at` is the place along the AP axis."""
        return [
            chart_marks.mark(row) | {"at": at}
            for row, (at, _) in zip(self.shown, self.points, strict=True)
        ]

    @property
    def lines(self) -> list[pareto.Front]:
        """The Pareto fronts of the rows, in the units of the axes."""
        return pareto.fronts(self.shown, self.points, (self.x_axis.low, self.y_axis.low))

    def pixels(self, point: pareto.Point) -> pareto.Point:
        """Return the position of a point in pixels from the upper left corner."""
        x, y = point
        return (
            self.left + self.x_axis.share(x) * (self.layout.width - self.left),
            (1 - self.y_axis.share(y)) * self.layout.height,
        )


def sized(shown: list[Row], layout: Layout, colours: dict[str, str]) -> Plot:
    """Return a plot of these rows, on axes that include all figures and their intervals."""
    x_axis = axis_scales.ap_axis(_extent("ap", shown))
    y_axis = axis_scales.fps_axis(_extent("fps", shown))
    return Plot(shown, x_axis, y_axis, layout, colours)


def _extent(axis: str, shown: list[Row]) -> list[float]:
    """The values that an axis must include: figures, and the ends of their intervals."""
    found = [chart_marks.mark(row) for row in shown]
    return [
        value
        for each in found
        for part in ("", "_low", "_high")
        if (value := each[axis + part]) is not None
    ]


def points(plot: Plot) -> list[dict[str, Any]]:
    """Return the mark of every row with its colour and the position of its name."""
    names = label_placement.texts(plot.shown)
    lines = [[plot.pixels(corner) for corner in front.corners] for front in plot.lines]
    keep_clear = [
        label_placement.around(start, end, _FRONT_ROOM)
        for line in lines
        for start, end in pairwise(line)
    ]
    keep_clear += [label_placement.around(*ends, _BAR_ROOM) for ends in _bar_ends(plot)]
    edge = (plot.left, 0.0), (plot.left, float(plot.layout.height))
    keep_clear += [label_placement.around(*edge, _FRONT_ROOM)] if plot.left else []
    pixels = [plot.pixels(point) for point in plot.points]
    spots = label_placement.place(
        pixels, names, (plot.layout.width, plot.layout.height), keep_clear
    )
    return [
        mark
        | {"colour": plot.colours[mark["family"]]}
        | {"label": name, "label_x": spot.x, "label_y": spot.y, "label_align": spot.align}
        for mark, name, spot in zip(plot.marks, names, spots, strict=True)
    ]


def _bar_ends(plot: Plot) -> list[tuple[pareto.Point, pareto.Point]]:
    """Both ends of every interval, in pixels."""
    ends = [
        ((each["at"], each["fps_low"]), (each["at"], each["fps_high"]))
        for each in plot.marks
        if each["fps_low"]
    ]
    ends += [
        ((each["ap_low"], each["fps"]), (each["ap_high"], each["fps"]))
        for each in plot.marks
        if each["ap_low"]
    ]
    return [(plot.pixels(low), plot.pixels(high)) for low, high in ends]
