"""The bars that show where the time of a frame goes, as a Vega-Lite specification."""

from typing import Any

from posemark.report import context, figures, theme
from posemark.report.rows import STAGES, Row
from posemark.report.theme import SCHEMA, Spec

_ROW = 40  # pixels of a row: its name above, its bar below
_ROOM_FOR_A_FIGURE = 0.12  # of the width; the tooltip tells the figures of narrower segments


def stages_spec(rows: list[Row], width: int = 760) -> Spec:
    """One bar a row: how its time splits over the stages; the total stands above the bar."""
    used = [name for name in STAGES if any(row.stage_ms.get(name, 0) > 0 for row in rows)]
    timed = [row for row in rows if sum(row.stage_ms.values()) > 0]
    band = {"field": "row", "type": "ordinal", "axis": None, "sort": None}
    colour = {
        "field": "stage",
        "type": "nominal",
        "scale": {"domain": used, "range": [theme.STAGES[name] for name in used]},
        # Vega gives a legend without symbols an infinite width.
        "legend": {"title": None, "orient": "top", "symbolType": "square"} if used else None,
    }
    return {
        "$schema": SCHEMA,
        "width": width,
        "height": {"step": _ROW},
        "padding": 16,
        "config": theme.LIGHT,
        "layer": [
            _segments(timed, band, colour),
            *(_over_bars(timed, band, side) for side in ("left", "right")),
        ],
    }


def _segments(timed: list[Row], band: Spec, colour: Spec) -> Spec:
    values = [part for index, row in enumerate(timed) for part in _shares(index, row)]
    share = {
        "field": "start",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False},
        "axis": {
            "title": "share of the time a frame takes",
            "format": "%",
            "tickCount": 5,
            "grid": False,
        },
    }
    tooltip = [{"field": name, "type": "nominal"} for name in ("entry", "stage", "time")]
    where = {"y": band, "x": share}
    middle = share | {"field": "middle"}
    return {
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "bar", "size": 14, "yOffset": 9},
                "encoding": where | {"x2": {"field": "end"}, "color": colour, "tooltip": tooltip},
            },
            {
                "mark": {"type": "text", "dy": 9, "fill": "#ffffff", "fontSize": 10},
                "encoding": {"y": band, "x": middle, "text": {"field": "inside"}},
            },
        ],
    }


def _shares(index: int, row: Row) -> list[dict[str, Any]]:
    total = sum(row.stage_ms.get(name, 0.0) for name in STAGES)
    parts: list[dict[str, Any]] = []
    start = 0.0
    for name in STAGES:
        share = row.stage_ms.get(name, 0.0) / total
        time = figures.three_digits(row.stage_ms.get(name))
        parts.append(
            {
                "row": index,
                "entry": context.named(row),
                "stage": name,
                "start": start,
                "middle": start + share / 2,
                "end": start + share,
                "time": f"{time} ms ({100 * share:.1f} %)",
                "inside": time if share > _ROOM_FOR_A_FIGURE else "",
            }
        )
        start += share
    return parts


def _over_bars(timed: list[Row], band: Spec, side: str) -> Spec:
    if side == "left":
        words = [context.named(row) for row in timed]
    else:
        words = [f"{figures.three_digits(sum(row.stage_ms.values()))} ms" for row in timed]
    weight = {"fontWeight": 600} if side == "right" else {}
    return {
        "data": {"values": [{"row": index, "text": text} for index, text in enumerate(words)]},
        "mark": {"type": "text", "align": side, "dy": -8, "fontSize": 12} | weight,
        "encoding": {
            "y": band,
            "x": {"value": 0 if side == "left" else "width"},
            "text": {"field": "text", "type": "nominal"},
        },
    }
