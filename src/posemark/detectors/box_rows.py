"""Decodes the outputs of person detectors: one row of numbers per box.

Two forms of rows exist. Networks that end in their own suppression of duplicates give corners and
scores. YOLOX gives, for each cell of several grids, a position and size relative to the cell
(arXiv 2107.08430), an objectness, and a score for each class.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.geometry.boxes import nms

Form = Literal["corners", "grid"]

CANDIDATES = 1000
"""The most boxes per image among which duplicates are sought, the best ones."""

_LARGEST = 20.0
"""Largest logarithm of a side in cells that is computed; larger sides exceed any image."""


@dataclass(frozen=True)
class BoxRows:
    """The rows of a detector.

    Attributes:
        form: "corners" for x1, y1, x2, y2 in input pixels, score and, if there are several
            classes, the number of the class; "grid" for the cells of YOLOX, whose rows are x, y,
            the logarithms of width and height, objectness, and a score for each class.
        classes: the number of classes.
        person: the number of the class person, from 0.
        strides: input pixels per cell of each grid, in the order of the rows.
        nms: the IoU above which the worse one of two boxes is dropped; None if the network does
            that.
        least: boxes with a lower score are dropped.
        most: the largest number of boxes per image.
    """

    form: Form
    classes: int = 1
    person: int = 0
    strides: tuple[int, ...] = ()
    nms: float | None = None
    least: float = 0.0
    most: int = 100

    @property
    def columns(self) -> int:
        """The numbers of a row."""
        if self.form == "grid":
            return 5 + self.classes
        return 5 if self.classes == 1 else 6

    def problems(self, shape: tuple[int, ...], input_hw: tuple[int, int]) -> Iterator[str]:
        """Yield the mismatch between the shape of an output and these rows, if there is one.

        Args:
            shape: the shape of the output.
            input_hw: height and width of the input in pixels.
        """
        if len(shape) != 3 or shape[0] != 1 or shape[2] != self.columns:
            yield (
                f"expected rows of {self.columns} numbers, (1, N, {self.columns}), got {shape}: "
                "compare codec.rows, codec.classes and outputs.sources with the file"
            )
        elif self.form == "grid" and shape[1] != len(self._cells(input_hw)[0]):
            yield (
                f"expected {len(self._cells(input_hw)[0])} rows, one for each cell at the strides "
                f"{list(self.strides)} of {input_hw[0]}x{input_hw[1]} pixels, got {shape[1]}: "
                "correct codec.strides or input.size"
            )

    def decode(self, rows: NDArray[np.float32], input_hw: tuple[int, int]) -> tuple[Floats, Floats]:
        """Decode the people of one image.

        Args:
            rows: (N, columns) the output of the network.
            input_hw: height and width of the input in pixels.

        Returns:
            (P, 4) corners x1, y1, x2, y2 in input pixels, and (P,) scores, the best first.
        """
        corners, scores = self._grid(rows, input_hw) if self.form == "grid" else self._corners(rows)
        best = np.argsort(-scores, kind="stable")
        best = best[scores[best] >= self.least]
        if self.nms is not None:
            best = best[:CANDIDATES]
            best = best[nms(_xywh(corners[best]), scores[best], self.nms)]
        best = best[: self.most]
        return corners[best], scores[best]

    def _corners(self, rows: NDArray[np.float32]) -> tuple[Floats, Floats]:
        mine = rows if self.classes == 1 else rows[rows[:, 5] == self.person]
        return mine[:, :4].astype(np.float64), mine[:, 4].astype(np.float64)

    def _grid(self, rows: NDArray[np.float32], input_hw: tuple[int, int]) -> tuple[Floats, Floats]:
        cells, strides = self._cells(input_hw)
        values = rows.astype(np.float64)
        centres = (values[:, :2] + cells) * strides
        sides = np.exp(np.minimum(values[:, 2:4], _LARGEST)) * strides
        corners = np.concatenate([centres - sides / 2, centres + sides / 2], 1)
        return corners, values[:, 4] * values[:, 5 + self.person]

    def _cells(self, input_hw: tuple[int, int]) -> tuple[Floats, Floats]:
        """Return the (N, 2) x, y of all cells, and their (N, 1) strides."""
        grids = [np.indices((input_hw[0] // s, input_hw[1] // s), np.float64) for s in self.strides]
        cells = [grid[::-1].reshape(2, -1).T for grid in grids]
        strides = [np.full((len(c), 1), float(s)) for c, s in zip(cells, self.strides, strict=True)]
        return np.concatenate(cells), np.concatenate(strides)


def _xywh(corners: Floats) -> Floats:
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
