import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.measure.latency import (
    BINS_PER_DECADE,
    PERCENTILES,
    edges_ms,
    fewest_frames,
    histogram,
    needs,
    percentiles,
)

TIMES = st.integers(10**5, 10**12 - 1)


@given(st.lists(TIMES, max_size=80))
def test_every_frame_is_in_one_bin_and_within_its_edges(frame_ns):
    counts = histogram(frame_ns)
    assert sum(count for _, count in counts) == len(frame_ns)
    assert [number for number, _ in counts] == sorted({number for number, _ in counts})
    for number, count in counts:
        low, high = edges_ms(number)
        assert sum(low <= ns / 1e6 < high for ns in frame_ns) == count


def test_bins_are_evenly_spaced_from_a_tenth_of_a_millisecond_to_a_thousand_seconds():
    edges = [edges_ms(number) for number in range(7 * BINS_PER_DECADE)]
    assert (edges[0][0], edges[-1][1]) == (0.1, 1e6)
    assert all(high == low for (_, high), (low, _) in pairwise(edges))
    for low, high in edges:
        assert math.log10(high / low) == pytest.approx(1 / 20, abs=1e-5)


def test_what_lies_beyond_the_bins_is_not_lost():
    assert histogram([0, 1, 99_999, 100_000]) == ((0, 4),)
    assert histogram([10**12, 10**15]) == ((139, 2),)


def test_percentiles_are_times_that_occurred():
    frame_ns = [ms * 10**6 for ms in range(1, 201)]
    assert percentiles(frame_ns) == {"p50": 100, "p90": 180, "p95": 190, "p99": 198}


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (1, {}),
        (9, {}),
        (10, {"p50": 5, "p90": 9}),
        (20, {"p50": 10, "p90": 18, "p95": 19}),
        (99, {"p50": 50, "p90": 90, "p95": 95}),
        (100, {"p50": 50, "p90": 90, "p95": 95, "p99": 99}),
    ],
)
def test_a_percentile_is_shown_if_at_least_one_frame_is_beyond_it(frames, expected):
    assert percentiles([ms * 10**6 for ms in range(frames, 0, -1)]) == expected


@given(st.lists(TIMES, min_size=1, max_size=150, unique=True))
def test_no_percentile_is_the_slowest_frame_itself(frame_ns):
    assert max(frame_ns) / 1e6 not in percentiles(frame_ns).values()


def test_what_percentiles_need_is_said_in_words():
    assert [fewest_frames(percent) for percent in PERCENTILES] == [10, 10, 20, 100]
    assert needs() == "p50 and p90 10 frames, p95 20, p99 100"


@given(st.lists(TIMES, min_size=1, max_size=150))
def test_so_many_frames_stay_within_a_percentile_and_no_shorter_time_does(frame_ns):
    for name, ms in percentiles(frame_ns).items():
        share = int(name[1:]) / 100
        times = [ns / 1e6 for ns in frame_ns]
        assert sum(time <= ms for time in times) >= share * len(times) - 1e-9
        assert sum(time < ms for time in times) < share * len(times)
        assert ms in times


def test_no_frames_have_no_percentiles():
    assert percentiles([]) == {}
    assert histogram([]) == ()
