"""How a person box becomes a crop, and a crop's cells become image pixels again, as data."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Convention:
    """How one family of repositories maps a person box to a crop and back.

    name: what the record and the docs call it.
    extent: 0 if a span of n pixels counts as n, 1 if as n - 1 (first to last pixel centre).
        It enters the box centre, the affine and, with the opposite sign, cleaned GT boxes.
    keep_line_boxes: whether a cleaned GT box may be one pixel thin (x2 >= x1), or must have
        x2 > x1 and y2 > y1.
    flip_shift: columns by which the flipped-back heatmaps move right before averaging.
    missing_xy: heatmap coordinate given to a key point whose maximum is not positive.
    padding: growth of the box around its centre.
    unpadded_x: the centre's x at which the box does not grow, a leftover of MPII's missing
        boxes in official code; None where there is no such rule.
    """

    name: str
    extent: Literal[0, 1]
    keep_line_boxes: bool
    flip_shift: Literal[0, 1]
    missing_xy: float
    padding: float = 1.25
    unpadded_x: float | None = None
