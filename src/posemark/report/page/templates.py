"""The charts of the page: specifications that its script fills with the shown entries."""

from copy import deepcopy

from posemark.report import (
    axis_scales,
    chart_layers,
    chart_places,
    chart_theme,
    charts,
    common_settings,
)
from posemark.report.chart_theme import Spec
from posemark.report.page import panels
from posemark.report.result_row import Row

WIDE, NARROW = "ap_fps", "ap_fps_narrow"


def templates(rows: list[Row]) -> dict[str, Spec]:
    """Return every chart by its name in the page, without data."""
    return {
        WIDE: _ap_fps(rows, charts.WIDE),
        NARROW: _ap_fps(rows, charts.NARROW),
        **panels.all_panels(charts.colours(rows)),
    }


def _ap_fps(rows: list[Row], layout: chart_places.Layout) -> Spec:
    """The AP-FPS chart without marks, names and axes, which depend on what the reader chooses."""
    spec = charts.empty_spec(rows, layout)
    named = dict(zip(chart_layers.LAYERS, spec.pop("layer"), strict=True))
    del named["names"]  # the page places the names of the marks that are shown
    named["fronts"]["data"] = {"name": "fronts"}
    named["strip"]["data"] = {"name": "strip"}
    named["points"]["mark"]["cursor"] = "pointer"
    for name in ("rings", "points", "fps_bars"):
        named[name]["encoding"] |= _paler()
    behind = {name: named.pop(name) for name in ("strip", "fronts")}
    layers = {**behind, "chosen": _chosen(named["points"]), **named}
    return spec | {
        "config": chart_theme.PAGE,
        "padding": 4,
        "data": {"name": "points"},
        "layer": [{"name": name} | layer for name, layer in layers.items()],
    }


def _paler() -> Spec:
    """An encoding that draws marks with an extrapolated FPS paler."""
    return {"opacity": {"condition": {"test": "datum.beyond", "value": 0.55}, "value": 1}}


def _chosen(points: Spec) -> Spec:
    """A ring in the text colour around the entries that the reader compares."""
    where: Spec = {name: deepcopy(points["encoding"][name]) for name in ("x", "y")}
    ring = {"shape": "circle", "size": 420, "fillOpacity": 0, "strokeWidth": 2.5}
    return {
        "transform": [{"filter": "datum.chosen"}],
        "mark": {"type": "point", "stroke": "currentColor", "opacity": 1} | ring,
        "encoding": where,
    }


def log_by_default(rows: list[Row]) -> bool:
    """Return whether the FPS differ so much that the axes are logarithmic at first."""
    return axis_scales.fps_axis([row.fps_pose or 0.0 for row in common_settings.plotted(rows)]).log
