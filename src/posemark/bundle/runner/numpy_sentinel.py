"""The fixed workload between blocks, on a device without torch."""

import numpy as np

from posemark.machine.sentinel import SIDE, TIMES
from posemark.measure.loop import time_of

_LONGEST_NS = 100_000_000
"""Nanoseconds of one call at most: a block lasts half a second."""

_SMALLEST = 96
"""Smallest number of rows and columns."""

_TRIALS = 3


class NumpySentinel:
    """Two float32 matrix products in numpy.

    They have the size of PoseMark's own sentinel, unless numpy has no fast library for them, as on
    some boards. Times are compared within a record only.

    Args:
        side: the number of rows and columns; None tries from the largest size down.

    Attributes:
        side: the number of rows and columns.
    """

    def __init__(self, side: int | None = None) -> None:
        self.side = SIDE if side is None else side
        self._fill()
        self()
        while side is None and self.side > _SMALLEST and self._shortest_ns() > _LONGEST_NS:
            self.side //= 2
            self._fill()
            self()

    def _shortest_ns(self) -> int:
        """Return the shortest of a few times: a disturbance must not choose the size."""
        return min(time_of(self) for _ in range(_TRIALS))

    def _fill(self) -> None:
        steps = np.arange(self.side * self.side, dtype=np.float32).reshape(self.side, self.side)
        self._left, self._right = np.sin(steps), np.cos(steps)
        self._product = np.empty_like(self._left)

    def __call__(self) -> None:
        """Do the work once."""
        for _ in range(TIMES):
            np.dot(self._left, self._right, out=self._product)

    @property
    def description(self) -> str:
        """What it does, for the record."""
        return f"numpy, {TIMES} products {self.side}x{self.side}"
