"""Minimal-cost assignment that breaks ties as the munkres package does.

HigherHRNet's grouping depends on which of several equally cheap assignments is taken; the
official code uses munkres 1.1, and other solvers group other people (tests/codecs).
"""

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats

Indices = NDArray[np.intp]


def assign(cost: Floats) -> Indices:
    """The column of every row of (R, C) costs, R <= C, with the least total cost.

    Munkres' algorithm in the six steps of Bob Pilgrim's notes. Rounded tag distances tie
    often, and then the order of the search decides who is who: this one searches in the
    order of the Python package munkres 1.1, which the official figures were made with.
    """
    return _Assignment(cost).solved()


class _Assignment:
    """The square cost matrix, its starred and primed zeros, and its covered lines.

    Of stars and primes every row has at most one; -1 says none.
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
        """In every row the first zero whose column is still free."""
        taken = set[int]()
        latest = -1
        for row, column in np.argwhere(self._zero[: self._rows]).tolist():
            if row != latest and column not in taken:
                latest = row
                taken.add(column)
                self._star(row, column)
        # All of the rows that make the matrix square is zero.
        free = np.flatnonzero(self._star_in_column < 0)[: len(self._cost) - self._rows]
        padding = self._rows + np.arange(len(free))
        self._star_in_row[padding], self._star_in_column[free] = free, padding

    def _star(self, row: int, column: int) -> None:
        self._star_in_row[row] = column
        self._star_in_column[column] = row

    def _unstarred_prime(self) -> tuple[int, int]:
        """Prime uncovered zeros until one lies in a row without a star."""
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
        """In the first row from `row` on, cyclically, that has one: the last from `column` on."""
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

        Add first, then subtract, where both meet: rounding may leave no zero behind there,
        and the package's choices include that.
        """
        smallest = self._cost[np.ix_(~self._covered_rows, ~self._covered_columns)].min()
        self._cost[self._covered_rows] += smallest
        self._cost[:, ~self._covered_columns] -= smallest
        self._zero = self._cost == 0

    def _augment(self, row: int, column: int) -> None:
        """Swap primes and stars along the alternating path that starts at this prime."""
        while True:
            other = int(self._star_in_column[column])
            self._star(row, column)
            if other < 0:
                return
            row, column = other, int(self._prime_in_row[other])
