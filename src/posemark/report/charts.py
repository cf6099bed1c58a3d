"""The AP-FPS chart as a Vega-Lite specification, and rendering to SVG and PNG.

A solid mark is an AP of this run, a hollow one a published AP beside the speed of this run; speeds
without any AP stand in a strip beside the axis. Thin lines through a mark are 95 % intervals; a
dashed ring is around a speed whose verdict is not valid.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

from posemark.report import (
    captions,
    comparable,
    context,
    figures,
    fronts,
    labels,
    marks,
    scales,
    strip,
    theme,
)
from posemark.report.rows import Row
from posemark.report.theme import SCHEMA, VEGA_LITE, Spec

MEASURED = "AP measured here"
PUBLISHED = "AP as published (not measured here)"
_LEGEND_INK = "#7a828c"
_HALF_INK = f"{_LEGEND_INK}{round(255 * marks.HALF):02x}"
_LEGEND_WIDTH = 230  # pixels
_CAPTION_LEFT = -44  # pixels from the plot, below the title of the y axis
_CAPTION_TOP = 66  # pixels below the plot
_FRONT_ROOM = 2.0  # pixels to either side of a line that labels keep clear of
_BAR_ROOM = 1.0
LAYERS = ("strip", "fronts", "fps_bars", "ap_bars", "rings", "points", "fill", "names")
"""What each layer of the chart is, from the back to the front."""


@dataclass(frozen=True)
class Layout:
    """Size of the plot in pixels, and what stands around it.

    legend: side of the legends, "" for none. captions: whether title and key are drawn.
    """

    width: int
    height: int
    legend: str
    captions: bool


@dataclass(frozen=True)
class Plot:
    """What the layers of one chart share. colours: by family, the same in all views."""

    shown: list[Row]
    x_axis: scales.Axis
    y_axis: scales.Axis
    layout: Layout
    colours: dict[str, str]

    @property
    def left(self) -> float:
        """Where the AP axis begins, in pixels: right of the strip, if there is one."""
        return 0.0 if all(map(figures.ap_known, self.shown)) else strip.WIDTH

    @cached_property
    def points(self) -> list[fronts.Point]:
        """(place along the AP axis in points, FPS) of every row; in the strip left of its end."""
        unknown = [row for row in self.shown if not figures.ap_known(row)]
        heights = [self.pixels((self.x_axis.low, row.fps_pose or 0.0))[1] for row in unknown]
        beside = dict(zip(map(id, unknown), strip.lanes(heights), strict=True))
        scale = (self.x_axis.high - self.x_axis.low) / (self.layout.width - self.left)
        places = [
            self.x_axis.low + (beside[id(row)] - self.left) * scale if ap is None else ap
            for row, ap in zip(self.shown, map(marks.ap, self.shown), strict=True)
        ]
        return [(at, row.fps_pose or 0.0) for at, row in zip(places, self.shown, strict=True)]

    @cached_property
    def marks(self) -> list[dict[str, Any]]:
        """What is drawn of every row; at: its place along the AP axis."""
        return [
            marks.mark(row) | {"at": at}
            for row, (at, _) in zip(self.shown, self.points, strict=True)
        ]

    @property
    def lines(self) -> list[fronts.Front]:
        """The fronts of the rows, in the units of the axes."""
        return fronts.fronts(self.shown, self.points, (self.x_axis.low, self.y_axis.low))

    def pixels(self, point: fronts.Point) -> fronts.Point:
        """Where a point lies, from the upper left corner."""
        x, y = point
        return (
            self.left + self.x_axis.share(x) * (self.layout.width - self.left),
            (1 - self.y_axis.share(y)) * self.layout.height,
        )


PICTURE = Layout(width=600, height=400, legend="right", captions=True)
# As wide as two panels with their axes: vega puts the legends of all charts right of the widest.
OVER_PANELS = Layout(width=835, height=430, legend="right", captions=False)
PANEL = Layout(width=374, height=290, legend="", captions=False)
WIDE = Layout(width=730, height=430, legend="right", captions=False)
NARROW = Layout(width=275, height=330, legend="bottom", captions=False)


def ap_fps_spec(rows: list[Row], layout: Layout = PICTURE, reasons: Sequence[str] = ()) -> Spec:
    """AP against pose FPS. Rows without any AP are named below the plot, not drawn.

    reasons: sentences on rows that are not among these, for the caption.
    """
    spec = _frame(rows) | _plot(context.plotted(rows), layout, colours(rows))
    if layout.captions:
        texts = captions.texts(rows, layout.width + _LEGEND_WIDTH, reasons)
        spec["title"] = captions.title(rows)
        spec["layer"].append(captions.layer(texts, _CAPTION_LEFT, layout.height + _CAPTION_TOP))
    return spec


def picture_spec(rows: list[Row]) -> Spec:
    """The chart that stands alone: the largest group of comparable rows; the others are named.

    Where both approaches occur, a panel of each stands below.
    """
    groups = comparable.groups(rows)
    shown = groups[0].rows if groups else rows
    return _picture(shown, comparable.reasons(rows))


def _picture(rows: list[Row], reasons: list[str]) -> Spec:
    panels = context.by_approach(context.plotted(rows))
    if not panels:
        return ap_fps_spec(rows, reasons=reasons)
    of_family, width = colours(rows), OVER_PANELS.width + _LEGEND_WIDTH
    combined = _plot(context.plotted(rows), OVER_PANELS, of_family)
    small = [
        _plot(own, PANEL, of_family) | {"title": _panel_title(approach)}
        for approach, own in panels.items()
    ]
    texts = captions.texts(rows, width, reasons)
    height = captions.LINE * max(text["line"] for text in texts)
    below: Spec = {
        "width": 1,  # texts may reach below the legends, which stand right of the widest view
        "height": height,
        "layer": [captions.layer(texts, _CAPTION_LEFT, 0)],
    }
    return _frame(rows) | {
        "title": captions.title(rows),
        "align": "none",
        "spacing": 26,
        "vconcat": [combined, {"hconcat": small, "spacing": 34}, below],
    }


def _panel_title(approach: str) -> Spec:
    text = f"{approach.capitalize()} only, on axes of its own"
    return {"text": text, "anchor": "start", "fontSize": 13, "offset": 8}


def _frame(rows: list[Row]) -> Spec:
    return {
        "$schema": SCHEMA,
        "description": context.sentence(rows),
        "padding": 16,
        "config": theme.LIGHT,
    }


def colours(rows: list[Row]) -> dict[str, str]:
    """The colour of every family; those that an AP-FPS chart shows have the first ones."""
    families = context.distinct(marks.family(row) for row in [*context.plotted(rows), *rows])
    return dict(zip(families, theme.families(families), strict=True))


def empty_spec(rows: list[Row], layout: Layout) -> Spec:
    """The same chart before anything is placed: only what its layers look like."""
    plot = _sized(context.plotted(rows), layout, colours(rows))
    return _frame(rows) | {"layer": _layers(plot)}


def _plot(shown: list[Row], layout: Layout, colours: dict[str, str]) -> Spec:
    plot = _sized(shown, layout, colours)
    return {
        "width": layout.width,
        "height": layout.height,
        "data": {"values": _points(plot)},
        "layer": _layers(plot),
    }


def _sized(shown: list[Row], layout: Layout, colours: dict[str, str]) -> Plot:
    x_axis = scales.ap_axis(_extent("ap", shown))
    y_axis = scales.fps_axis(_extent("fps", shown))
    return Plot(shown, x_axis, y_axis, layout, colours)


def _layers(plot: Plot) -> list[Spec]:
    """As LAYERS names them."""
    return [
        _strip(plot),
        _fronts(plot),
        _bar("fps", plot),
        _bar("ap", plot),
        _rings(plot),
        _marks(plot),
        _fill_legend(plot),
        _names(),
    ]


def _extent(axis: str, shown: list[Row]) -> list[float]:
    """What an axis must hold: figures, and the ends of their intervals."""
    found = [marks.mark(row) for row in shown]
    return [
        value
        for each in found
        for part in ("", "_low", "_high")
        if (value := each[axis + part]) is not None
    ]


def _points(plot: Plot) -> list[dict[str, Any]]:
    names = labels.texts(plot.shown)
    lines = [[plot.pixels(corner) for corner in front.corners] for front in plot.lines]
    keep_clear = [
        labels.around(start, end, _FRONT_ROOM) for line in lines for start, end in pairwise(line)
    ]
    keep_clear += [labels.around(*ends, _BAR_ROOM) for ends in _bar_ends(plot)]
    edge = (plot.left, 0.0), (plot.left, float(plot.layout.height))
    keep_clear += [labels.around(*edge, _FRONT_ROOM)] if plot.left else []
    pixels = [plot.pixels(point) for point in plot.points]
    spots = labels.place(pixels, names, (plot.layout.width, plot.layout.height), keep_clear)
    return [
        mark
        | {"colour": plot.colours[mark["family"]]}
        | {"label": name, "label_x": spot.x, "label_y": spot.y, "label_align": spot.align}
        for mark, name, spot in zip(plot.marks, names, spots, strict=True)
    ]


def _bar_ends(plot: Plot) -> list[tuple[fronts.Point, fronts.Point]]:
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


def _x(field: str, plot: Plot) -> Spec:
    channel = _channel(field, "AP in points, more accurate →", plot.x_axis)
    if plot.left:
        channel["scale"] |= {"range": [plot.left, plot.layout.width]}
    return channel


def _y(field: str, plot: Plot) -> Spec:
    return _channel(field, f"pose FPS{' (log)' if plot.y_axis.log else ''}, faster →", plot.y_axis)


def _channel(field: str, title: str, axis: scales.Axis) -> Spec:
    kind = "log" if axis.log else "linear"
    scale = {"type": kind, "domain": [axis.low, axis.high], "nice": False}
    drawn = {"title": title, "values": list(axis.ticks), "format": ".6~f"}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": drawn}


def _strip(plot: Plot) -> Spec:
    """The edge of the strip, and its name below; nothing where every AP is known."""
    edge = [{"edge": plot.left, "middle": plot.left / 2, "name": strip.LABEL}]
    at: Spec = {"type": "quantitative", "scale": None}
    return {
        "data": {"values": edge if plot.left else []},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.5},
                "encoding": {
                    "x": {"field": "edge"} | at,
                    "y": {"value": 0},
                    "y2": {"value": "height"},
                },
            },
            {
                "mark": {"type": "text", "dy": 13, "fontSize": 11, "baseline": "middle"},
                "encoding": {
                    "x": {"field": "middle"} | at,
                    "y": {"value": "height"},
                    "text": {"field": "name", "type": "nominal"},
                },
            },
        ],
    }


def _fronts(plot: Plot) -> Spec:
    """Below the marks, so that these answer to the mouse."""
    values = [
        {"front": front.kind, "order": order, "front_ap": ap, "front_fps": fps}
        for front in plot.lines
        for order, (ap, fps) in enumerate(front.corners)
    ]
    kinds = [front.kind for front in plot.lines]
    dashes = {"domain": kinds, "range": [fronts.DASHES[kind] for kind in kinds]}
    return {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 1.5, "opacity": 0.55, "clip": True},
        "encoding": {
            "x": _x("front_ap", plot),
            "y": _y("front_fps", plot),
            "order": {"field": "order", "type": "quantitative"},
            "strokeDash": _legend("front", "Pareto front", dashes, plot.layout),
        },
    }


def _bar(axis: str, plot: Plot) -> Spec:
    """The 95 % interval of one axis as a line through its mark."""
    along, across, write = ("y", "x", _y) if axis == "fps" else ("x", "y", _x)
    low, high = f"{axis}_low", f"{axis}_high"
    other = _x("at", plot) if across == "x" else _y("fps", plot)
    return {
        "transform": [{"filter": f"isValid(datum.{low})"}],
        "mark": {"type": "rule", "strokeWidth": 1.2, "strokeOpacity": 0.6, "clip": True},
        "encoding": {
            across: other,
            along: write(low, plot),
            f"{along}2": {"field": high},
            "stroke": _OWN_COLOUR,
        },
    }


def _rings(plot: Plot) -> Spec:
    """Around every speed that is not worth what its figure says."""
    return {
        "transform": [{"filter": "datum.doubted"}],
        "mark": {
            "type": "point",
            "shape": "circle",
            "size": 330,
            "fillOpacity": 0,
            "strokeWidth": 1.3,
            "strokeDash": [2, 2.5],
            "strokeOpacity": 0.75,
        },
        "encoding": {
            "x": _x("at", plot),
            "y": _y("fps", plot),
            "stroke": _OWN_COLOUR,
        },
    }


_OWN_COLOUR: Spec = {"field": "colour", "type": "nominal", "scale": None}


def _marks(plot: Plot) -> Spec:
    layout, own = plot.layout, {marks.box_kind(row) for row in plot.shown}
    families = context.distinct(marks.family(row) for row in plot.shown)
    kinds = [kind for kind in marks.SHAPES if kind in own]
    colour = {"domain": families, "range": [plot.colours[family] for family in families]}
    shapes = {"domain": kinds, "range": [marks.SHAPES[kind] for kind in kinds]}
    return {
        "mark": {"type": "point", "size": 120, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": _x("at", plot),
            "y": _y("fps", plot),
            "stroke": _legend("family", "Family", colour, layout),
            "fill": _legend("family", "Family", colour, layout),
            "fillOpacity": {"field": "solid", "type": "quantitative", "scale": None},
            "shape": _legend("boxes", "Shape", shapes, layout),
            "tooltip": [
                {"field": field, "type": "nominal", "title": title}
                for field, title in marks.TOOLTIP.items()
            ],
        },
    }


def _fill_legend(plot: Plot) -> Spec:
    """A layer without marks: Vega-Lite draws no legend for an opacity of its own."""
    fills = {MEASURED: _LEGEND_INK, PUBLISHED: "transparent"}
    fills |= {strip.FILL: _HALF_INK} if plot.left else {}
    meaning = {"domain": list(fills), "range": list(fills.values())}
    return {
        "data": {"values": []},
        "mark": {"type": "point", "filled": True, "opacity": 1},
        "encoding": {"color": _legend("source", "Fill", meaning, plot.layout)},
    }


_LOOKS: dict[str, Spec] = {
    "family": {},
    "boxes": {"symbolStrokeColor": _LEGEND_INK, "symbolFillColor": _LEGEND_INK},
    "source": {"symbolStrokeColor": _LEGEND_INK},
    "front": {
        "symbolStrokeColor": _LEGEND_INK,
        "symbolType": "stroke",
        "symbolSize": 450,
        "rowPadding": 0,
    },
}


def _legend(field: str, title: str, scale: Spec, layout: Layout) -> Spec:
    look: Spec = {"title": title, "orient": layout.legend, "symbolStrokeWidth": 2}
    if layout.legend == "bottom":
        look |= {"direction": "vertical", "columns": 2 if field == "family" else 1}
    legend = look | _LOOKS[field] if layout.legend and scale["domain"] else None
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def _names() -> Spec:
    return {
        "mark": {
            "type": "text",
            "fontSize": labels.FONT_SIZE,
            "fontWeight": 600,
            "align": {"expr": "datum.label_align"},
        },
        "encoding": {
            "x": {"field": "label_x", "type": "quantitative", "scale": None},
            "y": {"field": "label_y", "type": "quantitative", "scale": None},
            "text": {"field": "label", "type": "nominal"},
        },
    }


def svg(spec: Spec) -> str:
    """The chart as an SVG document with its own background."""
    import vl_convert

    return vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VEGA_LITE)


def png(spec: Spec, scale: float = 2.0) -> bytes:
    """The chart as a PNG; scale 2 reads well on high-density screens."""
    import vl_convert

    return vl_convert.vegalite_to_png(json.dumps(spec), vl_version=VEGA_LITE, scale=scale)


@cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, for pages that load nothing."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
