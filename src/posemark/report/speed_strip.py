"""The strip beside the AP axis: speeds of entries whose AP is neither measured nor published.

The page's script (page/charts.js) does the same for the entries that a reader chooses.
"""

LABEL = "AP unknown"
FILL = "AP unknown (left of the axis)"
"""The legend's text for the fill of its marks."""

WIDTH = 66.0
"""Width of the strip in pixels; the AP axis begins right of it."""

_LANES = (13.0, 31.0, 49.0)  # pixels from the left edge
_APART = 15.0  # pixels from centre to centre at which marks do not touch


def data() -> dict[str, str | float | tuple[float, ...]]:
    """Return what the page's script needs to draw the strip."""
    return {"label": LABEL, "fill": FILL, "width": WIDTH, "lanes": _LANES, "apart": _APART}


def lanes(heights: list[float]) -> list[float]:
    """Return the x in pixels of marks at these heights (y), so that no mark covers another.

    Entries that share a network are about equally fast, so their marks would overlap in one
    column. From the top down, each mark gets the first lane with room for it, or the lane with
    the most room where no lane has enough.
    """
    lowest = [float("-inf")] * len(_LANES)
    found = [0.0] * len(heights)
    for at in sorted(range(len(heights)), key=heights.__getitem__):
        free = [lane for lane, last in enumerate(lowest) if heights[at] - last >= _APART]
        lane = free[0] if free else lowest.index(min(lowest))
        lowest[lane], found[at] = heights[at], _LANES[lane]
    return found
