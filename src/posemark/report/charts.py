"""The charts as Vega-Lite specifications, and their rendering to SVG and PNG.

A solid mark is an AP of this run, a hollow one a published AP beside the speed of this run.
"""

import json
import textwrap
from dataclasses import dataclass
from typing import Any

from posemark.report import context, figures, labels, scales, theme
from posemark.report.rows import Row
from posemark.report.stages import stages_spec
from posemark.report.theme import SCHEMA, VEGA_LITE, Spec

__all__ = ["ap_fps_spec", "javascript", "png", "stages_spec", "svg"]

MEASURED = "AP measured here"
PUBLISHED = "AP as published (not measured here)"
GT, DETECTED, NO_BOXES = "ground-truth boxes", "detected boxes", "no boxes (bottom-up)"
_SHAPES = {GT: "circle", DETECTED: "square", NO_BOXES: "triangle-up"}
_LEGEND_INK = "#7a828c"
_CAPTION_LEFT = -44  # pixels from the plot, below the title of the y axis
_CAPTION_LINE = 15  # pixels
_CAPTION_CHARACTER = 5.6  # pixels at font size 11


@dataclass(frozen=True)
class Layout:
    """Size of the plot in pixels, side of the legends, and whether title and key are drawn."""

    width: int
    height: int
    legend: str
    captions: bool


PICTURE = Layout(width=600, height=400, legend="right", captions=True)
WIDE = Layout(width=730, height=430, legend="right", captions=False)
NARROW = Layout(width=275, height=330, legend="bottom", captions=False)


def ap_fps_spec(rows: list[Row], layout: Layout = PICTURE) -> Spec:
    """AP against pose FPS. Rows without any AP are named below the plot, not drawn."""
    shown = context.plotted(rows)
    x_axis = scales.ap_axis([_ap(row) for row in shown])
    y_axis = scales.fps_axis([row.fps_pose or 0.0 for row in shown])
    spec: Spec = {
        "$schema": SCHEMA,
        "description": context.sentence(rows),
        "width": layout.width,
        "height": layout.height,
        "padding": 16,
        "config": theme.LIGHT,
        "data": {"values": _points(shown, x_axis, y_axis, layout)},
        "layer": [_marks(shown, x_axis, y_axis, layout), _fill_legend(layout), _names()],
        "resolve": {"scale": {"color": "independent"}},
    }
    if layout.captions:
        spec["title"] = _title(rows)
        spec["layer"].append(_captions(_caption_texts(rows, shown, layout), layout))
    return spec


def _ap(row: Row) -> float:
    """AP in points: of this run where there is one, else the published figure."""
    measured = figures.measured_ap(row)
    if measured is not None:
        return 100 * measured
    return 100 * row.ap_published.AP if row.ap_published else 0.0


def box_kind(row: Row) -> str:
    """Ground-truth boxes, boxes of a detector (real, from a file or simulated), or none."""
    if row.approach == "bottom-up":
        return NO_BOXES
    return GT if row.boxes.startswith("gt") else DETECTED


def _points(
    shown: list[Row], x_axis: scales.Axis, y_axis: scales.Axis, layout: Layout
) -> list[dict[str, Any]]:
    size_wh = (layout.width, layout.height)
    pixels = [
        (x_axis.share(_ap(row)) * size_wh[0], (1 - y_axis.share(row.fps_pose or 0.0)) * size_wh[1])
        for row in shown
    ]
    names = labels.texts(shown)
    spots = labels.place(pixels, names, size_wh)
    return [
        _figures(row)
        | {"label": name, "label_x": spot.x, "label_y": spot.y, "label_align": spot.align}
        for row, name, spot in zip(shown, names, spots, strict=True)
    ]


def _figures(row: Row) -> dict[str, Any]:
    """What a mark shows and what its tooltip says."""
    return {
        "ap": _ap(row),
        "fps": row.fps_pose,
        "family": row.family or row.model,
        "boxes": box_kind(row),
        "solid": 0 if figures.measured_ap(row) is None else 1,
        "entry": context.named(row),
        "weights": row.weights,
        "ap_text": _ap_text(row),
        "fps_text": f"{figures.three_digits(row.fps_pose)} pose, "
        f"{figures.three_digits(row.fps_pipeline)} pipeline",
        "people": figures.three_digits(figures.people_per_frame(row)),
        "stages": figures.stages(row),
        "run": f"{row.runtime} {row.precision}",
        "licence": figures.licences(row),
    }


def _ap_text(row: Row) -> str:
    measured = figures.measured_ap(row)
    if measured is not None:
        setting = f"boxes: {row.boxes}; {figures.flip(row.flip)}"
        return f"{figures.points(measured)} measured in this run ({setting})"
    if row.ap_published is None:
        return figures.DASH
    setting = f"{figures.published_settings(row.ap_published)}; {row.ap_published.source}"
    return f"{figures.points(row.ap_published.AP)} as published ({setting})"


_TOOLTIP = {
    "entry": "entry",
    "weights": "weights",
    "ap_text": "AP",
    "fps_text": "FPS",
    "people": "people a frame",
    "stages": "ms a frame",
    "run": "runtime",
    "licence": "licence",
}


def _marks(shown: list[Row], x_axis: scales.Axis, y_axis: scales.Axis, layout: Layout) -> Spec:
    families = context.distinct(row.family or row.model for row in shown)
    kinds = [kind for kind in _SHAPES if kind in {box_kind(row) for row in shown}]
    colour = {"domain": families, "range": theme.families(families)}
    return {
        "mark": {"type": "point", "size": 120, "strokeWidth": 2, "opacity": 1},
        "encoding": {
            "x": _channel("ap", "AP in points, more accurate →", x_axis),
            "y": _channel("fps", f"pose FPS{' (log)' if y_axis.log else ''}, faster →", y_axis),
            "stroke": _legend("family", "Family", colour, layout),
            "fill": _legend("family", "Family", colour, layout),
            "fillOpacity": {"field": "solid", "type": "quantitative", "scale": None},
            "shape": _legend(
                "boxes", "Shape", {"domain": kinds, "range": [_SHAPES[k] for k in kinds]}, layout
            ),
            "tooltip": [
                {"field": field, "type": "nominal", "title": title}
                for field, title in _TOOLTIP.items()
            ],
        },
    }


def _channel(field: str, title: str, axis: scales.Axis) -> Spec:
    kind = "log" if axis.log else "linear"
    scale = {"type": kind, "domain": [axis.low, axis.high], "nice": False}
    drawn = {"title": title, "values": list(axis.ticks), "format": "~g"}
    return {"field": field, "type": "quantitative", "scale": scale, "axis": drawn}


def _fill_legend(layout: Layout) -> Spec:
    """A layer without marks: Vega-Lite draws no legend for an opacity of its own."""
    meaning = {"domain": [MEASURED, PUBLISHED], "range": [_LEGEND_INK, "transparent"]}
    return {
        "data": {"values": []},
        "mark": {"type": "point", "filled": True, "opacity": 1},
        "encoding": {"color": _legend("source", "Fill", meaning, layout)},
    }


def _legend(field: str, title: str, scale: Spec, layout: Layout) -> Spec:
    look: Spec = {"title": title, "orient": layout.legend, "symbolStrokeWidth": 2}
    if layout.legend == "bottom":
        look |= {"direction": "vertical", "columns": 2 if field == "family" else 1}
    if field != "family":
        look |= {"symbolStrokeColor": _LEGEND_INK}
    if field == "boxes":
        look |= {"symbolFillColor": _LEGEND_INK}
    return {"field": field, "type": "nominal", "scale": scale, "legend": look}


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


def _title(rows: list[Row]) -> Spec:
    return {
        "text": context.headline(rows),
        "subtitle": context.settings(rows) + context.warnings(rows),
        "anchor": "start",
        "frame": "bounds",
        "fontSize": 17,
        "subtitleFontSize": 12,
        "subtitlePadding": 6,
        "offset": 16,
    }


def _caption_texts(rows: list[Row], shown: list[Row], layout: Layout) -> list[Spec]:
    """Key of the letters in columns, then what hollow marks are, then who is missing and why."""
    key = sorted({context.named(row) for row in shown if row.letter})
    width, columns = layout.width + 230, 3
    lines = -(-len(key) // columns)
    texts: list[Spec] = [
        {"text": text, "x": index // lines * width / columns, "line": index % lines}
        for index, text in enumerate(key)
    ]
    line = lines + 0.5 if key else 0
    for sentence in filter(None, [_hollow(shown), *unplotted_sentences(rows)]):
        for text in textwrap.wrap(sentence, int(width / _CAPTION_CHARACTER)):
            texts.append({"text": text, "x": 0, "line": line})
            line += 1
    return texts


def _hollow(shown: list[Row]) -> str:
    settings = context.published_settings(
        [row for row in shown if figures.measured_ap(row) is None]
    )
    return f"Hollow: AP as published ({settings}) beside the FPS of this run." if settings else ""


def unplotted_sentences(rows: list[Row]) -> list[str]:
    """Which rows the AP-FPS chart leaves out, and why; one sentence a reason."""
    shown = {row.entry for row in context.plotted(rows)}
    return [
        f"Not plotted, {reason}: {', '.join(_left_out(row, shown) for row in found)}."
        for reason, found in context.unplotted(rows).items()
    ]


def _left_out(row: Row, shown: set[str]) -> str:
    name = context.named(row)
    if row.entry in shown:
        name += f" (weights {row.weights})"
    return name.replace(" ", "\u00a0")  # no line break within


def _captions(texts: list[Spec], layout: Layout) -> Spec:
    top = layout.height + 66
    values = [
        text | {"x": _CAPTION_LEFT + text["x"], "y": top + text["line"] * _CAPTION_LINE}
        for text in texts
    ]
    return {
        "data": {"values": values},
        "mark": {"type": "text", "align": "left", "fontSize": 11, "opacity": 0.8},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "scale": None},
            "y": {"field": "y", "type": "quantitative", "scale": None},
            "text": {"field": "text", "type": "nominal"},
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
