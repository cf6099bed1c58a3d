"""The assignment solver: optimal, and with the ties of the package munkres."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.core.assignment import assign


def total(cost, columns):
    return sum(cost[row, column] for row, column in enumerate(columns))


@settings(max_examples=60)
@given(st.integers(1, 5), st.integers(0, 2), st.integers(0, 10_000), st.booleans())
def test_assignment_is_optimal(rows, more, seed, tied):
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 4, (rows, rows + more)) * 100.0 - (0 if tied else rng.random((rows, 1)))
    columns = assign(cost)
    assert len(set(columns.tolist())) == rows
    least = min(total(cost, choice) for choice in permutations(range(rows + more), rows))
    assert total(cost, columns) == pytest.approx(least)


def test_ties_are_broken_as_by_the_package_munkres():
    # Costs, and the columns that munkres 1.1.4 gives. Other optima exist for each.
    cases = [
        (
            [[3, 1, 2, 2, 1], [3, 2, 3, 3, 3], [0, 0, 2, 1, 1], [2, 0, 1, 3, 1], [0, 1, 2, 1, 2]],
            [4, 1, 3, 2, 0],
        ),
        (
            [[2, 2, 1, 2, 0, 0], [0, 2, 3, 2, 0, 0], [1, 0, 3, 0, 2, 3], [3, 0, 3, 1, 0, 2]],
            [5, 0, 1, 4],
        ),
    ]
    for cost, columns in cases:
        assert assign(np.array(cost, float)).tolist() == columns
