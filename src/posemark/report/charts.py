"""The charts as Vega-Lite specifications, and their rendering to SVG and PNG.

A solid mark is an AP of this run, a hollow one a published AP beside the speed of this run.
"""

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from posemark.report import captions, context, fronts, labels, marks, scales, theme
from posemark.report.captions import unplotted_sentences
from posemark.report.cost import cost_spec
from posemark.report.marks import DETECTED, GT, NO_BOXES, box_kind
from posemark.report.rows import Row
from posemark.report.stages import stages_spec
from posemark.report.theme import SCHEMA, VEGA_LITE, Spec

__all__ = [
    "DETECTED", "GT", "NO_BOXES", "ap_fps_spec", "box_kind", "cost_spec", "javascript",
    "picture_spec", "png", "stages_spec", "svg", "unplotted_sentences", "views",
]  # fmt: skip

MEASURED = "AP measured here"
PUBLISHED = "AP as published (not measured here)"
COMBINED = "combined"
_LEGEND_INK = "#7a828c"
_LEGEND_WIDTH = 230  # pixels
_CAPTION_LEFT = -44  # pixels from the plot, below the title of the y axis
_CAPTION_TOP = 66  # pixels below the plot
_FRONT_ROOM = 2.0  # pixels to either side of a line that labels keep clear of


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
    def points(self) -> list[fronts.Point]:
        """(AP in points, FPS) of every row."""
        return [(marks.ap(row), row.fps_pose or 0.0) for row in self.shown]

    @property
    def lines(self) -> list[fronts.Front]:
        """The fronts of the rows, in the units of the axes."""
        return fronts.fronts(self.shown, self.points, (self.x_axis.low, self.y_axis.low))

    def pixels(self, point: fronts.Point) -> fronts.Point:
        """Where a point lies, from the upper left corner."""
        x, y = point
        return (
            self.x_axis.share(x) * self.layout.width,
            (1 - self.y_axis.share(y)) * self.layout.height,
        )


PICTURE = Layout(width=600, height=400, legend="right", captions=True)
# As wide as two panels with their axes: vega puts the legends of all charts right of the widest.
OVER_PANELS = Layout(width=835, height=430, legend="right", captions=False)
PANEL = Layout(width=374, height=290, legend="", captions=False)
WIDE = Layout(width=730, height=430, legend="right", captions=False)
NARROW = Layout(width=275, height=330, legend="bottom", captions=False)


def ap_fps_spec(rows: list[Row], layout: Layout = PICTURE) -> Spec:
    """AP against pose FPS. Rows without any AP are named below the plot, not drawn."""
    spec = _frame(rows) | _plot(context.plotted(rows), layout, _colours(rows))
    if layout.captions:
        texts = captions.texts(rows, layout.width + _LEGEND_WIDTH)
        spec["title"] = captions.title(rows)
        spec["layer"].append(captions.layer(texts, _CAPTION_LEFT, layout.height + _CAPTION_TOP))
    return spec


def views(rows: list[Row], layout: Layout) -> dict[str, Spec]:
    """The chart of all rows and, where both approaches occur, one of each on axes of its own."""
    shown, colours = context.plotted(rows), _colours(rows)
    specs = {COMBINED: ap_fps_spec(rows, layout)}
    for approach, own in context.by_approach(shown).items():
        specs[approach] = _frame(rows) | _plot(own, layout, colours)
    return specs


def picture_spec(rows: list[Row]) -> Spec:
    """The chart that stands alone: all rows and, where both approaches occur, a panel of each."""
    panels = context.by_approach(context.plotted(rows))
    if not panels:
        return ap_fps_spec(rows)
    colours, width = _colours(rows), OVER_PANELS.width + _LEGEND_WIDTH
    combined = _plot(context.plotted(rows), OVER_PANELS, colours)
    small = [
        _plot(own, PANEL, colours) | {"title": _panel_title(approach)}
        for approach, own in panels.items()
    ]
    texts = captions.texts(rows, width)
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


def _colours(rows: list[Row]) -> dict[str, str]:
    families = context.distinct(marks.family(row) for row in context.plotted(rows))
    return dict(zip(families, theme.families(families), strict=True))


def _plot(shown: list[Row], layout: Layout, colours: dict[str, str]) -> Spec:
    x_axis = scales.ap_axis([marks.ap(row) for row in shown])
    y_axis = scales.fps_axis([row.fps_pose or 0.0 for row in shown])
    plot = Plot(shown, x_axis, y_axis, layout, colours)
    return {
        "width": layout.width,
        "height": layout.height,
        "data": {"values": _points(plot)},
        "layer": [_fronts(plot), _marks(plot), _fill_legend(layout), _names()],
    }


def _points(plot: Plot) -> list[dict[str, Any]]:
    names = labels.texts(plot.shown)
    lines = [[plot.pixels(corner) for corner in front.corners] for front in plot.lines]
    keep_clear = [
        labels.around(start, end, _FRONT_ROOM) for line in lines for start, end in pairwise(line)
    ]
    pixels = [plot.pixels(point) for point in plot.points]
    spots = labels.place(pixels, names, (plot.layout.width, plot.layout.height), keep_clear)
    return [
        marks.mark(row)
        | {"label": name, "label_x": spot.x, "label_y": spot.y, "label_align": spot.align}
        for row, name, spot in zip(plot.shown, names, spots, strict=True)
    ]


def _x(field: str, plot: Plot) -> Spec:
    return _channel(field, "AP in points, more accurate →", plot.x_axis)


def _y(field: str, plot: Plot) -> Spec:
    return _channel(field, f"pose FPS{' (log)' if plot.y_axis.log else ''}, faster →", plot.y_axis)


def _channel(field: str, title: str, axis: scales.Axis) -> Spec:
    kind = "log" if axis.log else "linear"
    scale = {"type": kind, "domain": [axis.low, axis.high], "nice": False}
    drawn = {"title": title, "values": list(axis.ticks), "format": "~g"}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": drawn}


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


def _marks(plot: Plot) -> Spec:
    layout, own = plot.layout, {marks.box_kind(row) for row in plot.shown}
    families = context.distinct(marks.family(row) for row in plot.shown)
    kinds = [kind for kind in marks.SHAPES if kind in own]
    colour = {"domain": families, "range": [plot.colours[family] for family in families]}
    shapes = {"domain": kinds, "range": [marks.SHAPES[kind] for kind in kinds]}
    return {
        "mark": {"type": "point", "size": 120, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": _x("ap", plot),
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


def _fill_legend(layout: Layout) -> Spec:
    """A layer without marks: Vega-Lite draws no legend for an opacity of its own."""
    meaning = {"domain": [MEASURED, PUBLISHED], "range": [_LEGEND_INK, "transparent"]}
    return {
        "data": {"values": []},
        "mark": {"type": "point", "filled": True, "opacity": 1},
        "encoding": {"color": _legend("source", "Fill", meaning, layout)},
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


def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, for pages that load nothing."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
