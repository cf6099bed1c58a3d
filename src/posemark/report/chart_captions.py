"""The text around a chart that is published alone: title above, key and explanations below."""

import textwrap
from collections.abc import Sequence
from typing import TypedDict

from posemark.report import chart_marks, common_settings, formats, pareto
from posemark.report.chart_theme import Spec
from posemark.report.result_row import Row

LINE = 15  # pixels
_CHARACTER = 5.6  # pixels at font size 11
_COLUMNS = 3
INTERVALS = "Thin lines through a mark: 95% intervals of its FPS and of its measured AP."


class Text(TypedDict):
    """A text, its x in pixels from the left, and the number of its line, from 0."""

    text: str
    x: float
    line: float


def title(rows: list[Row]) -> Spec:
    """Return the title of a chart: the headline, and below it settings and warnings."""
    return {
        "text": common_settings.headline(rows),
        "subtitle": common_settings.settings(rows) + common_settings.warnings(rows),
        "anchor": "start",
        "frame": "bounds",
        "fontSize": 17,
        "subtitleFontSize": 12,
        "subtitlePadding": 6,
        "offset": 16,
    }


def texts(rows: list[Row], width: int, reasons: Sequence[str] = ()) -> list[Text]:
    """Return the texts below a chart: the key of the letters in columns, then explanations.

    The explanations say what lines and hollow marks are, and which rows are missing.

    Args:
        rows: all rows of the chart, including those that it cannot plot.
        width: available width in pixels.
        reasons: sentences that say why other rows are not on these axes.
    """
    shown = common_settings.plotted(rows)
    key = sorted({common_settings.named(row) for row in shown if row.letter})
    lines = -(-len(key) // _COLUMNS)
    made: list[Text] = [
        {"text": text, "x": index // lines * width / _COLUMNS, "line": index % lines}
        for index, text in enumerate(key)
    ]
    line = lines + 0.5 if key else 0
    for sentence in [*_sentences(rows, shown), *reasons]:
        for text in textwrap.wrap(sentence, int(width / _CHARACTER), break_on_hyphens=False):
            made.append({"text": text, "x": 0, "line": line})
            line += 1
    return made


def _sentences(rows: list[Row], shown: list[Row]) -> list[str]:
    found = (
        pareto.SENTENCE if shown else "",
        _hollow(shown),
        _in_strip(shown),
        INTERVALS if any(row.fps_interval for row in shown) else "",
        doubts(shown),
        *unplotted_sentences(rows),
    )
    return [text for text in found if text]


def doubts(rows: list[Row]) -> str:
    """Say what dashed rings mean, with the verdicts that occur; "" where every speed is valid."""
    kinds = common_settings.distinct(row.verdict.kind for row in rows if not chart_marks.valid(row))
    return f"Dashed ring: the speed is not valid ({', '.join(kinds)})." if kinds else ""


def _hollow(shown: list[Row]) -> str:
    settings = common_settings.published_settings(
        [row for row in shown if formats.measured_ap(row) is None]
    )
    return f"Hollow: AP as published ({settings}) beside the FPS of this run." if settings else ""


def _in_strip(shown: list[Row]) -> str:
    names = [row.letter or row.entry for row in shown if not formats.ap_known(row)]
    text = f"Left of the AP axis, AP neither measured nor published: {', '.join(names)}."
    return text if names else ""


def unplotted_sentences(rows: list[Row]) -> list[str]:
    """Say which rows the AP-FPS chart leaves out, and why: one sentence per reason."""
    shown = {row.entry for row in common_settings.plotted(rows)}
    return [
        f"Not plotted, {reason}: {', '.join(_left_out(row, shown) for row in found)}."
        for reason, found in common_settings.unplotted(rows).items()
    ]


def _left_out(row: Row, shown: set[str]) -> str:
    name = common_settings.named(row)
    if row.entry in shown:
        name += f" (weights {row.weights})"
    return name.replace(" ", "\u00a0")  # no line break within


def layer(found: list[Text], left: float, top: float) -> Spec:
    """Return a layer with these texts.

    Args:
        found: the texts.
        left: x of their left edge in pixels.
        top: y of their first line in pixels.
    """
    values = [
        {"text": each["text"], "x": left + each["x"], "y": top + each["line"] * LINE}
        for each in found
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
