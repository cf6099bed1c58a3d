"""What all charts share: Vega-Lite version, colours, fonts.

The colours read on white and on near-black alike.
"""

from typing import Any

Spec = dict[str, Any]
VEGA_LITE = "6.1"  # the newest that the oldest supported vl-convert has
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
    """One colour a family; the palette starts again after its last colour."""
    return [FAMILIES[index % len(FAMILIES)] for index in range(len(names))]


def config(ink: str, background: str | None) -> Spec:
    """A Vega-Lite config in one ink; "currentColor" takes the colour of the page around it."""
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
            # Legends below a narrow plot stand under each other.
            "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
        },
    }


LIGHT = config("#24292f", "#ffffff")
PAGE = config("currentColor", None)
