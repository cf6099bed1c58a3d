"""The AP-FPS chart as a Vega-Lite specification: sizes, titles, captions, panels by approach."""

from collections.abc import Sequence

from posemark.report import (
    chart_captions,
    chart_layers,
    chart_marks,
    chart_places,
    chart_theme,
    common_settings,
    comparable,
)
from posemark.report.chart_places import Layout
from posemark.report.chart_theme import SCHEMA, Spec
from posemark.report.result_row import Row

_LEGEND_WIDTH = 230  # pixels
_CAPTION_LEFT = -44  # pixels from the plot, below the title of the y axis
_CAPTION_TOP = 66  # pixels below the plot

PICTURE = Layout(width=600, height=400, legend="right", captions=True)
# As wide as two panels with their axes: Vega places the legends of all charts right of the widest.
OVER_PANELS = Layout(width=835, height=430, legend="right", captions=False)
PANEL = Layout(width=374, height=290, legend="", captions=False)
WIDE = Layout(width=730, height=430, legend="right", captions=False)
NARROW = Layout(width=275, height=330, legend="bottom", captions=False)


def ap_fps_spec(rows: list[Row], layout: Layout = PICTURE, reasons: Sequence[str] = ()) -> Spec:
    """Return the chart of AP against pose FPS; rows that it cannot plot are named below it.

    Args:
        rows: the rows.
        layout: size of the plot, and what is drawn around it.
        reasons: sentences for the caption on rows that are not among these.
    """
    spec = _frame(rows) | _plot(common_settings.plotted(rows), layout, colours(rows))
    if layout.captions:
        texts = chart_captions.texts(rows, layout.width + _LEGEND_WIDTH, reasons)
        spec["title"] = chart_captions.title(rows)
        spec["layer"].append(
            chart_captions.layer(texts, _CAPTION_LEFT, layout.height + _CAPTION_TOP)
        )
    return spec


def picture_spec(rows: list[Row]) -> Spec:
    """Return the chart for publication alone: the largest group of comparable rows.

    The other rows are named in the caption. Where both approaches occur, a panel of each is added
    below.
    """
    groups = comparable.groups(rows)
    shown = groups[0].rows if groups else rows
    return _picture(shown, comparable.reasons(rows))


def _picture(rows: list[Row], reasons: list[str]) -> Spec:
    panels = common_settings.by_approach(common_settings.plotted(rows))
    if not panels:
        return ap_fps_spec(rows, reasons=reasons)
    of_family, width = colours(rows), OVER_PANELS.width + _LEGEND_WIDTH
    combined = _plot(common_settings.plotted(rows), OVER_PANELS, of_family)
    small = [
        _plot(own, PANEL, of_family) | {"title": _panel_title(approach)}
        for approach, own in panels.items()
    ]
    texts = chart_captions.texts(rows, width, reasons)
    height = chart_captions.LINE * max(text["line"] for text in texts)
    below: Spec = {
        "width": 1,  # texts may extend below the legends, which are right of the widest view
        "height": height,
        "layer": [chart_captions.layer(texts, _CAPTION_LEFT, 0)],
    }
    return _frame(rows) | {
        "title": chart_captions.title(rows),
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
        "description": common_settings.sentence(rows),
        "padding": 16,
        "config": chart_theme.LIGHT,
    }


def colours(rows: list[Row]) -> dict[str, str]:
    """Return a colour for every family; families with a mark get the first colours."""
    families = common_settings.distinct(
        chart_marks.family(row) for row in [*common_settings.plotted(rows), *rows]
    )
    return dict(zip(families, chart_theme.families(families), strict=True))


def empty_spec(rows: list[Row], layout: Layout) -> Spec:
    """Return the AP-FPS chart without size, data and captions: only its layers."""
    plot = chart_places.sized(common_settings.plotted(rows), layout, colours(rows))
    return _frame(rows) | {"layer": chart_layers.layers(plot)}


def _plot(shown: list[Row], layout: Layout, colours: dict[str, str]) -> Spec:
    plot = chart_places.sized(shown, layout, colours)
    return {
        "width": layout.width,
        "height": layout.height,
        "data": {"values": chart_places.points(plot)},
        "layer": chart_layers.layers(plot),
    }
