"""The charts that only the page has, as Vega-Lite specifications without data.

The page's script fills in the shown or chosen entries: data sets by name, the width, and the
domains of the axes. The docstrings list the fields of these data sets.
"""

from posemark.report import chart_theme
from posemark.report.chart_theme import Spec
from posemark.report.result_row import STAGES

_HOVERED = 40  # pixels across within which a line reacts to the mouse
_LATENCY_HEIGHT, _TIMELINE_HEIGHT = 92, 84
_BAND = 15  # pixels of an entry within a row of the accuracy charts
_WORKLOAD = "fixed workload"  # of the timeline, as page/chosen.js calls it
MS = {
    "title": "ms per frame (log)",
    "format": ",~f",
    "labelOverlap": "greedy",
    "labelSeparation": 6,
}


def all_panels(colours: dict[str, str]) -> dict[str, Spec]:
    """Return every chart by its name in the page.

    Args:
        colours: colour by family.
    """
    made = {
        "cost": cost(colours),
        "stages": stages(_stage_names()),
        "stages_narrow": stages(_over_bars()),
        "devices": devices(),
        "latency": latency(),
        "timeline": timeline(),
        "keypoints": keypoints(),
        "sizes": sizes(),
        "groups": groups(),
    }
    return {name: _page(spec) for name, spec in made.items()}


def _page(spec: Spec) -> Spec:
    return {"$schema": chart_theme.SCHEMA, "config": chart_theme.PAGE, "padding": 4} | spec


def cost(colours: dict[str, str]) -> Spec:
    """Return the chart of milliseconds of a frame over its people, one line per entry.

    Its data sets are:

    - lines: id, name, people, ms, part ("seen" up to the most people of the run, or "beyond"),
      family, quiet, picked;
    - ends: positions of the names;
    - wish: the number of people that the page is set to.

    Args:
        colours: colour by family.
    """
    x = _value("people", {"title": "people in the frame", "format": "d"})
    y = _value("ms", {"title": "ms per frame", "format": ",~f"})
    lines = {"x": x, "y": y, "detail": [{"field": "id"}, {"field": "part"}]}
    return {
        "height": 400,
        "layer": [
            {
                "name": "wish",
                "data": {"name": "wish"},
                "mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.7},
                "encoding": {"x": x},
            },
            {
                "name": "lines",
                "data": {"name": "lines"},
                "mark": {"type": "line", "clip": True},
                "encoding": lines | _line_looks(colours),
            },
            {
                "name": "hovered",
                "data": {"name": "lines"},
                "params": [_hover()],
                "mark": {"type": "line", "strokeWidth": _HOVERED / 3, "opacity": 0.001},
                "encoding": lines | {"tooltip": _tooltip("name", "takes", "seen")},
            },
            {
                "name": "ends",
                "data": {"name": "ends"},
                "mark": {"type": "point", "size": 1, "opacity": 0},
                "encoding": {"x": x, "y": y},
            },
        ],
    }


def _line_looks(colours: dict[str, str]) -> Spec:
    """Encoding of colour, dash, opacity and width of the lines of the chart of cost."""
    thick = {"param": "hover", "empty": False, "value": 4}
    dash = {"domain": ["seen", "beyond"], "range": [[1, 0], [4, 4]]}
    looks = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 3}
    return {
        "stroke": {
            "field": "family",
            "type": "nominal",
            "scale": {"domain": list(colours), "range": list(colours.values())},
            "legend": looks,
        },
        "strokeDash": {"field": "part", "scale": dash, "legend": None},
        "opacity": {"condition": {"test": "datum.quiet", "value": 0.22}, "value": 0.95},
        "strokeWidth": {
            "condition": [thick, {"test": "datum.picked", "value": 3}],
            "value": 1.8,
        },
    }


def _hover() -> Spec:
    select = {"type": "point", "fields": ["id"], "on": "pointerover", "clear": "pointerout"}
    return {"name": "hover", "select": select}


def stages(names: Spec) -> Spec:
    """Return the chart of the stages of a mean frame, one bar per entry, with the total at its end.

    Its data sets are:

    - parts: name, stage, start and end in 0..1, inside, text;
    - totals: name, text.

    Args:
        names: layout of the names of the bars: the encoding of rows ("row"), pixels per row
            ("step"), offset of the bar in its row ("down"), layers with texts ("words").
    """
    row, down = names["row"], names["down"]
    share = _value("start", {"title": "share of a frame", "format": "%", "tickCount": 5})
    share |= {"scale": {"domain": [0, 1], "nice": False}}
    colour = {
        "field": "stage",
        "type": "nominal",
        "scale": {"domain": list(STAGES), "range": [chart_theme.STAGES[name] for name in STAGES]},
        "legend": {"title": None, "orient": "top", "symbolType": "square"},
    }
    return {
        "height": {"step": names["step"]},
        "layer": [
            {
                "name": "parts",
                "data": {"name": "parts"},
                "mark": {"type": "bar", "size": 14, "yOffset": down},
                "encoding": {
                    "y": row,
                    "x": share,
                    "x2": {"field": "end"},
                    "color": colour,
                    "tooltip": _tooltip("name", "stage", "text"),
                },
            },
            {
                "data": {"name": "parts"},
                "mark": {"type": "text", "dy": down, "fill": "#ffffff", "fontSize": 10},
                "encoding": {
                    "y": row,
                    "x": share | {"field": "middle"},
                    "text": {"field": "inside", "type": "nominal"},
                },
            },
            *names["words"],
        ],
    }


def _stage_names() -> Spec:
    """Names beside the bars."""
    axis = {"title": None, "labelLimit": 300, "labelFontSize": 12, "grid": False, "domain": False}
    row = _row("name") | {"axis": axis}
    total = {"type": "text", "align": "left", "dx": 8, "fontSize": 12, "fontWeight": 600}
    words = [_words("right", "text", "totals", row) | {"mark": total}]
    return {"row": row, "step": 22, "down": 0, "words": words}


def _over_bars() -> Spec:
    """Names above the bars, for screens without room beside them."""
    words = [_words("left", "name", "totals"), _words("right", "text", "totals")]
    return {"row": _row("name"), "step": 40, "down": 9, "words": words}


def devices() -> Spec:
    """Return the chart of the FPS of an entry on every machine that ran it, one row per entry.

    Its data sets are:

    - marks: name, fps, machine, text;
    - ranges: name, fps, fastest, ratio.
    """
    row = _row("name")
    fps = _value("fps", {"title": "pose FPS (log)", "format": ".6~f"}, {"type": "log"})
    machines = {"field": "machine", "type": "nominal"}
    legend = {"title": None, "orient": "top", "direction": "vertical", "symbolOpacity": 1}
    return {
        "height": {"step": 40},
        "layer": [
            {
                "data": {"name": "ranges"},
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.35, "yOffset": 8},
                "encoding": {"y": row, "x": fps, "x2": {"field": "fastest"}},
            },
            {
                "name": "marks",
                "data": {"name": "marks"},
                "mark": {
                    "type": "point",
                    "filled": True,
                    "size": 90,
                    "opacity": 1,
                    "yOffset": 8,
                },
                "encoding": {
                    "y": row,
                    "x": fps,
                    "color": machines
                    | {"scale": {"range": list(chart_theme.CHOSEN)}, "legend": legend},
                    "shape": machines | {"legend": legend},
                    "tooltip": _tooltip("name", "machine", "text"),
                },
            },
            *(_words(side, field) for side, field in (("left", "name"), ("right", "ratio"))),
        ],
    }


def _words(side: str, field: str, data: str = "ranges", row: Spec | None = None) -> Spec:
    return {
        "data": {"name": data},
        "mark": {"type": "text", "align": side, "dy": -8, "fontSize": 12},
        "encoding": {
            "y": row or _row("name"),
            "x": {"value": 0 if side == "left" else "width"},
            "text": {"field": field, "type": "nominal"},
        },
    }


def latency() -> Spec:
    """Return histograms of the time of frames with percentiles, one strip per entry.

    Its data set `strips` has name, and either low, high, share (a bin) or at, percentile (a rule).
    """
    x = _value("low", MS, {"type": "log"})
    share = {
        "field": "share",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, 1.6]},  # room for the words of the percentiles
    }
    rule = [{"filter": "isValid(datum.at)"}]
    at = x | {"field": "at"}
    return _strips(
        _LATENCY_HEIGHT,
        [
            {
                "transform": [{"filter": "isValid(datum.share)"}],
                "mark": {"type": "bar", "opacity": 0.75, "binSpacing": 0.5},
                "encoding": {
                    "x": x,
                    "x2": {"field": "high"},
                    "y": share,
                    "y2": {"datum": 0},
                    "color": _chosen(),
                    "tooltip": _tooltip("name", "took", "frames"),
                },
            },
            {
                "transform": rule,
                "mark": {"type": "rule", "strokeDash": [3, 2], "opacity": 0.8},
                "encoding": {"x": at},
            },
            {
                "transform": rule,
                "mark": {"type": "text", "align": "left", "dx": 3, "baseline": "top"},
                "encoding": {
                    "x": at,
                    "y": {"field": "line", "type": "quantitative", "scale": None},
                    "text": {"field": "percentile"},
                },
            },
        ],
    )


def timeline() -> Spec:
    """Return the change of speed over the run, one strip per entry, with the fixed workload.

    Its data set `strips` has name, seconds, share (relative to the median), what ("this entry" or
    "fixed workload").
    """
    what = {
        "field": "what",
        "type": "nominal",
        "scale": {"domain": ["this entry", _WORKLOAD], "range": [[1, 0], [4, 3]]},
        "legend": {
            "title": None,
            "orient": "top",
            "symbolType": "stroke",
            "symbolStrokeColor": "currentColor",
            "symbolStrokeWidth": 2,
            "symbolSize": 400,
        },
    }
    axis = {"title": None, "format": "+%", "tickCount": 3}
    layer = {
        "mark": {"type": "line", "strokeWidth": 1.6, "interpolate": "linear"},
        "encoding": {
            "x": _value("seconds", {"title": "seconds since the first block", "format": ",~f"}),
            "y": _value("share", axis, {"zero": False}),
            "color": _chosen(),
            "strokeDash": what,
            "opacity": {
                "condition": {"test": f"datum.what == '{_WORKLOAD}'", "value": 0.6},
                "value": 1,
            },
            "tooltip": _tooltip("name", "what", "text"),
        },
    }
    return _strips(_TIMELINE_HEIGHT, [layer])


def _strips(height: int, layers: list[Spec]) -> Spec:
    header = {"title": None, "orient": "top", "labelAnchor": "start", "labelFontWeight": 600}
    colours = {"labelColor": "currentColor", "labelFontSize": 12, "labelPadding": 4}
    return {
        "data": {"name": "strips"},
        "facet": {"row": {"field": "name", "sort": None, "header": header | colours}},
        "spacing": 10,
        "spec": {"height": height, "layer": layers},
    }


def keypoints() -> Spec:
    """Return the chart of similarity by body part, with left and right joined by a line.

    Its data sets are:

    - dots: name, part, value, side ("left", "right" or ""), text;
    - ranges: the left dots, with the right value as end.
    """
    where = _accuracy("part")
    joined: Spec = {
        "data": {"name": "ranges"},
        "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5},
        "encoding": where | {"x2": {"field": "end"}},
    }
    return {"height": _ROWS, "layer": [joined, _dots("part", where)]}


def sizes() -> Spec:
    """Return the chart of AP by the size of people.

    Its data set `dots` has name, size, value, side (""), text.
    """
    return {"height": _ROWS, "layer": [_dots("size", _accuracy("size"))]}


def groups() -> Spec:
    """Return the chart of the recall of groups of people: by size, crowding and occlusion.

    Its data set `dots` has name, group, value, side (""), text.
    """
    return {"height": _ROWS, "layer": [_dots("group", _accuracy("group"))]}


_ROWS: Spec = {"step": _BAND, "for": "offset"}


def _accuracy(field: str) -> Spec:
    """Encoding with one row per value of the field, and within it one line per entry."""
    row = {
        "field": field,
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "grid": False, "labelFontSize": 12, "domain": False},
        "scale": {"paddingInner": 0.3},
    }
    x = _value("value", {"title": None, "format": ".2~f"}, {"zero": False, "nice": True})
    return {"y": row, "yOffset": {"field": "name", "sort": None}, "x": x, "color": _chosen()}


def _dots(field: str, where: Spec) -> Spec:
    shapes = {
        "domain": ["left", "right", ""],
        "range": ["triangle-left", "triangle-right", "circle"],
    }
    return {
        "data": {"name": "dots"},
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": where
        | {
            "shape": {"field": "side", "scale": shapes, "legend": None},
            "tooltip": _tooltip("name", field, "text"),
        },
    }


def _chosen() -> Spec:
    """Encoding of the colour of a chosen entry, which is the same in all charts."""
    return {"field": "colour", "type": "nominal", "scale": None}


def _value(field: str, axis: Spec, scale: Spec | None = None) -> Spec:
    return {"field": field, "type": "quantitative", "axis": axis, "scale": scale or {}}


def _row(field: str) -> Spec:
    return {"field": field, "type": "nominal", "axis": None, "sort": None}


def _tooltip(*fields: str) -> list[Spec]:
    return [{"field": field, "type": "nominal"} for field in fields]
