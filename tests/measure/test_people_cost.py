import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.measure.people_cost import fit

TIMES = st.floats(0, 1e4)


@given(st.lists(st.integers(0, 40), min_size=3, max_size=60), TIMES, TIMES)
def test_an_exact_line_is_recovered(people, base, slope):
    line = fit(people, [base + slope * count for count in people])
    if len(set(people)) == 1:
        assert line is None
        return
    assert line.base == pytest.approx(base, abs=1e-5)
    assert line.per_person == pytest.approx(slope, abs=1e-5)


def squares(people, ms, base, slope):
    return float(((np.array(ms) - base - slope * np.array(people)) ** 2).sum())


@given(
    st.lists(st.tuples(st.integers(0, 40), TIMES), min_size=3, max_size=60),
    st.floats(0, 2e4),
    st.floats(0, 2e3),
)
def test_no_line_of_two_parts_above_zero_is_nearer(frames, base, slope):
    people, ms = zip(*frames, strict=True)
    line = fit(people, ms)
    if len(set(people)) == 1:
        return
    assert line.base >= 0
    assert line.per_person >= 0
    ours = squares(people, ms, line.base, line.per_person)
    assert ours <= squares(people, ms, base, slope) * (1 + 1e-9) + 1e-3


@pytest.mark.parametrize("people", [[], [1], [0, 5], [4, 4, 4]])
def test_too_few_frames_or_people_counts_determine_no_line(people):
    assert fit(people, [1.0] * len(people)) is None
