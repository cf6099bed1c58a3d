"""One mark of the AP-FPS chart: what it shows, and the text of its tooltip."""

from typing import Any

from posemark.report import common_settings, formats
from posemark.report.result_row import Row

GT, DETECTED, NO_BOXES = "ground-truth boxes", "detected boxes", "no boxes (bottom-up)"
SHAPES = {GT: "circle", DETECTED: "square", NO_BOXES: "triangle-up"}
TOOLTIP = {
    "entry": "entry",
    "weights": "weights",
    "ap_text": "AP",
    "fps_text": "FPS",
    "worth": "speed is",
    "people": "people per frame",
    "cost": "a frame takes",
    "stages": "ms per frame",
    "run": "runtime",
    "licence": "licence",
}


def ap(row: Row) -> float | None:
    """Return the AP in points: measured in this run, else published, else None."""
    if row.compared:
        return 100 * row.compared.AP
    return 100 * row.ap_published.AP if row.ap_published else None


HALF = 0.3
"""Opacity of the fill of a mark without any AP, which is neither solid nor hollow."""


def _solid(row: Row) -> float:
    if not formats.ap_known(row):
        return HALF
    return 0 if formats.measured_ap(row) is None else 1


def box_kind(row: Row) -> str:
    """Return which person boxes a row used: annotated, detected (also from a file), or none."""
    if row.approach == "bottom-up":
        return NO_BOXES
    return GT if formats.on_truth(row) else DETECTED


def family(row: Row) -> str:
    """Return the family, which the colour of a mark shows; the model where it has no family."""
    return row.family or row.model


def ap_source(row: Row) -> str:
    """Return in words where the AP of a mark comes from."""
    if formats.measured_ap(row) is not None:
        return "measured here"
    return "as published" if row.ap_published else "not known"


def valid(row: Row) -> bool:
    """Return whether the verdict on the speed is "valid"; other marks get a ring."""
    return row.verdict.kind == "valid"


def mark(row: Row) -> dict[str, Any]:
    """Return the figures of a mark and the texts of its tooltip.

    AP is in points. Ends of intervals are None where there is no interval.
    """
    ap_low, ap_high = (row.compared and row.compared.interval) or (None, None)
    fps_low, fps_high = row.fps_interval or (None, None)
    return {
        "ap": ap(row),
        "ap_low": ap_low and 100 * ap_low,
        "ap_high": ap_high and 100 * ap_high,
        "fps": row.fps_pose,
        "fps_low": fps_low,
        "fps_high": fps_high,
        "doubted": 0 if valid(row) else 1,
        "worth": ": ".join((row.verdict.kind, *row.verdict.evidence[:1])),
        "family": family(row),
        "boxes": box_kind(row),
        "solid": _solid(row),
        "entry": common_settings.named(row),
        "weights": row.weights,
        "ap_text": _ap_text(row),
        "fps_text": f"{formats.fps(row)} pose, {formats.three_digits(row.fps_pipeline)} pipeline",
        "people": formats.three_digits(formats.people_per_frame(row)),
        "cost": formats.cost(row),
        "stages": formats.stages(row),
        "run": f"{row.runtime} {row.precision}",
        "licence": formats.licences(row),
    }


def _ap_text(row: Row) -> str:
    measured = formats.measured_ap(row)
    if measured is not None:
        words = f"{formats.points(measured)} measured in this run ({formats.run_settings(row)})"
        return "; ".join(filter(None, (formats.common(row), words)))
    if row.ap_published is None:
        return "unknown: neither measured in this run nor published"
    setting = f"{formats.published_settings(row.ap_published)}; {row.ap_published.source}"
    return f"{formats.points(row.ap_published.AP)} as published ({setting})"
