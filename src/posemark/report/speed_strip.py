"""The strip beside the AP axis: speeds of entries whose AP is neither measured nor published.

page_charts.js does the same for the entries that a reader chose.
"""

from typing import Any

LABEL = "AP unknown"
FILL = "AP unknown (left of the axis)"
"""What the fill of its marks means, in the legend."""

WIDTH = 66.0
"""Pixels; the AP axis begins right of it."""

_LANES = (13.0, 31.0, 49.0)  # pixels from the left edge
_APART = 15.0  # pixels from centre to centre at which marks do not touch


def data() -> dict[str, Any]:
    """What the page's script needs of it."""
    return {"label": LABEL, "fill": FILL, "width": WIDTH, "lanes": _LANES, "apart": _APART}


def lanes(heights: list[float]) -> list[float]:
    """Where marks at these heights lie from the left edge, so that none covers another.

    Entries that share a network are about equally fast, so that their marks would. Each has the
    first lane with room for it, from the top down; without any, that with the most.
    """
    lowest = [float("-inf")] * len(_LANES)
    found = [0.0] * len(heights)
    for at in sorted(range(len(heights)), key=heights.__getitem__):
        free = [lane for lane, last in enumerate(lowest) if heights[at] - last >= _APART]
        lane = free[0] if free else lowest.index(min(lowest))
        lowest[lane], found[at] = heights[at], _LANES[lane]
    return found
