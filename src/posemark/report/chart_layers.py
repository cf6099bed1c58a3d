"""The layers of an AP-FPS chart as Vega-Lite: fronts, intervals, rings, marks, names, legends.

A solid mark has an AP of this run, a hollow one a published AP and the speed of this run. Speeds
without any AP are drawn in a strip beside the axis. Thin lines through a mark are 95% intervals;
a dashed ring surrounds a speed whose verdict is not "valid".
"""

from posemark.report import (
    axis_scales,
    chart_marks,
    common_settings,
    label_placement,
    pareto,
    speed_strip,
)
from posemark.report.chart_places import Layout, Plot
from posemark.report.chart_theme import Spec

MEASURED = "AP measured here"
PUBLISHED = "AP as published (not measured here)"
_LEGEND_INK = "#7a828c"
_HALF_INK = f"{_LEGEND_INK}{round(255 * chart_marks.HALF):02x}"
LAYERS = ("strip", "fronts", "fps_bars", "ap_bars", "rings", "points", "fill", "names")
"""Names of the layers, from the back to the front."""


def layers(plot: Plot) -> list[Spec]:
    """Return the layers of a chart, in the order of LAYERS."""
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


def _x(field: str, plot: Plot) -> Spec:
    channel = _channel(field, "AP in points, more accurate →", plot.x_axis)
    if plot.left:
        channel["scale"] |= {"range": [plot.left, plot.layout.width]}
    return channel


def _y(field: str, plot: Plot) -> Spec:
    return _channel(field, f"pose FPS{' (log)' if plot.y_axis.log else ''}, faster →", plot.y_axis)


def _channel(field: str, title: str, axis: axis_scales.Axis) -> Spec:
    kind = "log" if axis.log else "linear"
    scale = {"type": kind, "domain": [axis.low, axis.high], "nice": False}
    drawn = {"title": title, "values": list(axis.ticks), "format": ".6~f"}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": drawn}


def _strip(plot: Plot) -> Spec:
    """The edge of the strip, and its name below; both are absent where every AP is known."""
    edge = [{"edge": plot.left, "middle": plot.left / 2, "name": speed_strip.LABEL}]
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
    """The Pareto fronts; they are behind the marks, so that these receive the mouse."""
    values = [
        {"front": front.kind, "order": order, "front_ap": ap, "front_fps": fps}
        for front in plot.lines
        for order, (ap, fps) in enumerate(front.corners)
    ]
    kinds = [front.kind for front in plot.lines]
    dashes = {"domain": kinds, "range": [pareto.DASHES[kind] for kind in kinds]}
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
    """The 95% interval of one axis as a line through its mark."""
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


_OWN_COLOUR: Spec = {"field": "colour", "type": "nominal", "scale": None}


def _rings(plot: Plot) -> Spec:
    """A ring around every speed whose verdict is not "valid"."""
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


def _marks(plot: Plot) -> Spec:
    layout, own = plot.layout, {chart_marks.box_kind(row) for row in plot.shown}
    families = common_settings.distinct(chart_marks.family(row) for row in plot.shown)
    kinds = [kind for kind in chart_marks.SHAPES if kind in own]
    colour = {"domain": families, "range": [plot.colours[family] for family in families]}
    shapes = {"domain": kinds, "range": [chart_marks.SHAPES[kind] for kind in kinds]}
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
                for field, title in chart_marks.TOOLTIP.items()
            ],
        },
    }


def _fill_legend(plot: Plot) -> Spec:
    """A layer without marks, for the legend: Vega-Lite draws none for an opacity."""
    fills = {MEASURED: _LEGEND_INK, PUBLISHED: "transparent"}
    fills |= {speed_strip.FILL: _HALF_INK} if plot.left else {}
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
            "fontSize": label_placement.FONT_SIZE,
            "fontWeight": 600,
            "align": {"expr": "datum.label_align"},
        },
        "encoding": {
            "x": {"field": "label_x", "type": "quantitative", "scale": None},
            "y": {"field": "label_y", "type": "quantitative", "scale": None},
            "text": {"field": "label", "type": "nominal"},
        },
    }
