"""Draws the FPS of the whole pipeline over AP, for a detector at every k-th frame.

python benchmarks/following_chart.py following -o following.svg
"""

import argparse
from pathlib import Path

from posemark.core.errors import PoseMarkError
from posemark.report import chart_theme, common_settings, formats, rendering
from posemark.report.chart_theme import Spec
from posemark.report.result_row import Row
from posemark.report.results import load_rows
from posemark.score.ap_bootstrap import difference_interval

WIDTH, HEIGHT = 460, 300


def mark(row: Row, usual: Row) -> dict[str, object]:
    """Return the data of the mark of one record, whose AP is compared with that of another."""
    own, other = row.compared, usual.compared
    if own is None or other is None or row.looks is None or row.fps_pipeline is None:
        raise SystemExit(f"error: {row.entry} has no AP, or no detector at every k-th frame.")
    if own.key != other.key:
        raise SystemExit(f"error: {row.entry} and {usual.entry} saw different images.")
    every = row.looks.every
    words = "every frame" if every == 1 else f"every {every} frames"
    low, high = difference_interval(own.draws, other.draws) or (own.AP - other.AP,) * 2
    return {
        "name": (f"{words}, smoothed" if row.smooth else words) + cost(own.AP - other.AP),
        "ap": 100 * own.AP,
        "low": 100 * (other.AP + low),
        "high": 100 * (other.AP + high),
        "fps": row.fps_pipeline,
        "every": every,
        "smooth": row.smooth,
    }


def cost(difference: float) -> str:
    """Return what is behind the name of a mark; "" for the one that others are compared with."""
    return f": {100 * difference:+.1f} AP" if difference else ""


def scale(values: list[float], least: float, share: float = 0.12) -> list[float]:
    """Return a domain around the values, with room for the words."""
    room = share * max(max(values) - min(values), least)
    return [min(values) - room, max(values) + room]


def chart(rows: list[Row]) -> Spec:
    """Return the chart of these records."""
    rows = sorted(rows, key=lambda row: (row.looks.every if row.looks else 0, row.smooth))
    marks = [mark(row, rows[0]) for row in rows]
    ends = [float(str(each[end])) for each in marks for end in ("low", "high")]
    speeds = [float(str(each["fps"])) for each in marks]
    x = {"type": "quantitative", "scale": {"domain": scale(ends, 4), "nice": False}}
    y = {"field": "fps", "type": "quantitative", "scale": {"domain": [0, 1.12 * max(speeds)]}}
    ap = x | {"field": "ap", "title": "AP in points, more accurate →"}
    fps = y | {"title": "FPS of the whole pipeline, faster →"}
    shape = {"field": "smooth", "type": "nominal", "legend": None}
    plain = [{"filter": "!datum.smooth"}]
    return {
        "$schema": chart_theme.SCHEMA,
        "config": chart_theme.LIGHT,
        "padding": 10,
        "width": WIDTH,
        "height": HEIGHT,
        "title": {
            "text": f"{rows[0].model}: the detector at every k-th frame",
            "subtitle": [*common_settings.settings(rows), *short_warnings(rows)],
            "anchor": "start",
            "subtitleFontSize": 11,
        },
        "data": {"values": marks},
        "layer": [
            {
                "transform": plain,
                "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.6},
                "encoding": {"x": ap, "y": fps, "order": {"field": "every"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.5},
                "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}, "y": fps},
            },
            {
                "mark": {
                    "type": "point",
                    "filled": True,
                    "size": 90,
                    "opacity": 1,
                    "fill": chart_theme.FAMILIES[0],
                },
                "encoding": {"x": ap, "y": fps, "shape": shape},
            },
            names(ap, fps, "!datum.smooth", -9),
            names(ap, fps, "datum.smooth", 15),  # below, as its speed is that of the one beside it
        ],
    }


def names(ap: Spec, fps: Spec, chosen: str, dy: int) -> Spec:
    """Return a layer with the names of the chosen marks, so many pixels below them."""
    return {
        "transform": [{"filter": chosen}],
        "mark": {"type": "text", "align": "left", "dx": 9, "dy": dy, "fontWeight": 600},
        "encoding": {"x": ap, "y": fps, "text": {"field": "name"}},
    }


def short_warnings(rows: list[Row]) -> list[str]:
    """Return what a reader must know of the speeds, and what the thin lines are."""
    kinds = common_settings.distinct(
        row.verdict.kind for row in rows if row.verdict.kind != "valid"
    )
    doubts = [f"Speeds are {', '.join(kinds)}: {formats.VERDICTS[kinds[0]]}."] if kinds else []
    return [
        *doubts,
        "Thin lines: 95% intervals of the difference of AP from the first. All stages count.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="the records of benchmarks/following.py")
    parser.add_argument("-o", type=Path, required=True, help="an .svg or .png file")
    given = parser.parse_args()
    try:
        spec = chart(load_rows([given.folder]))
    except PoseMarkError as error:
        raise SystemExit(f"error: {error}") from error
    if given.o.suffix == ".png":
        given.o.write_bytes(rendering.png(spec))
    else:
        given.o.write_text(rendering.svg(spec), encoding="utf-8")


if __name__ == "__main__":
    main()
