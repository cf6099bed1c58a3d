"""The conventions by which a family maps person boxes to crops and back, as data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Convention:
    """How one family of repositories maps a person box to a crop and back.

    Attributes:
        name: its name in records and in the documentation.
        extent: 0 if the length of a span of n pixels is n, 1 if it is n - 1 (from the first to
            the last pixel centre). It enters the box centre, the affine and, with the opposite
            sign, cleaned GT boxes.
        keep_line_boxes: whether a cleaned GT box may be one pixel thin (x2 >= x1), or must have
            x2 > x1 and y2 > y1.
        flip_shift: columns by which the heatmaps, mirrored back, move right before averaging.
        missing_xy: coordinate in cells, for both axes, of a key point whose maximum is not
            positive.
        padding: factor by which the box grows around its centre.
        unpadded_x: x of the box centre, in pixels, at which the box does not grow; the official
            code has this rule for missing boxes of MPII. None if the family has no such rule.
    """

    name: str
    extent: Literal[0, 1]
    keep_line_boxes: bool
    flip_shift: Literal[0, 1]
    missing_xy: float
    padding: float = 1.25
    unpadded_x: float | None = None
