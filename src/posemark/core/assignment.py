"""Solves the assignment problem and breaks ties as the Python package munkres does.

Codecs group key points with it, and tracking pairs the people of two frames. HigherHRNet's grouping
depends on which of several equally cheap assignments is chosen. The official code uses munkres 1.1;
other solvers group people differently (tests/codecs).
"""

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats

Indices = NDArray[np.intp]


def assign(cost: Floats) -> Indices:
    """Assign a column to every row so that the total cost is minimal.

    This is Munkres' algorithm in the six steps of Bob Pilgrim's notes. Rounded tag distances are
    often equal, and then the order of the search decides the groups. This implementation searches
    in the order of the Python package munkres 1.1, with which the official figures were made.

    Args:
        cost: (R, C) finite costs, R <= C.

    Returns:
        (R,) different column indices.
    """
    return _Assignment(cost).solved()


class _Assignment:
    """The square cost matrix, its starred and primed zeros, and its covered lines.

    Every row has at most one star and one prime; -1 means that it has none.
    """

    def __init__(self, cost: Floats) -> None:
        self._rows, size = cost.shape
        self._cost = np.zeros((size, size))
        self._cost[: self._rows] = cost
        self._cost -= self._cost.min(1, keepdims=True)
        self._star_in_row = np.full(size, -1)
        self._star_in_column = np.full(size, -1)
        self._prime_in_row = np.full(size, -1)
        self._covered_rows = np.zeros(size, bool)
        self._covered_columns = np.zeros(size, bool)
        self._zero = self._cost == 0

    def solved(self) -> Indices:
        self._star_first_zeros()
        while (self._star_in_row < 0).any():
            self._covered_rows[:] = False
            self._covered_columns[:] = self._star_in_column >= 0
            self._prime_in_row[:] = -1
            self._augment(*self._unstarred_prime())
        return self._star_in_row[: self._rows]

    def _star_first_zeros(self) -> None:
        """Star, in every row, the first zero in a column without a star."""
        taken = set[int]()
        latest = -1
        for row, column in np.argwhere(self._zero[: self._rows]).tolist():
            if row != latest and column not in taken:
                latest = row
                taken.add(column)
                self._star(row, column)
        # The rows that make the matrix square contain only zeros.
        free = np.flatnonzero(self._star_in_column < 0)[: len(self._cost) - self._rows]
        padding = self._rows + np.arange(len(free))
        self._star_in_row[padding], self._star_in_column[free] = free, padding

    def _star(self, row: int, column: int) -> None:
        self._star_in_row[row] = column
        self._star_in_column[column] = row

    def _unstarred_prime(self) -> tuple[int, int]:
        """Prime uncovered zeros until one is in a row without a star."""
        start = (0, 0)
        while True:
            found = self._uncovered_zero(*start)
            if found is None:
                self._make_zeros()
                start = (0, 0)
                continue
            row, column = found
            self._prime_in_row[row] = column
            star = int(self._star_in_row[row])
            if star < 0:
                return row, column
            self._covered_rows[row] = True
            self._covered_columns[star] = False
            start = (row, star)

    def _uncovered_zero(self, row: int, column: int) -> tuple[int, int] | None:
        """Find an uncovered zero, or return None.

        It is in the first row with such a zero, from `row` on and cyclically. In that row it is
        the last one before `column`, or else the last one of all.
        """
        free = self._zero & ~self._covered_columns
        rows = free.any(1) & ~self._covered_rows
        first = row + int(rows[row:].argmax())
        if not rows[first]:
            first = int(rows.argmax())
            if not rows[first]:
                return None
        columns = free[first]
        before = columns[:column] if columns[:column].any() else columns
        return first, len(before) - 1 - int(before[::-1].argmax())

    def _make_zeros(self) -> None:
        """Move the smallest uncovered cost from the uncovered columns to the covered rows.

        Elements in a covered row and an uncovered column are first increased, then decreased as in
        the package: rounding may remove a zero there, and the choices depend on that.
        """
        smallest = self._cost[np.ix_(~self._covered_rows, ~self._covered_columns)].min()
        self._cost[self._covered_rows] += smallest
        self._cost[:, ~self._covered_columns] -= smallest
        self._zero = self._cost == 0

    def _augment(self, row: int, column: int) -> None:
        """Exchange primes and stars along the alternating path that starts at this prime."""
        while True:
            other = int(self._star_in_column[column])
            self._star(row, column)
            if other < 0:
                return
            row, column = other, int(self._prime_in_row[other])
