"""What all charts share: Vega-Lite version, colours, fonts.

The colours are legible on white and on near-black.
"""

from typing import Any

Spec = dict[str, Any]
VEGA_LITE = "6.1"  # the newest version in the oldest vl-convert that we support
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

FONT = "Helvetica Neue, Helvetica, Arial, Liberation Sans, sans-serif"
FAMILIES = ("#2f6fde", "#dd5a12", "#12936f", "#a845c9", "#c28a00", "#d6336c", "#1593ad", "#8a6d4f")
CHOSEN = ("#2f6fde", "#dd5a12", "#12936f", "#a845c9")  # of the entries a reader compares
STAGES = {
    "decode": "#8a94a0",
    "detect": "#b5489b",
    "preprocess": "#dd8415",
    "infer": "#2f6fde",
    "postprocess": "#12936f",
}


def families(names: list[str]) -> list[str]:
    """Return one colour per family; the palette repeats after its last colour."""
    return [FAMILIES[index % len(FAMILIES)] for index in range(len(names))]


def config(ink: str, background: str | None) -> Spec:
    """Return a Vega-Lite config that draws text and lines in one colour.

    Args:
        ink: the colour; "currentColor" is the text colour of the surrounding page.
        background: colour of the background; None for none.
    """
    words = {"labelColor": ink, "titleColor": ink, "labelFontSize": 11.5, "titleFontSize": 12}
    return {
        "background": background,
        "font": FONT,
        "view": {"stroke": None},
        "text": {"fill": ink},
        "line": {"stroke": ink},
        "rule": {"stroke": ink},
        "title": {"color": ink, "subtitleColor": ink},
        "axis": words
        | {
            "grid": True,
            "gridColor": ink,
            "gridOpacity": 0.12,
            "domainColor": ink,
            "domainOpacity": 0.5,
            "ticks": False,
            "labelPadding": 6,
            "titlePadding": 10,
            "titleFontWeight": 600,
        },
        "legend": words
        | {
            "labelLimit": 0,
            "titleFontWeight": 600,
            "rowPadding": 4,
            "symbolSize": 110,
            # Legends below a narrow plot are stacked.
            "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
        },
    }


LIGHT = config("#24292f", "#ffffff")
PAGE = config("currentColor", None)
