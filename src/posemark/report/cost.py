"""What people cost: a frame with 1, 5 and 20 of them by entry, as a Vega-Lite specification."""

from typing import Any

from posemark.report import context, figures, scales, theme
from posemark.report.rows import Row
from posemark.report.theme import SCHEMA, Spec

PEOPLE = {1: "1 person", 5: "5 people", 20: "20 people"}
_SHAPES = ("circle", "square", "diamond")
_COLOURS = ("#12936f", "#2f6fde", "#dd5a12")
_ROW = 36  # pixels of a row: its name above, its marks below
_DOWN = 8  # pixels from the middle of a row to its marks


def fitted(rows: list[Row]) -> list[Row]:
    """The rows whose frames determine a line of time over people."""
    return [row for row in rows if row.ms_per_person is not None]


def unfitted_sentence(rows: list[Row]) -> str:
    """Which rows are left out, and why; "" where none is."""
    names = [context.named(row).replace(" ", "\u00a0") for row in rows if row not in fitted(rows)]
    if not names:
        return ""
    return f"Too few frames, or the same number of people in all of them: {', '.join(names)}."


def cost_spec(rows: list[Row], width: int = 760) -> Spec:
    """A mark each for few, some and many people; far apart where every person costs."""
    shown = fitted(rows)
    values = [mark for index, row in enumerate(shown) for mark in _marks(index, row)]
    axis = scales.log_axis([value["ms"] for value in values])
    band = {"field": "row", "type": "ordinal", "axis": None, "sort": None}
    return {
        "$schema": SCHEMA,
        "width": width,
        "height": {"step": _ROW},
        "padding": 16,
        "config": theme.LIGHT,
        "layer": [
            _ranges(values, axis, band),
            _people(values, axis, band),
            *(_over_marks(shown, band, side) for side in ("left", "right")),
        ],
    }


def _marks(index: int, row: Row) -> list[dict[str, Any]]:
    """A line that falls below zero, as noise can have it, shows no mark there."""
    base, slope = row.intercept_ms or 0.0, row.ms_per_person or 0.0
    return [
        {
            "row": index,
            "entry": context.named(row),
            "people": words,
            "ms": base + slope * count,
            "time": f"{figures.three_digits(base + slope * count)} ms",
            "cost": figures.cost(row),
        }
        for count, words in PEOPLE.items()
        if base + slope * count > 0
    ]


def _x(axis: scales.Axis) -> Spec:
    return {
        "field": "ms",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [axis.low, axis.high], "nice": False},
        "axis": {
            "title": "ms a frame (log), as fitted",
            "values": list(axis.ticks),
            "format": ",~f",
            "labelOverlap": "greedy",
            "labelSeparation": 6,
        },
    }


def _ranges(values: list[dict[str, Any]], axis: scales.Axis, band: Spec) -> Spec:
    ends: dict[int, list[float]] = {}
    for value in values:
        ends.setdefault(value["row"], []).append(value["ms"])
    spans = [{"row": row, "ms": min(ms), "end": max(ms)} for row, ms in ends.items()]
    return {
        "data": {"values": spans},
        "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.35, "yOffset": _DOWN},
        "encoding": {"y": band, "x": _x(axis), "x2": {"field": "end"}},
    }


def _people(values: list[dict[str, Any]], axis: scales.Axis, band: Spec) -> Spec:
    counts = {"field": "people", "type": "nominal"}
    domain = list(PEOPLE.values())
    # Vega gives a legend without symbols an infinite width.
    legend = {"title": None, "orient": "top", "symbolOpacity": 1} if values else None
    tooltip = [{"field": name, "type": "nominal"} for name in ("entry", "people", "time", "cost")]
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 75, "opacity": 1, "yOffset": _DOWN},
        "encoding": {
            "y": band,
            "x": _x(axis),
            "shape": counts | {"scale": {"domain": domain, "range": _SHAPES}, "legend": legend},
            "color": counts | {"scale": {"domain": domain, "range": _COLOURS}, "legend": legend},
            "tooltip": tooltip,
        },
    }


def _over_marks(shown: list[Row], band: Spec, side: str) -> Spec:
    words = [context.named(row) if side == "left" else figures.line(row) for row in shown]
    return {
        "data": {"values": [{"row": index, "text": text} for index, text in enumerate(words)]},
        "mark": {"type": "text", "align": side, "dy": -8, "fontSize": 12},
        "encoding": {
            "y": band,
            "x": {"value": 0 if side == "left" else "width"},
            "text": {"field": "text", "type": "nominal"},
        },
    }
