"""Draws Vega-Lite specifications as SVG and PNG, and provides the script with which a page does."""

import json
from functools import cache

from posemark.report.chart_theme import VEGA_LITE, Spec


def svg(spec: Spec) -> str:
    """Return the chart as an SVG document with a background."""
    import vl_convert

    return vl_convert.vegalite_to_svg(json.dumps(spec), vl_version=VEGA_LITE)


def png(spec: Spec, scale: float = 2.0) -> bytes:
    """Return the chart as a PNG; scale 2 is sharp on high-density screens."""
    import vl_convert

    return vl_convert.vegalite_to_png(json.dumps(spec), vl_version=VEGA_LITE, scale=scale)


@cache
def javascript() -> str:
    """Return Vega, Vega-Lite and Vega-Embed in one script, for pages that load nothing."""
    import vl_convert

    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
