"""A camera that does not wait: which frames are taken, their delays, and how many are dropped."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.measure.camera import (
    MOST_DROPPED,
    Camera,
    _sustained,
    dropped_share,
    sustainable_fps,
)

MS = 1_000_000
durations = st.lists(st.integers(1, 300 * MS), min_size=1, max_size=60)
rates = st.floats(0.5, 240)


def shots(frame_ns, fps):
    """Return all shots of an application with these frame times, and its pauses."""
    pauses = []
    camera = Camera(fps, rest=pauses.append)
    seen = []
    for nanoseconds in frame_ns:
        seen.append(camera.shot())
        camera.handled(nanoseconds)
    return seen, pauses


def test_a_fast_application_gets_every_frame_at_once_and_waits_for_the_next():
    seen, pauses = shots([30 * MS] * 4, fps=10)
    assert [(s.index, s.wait_ns, s.skipped) for s in seen] == [(i, 0, 0) for i in range(4)]
    assert pauses == [70 * MS] * 3


def test_a_slow_application_gets_the_newest_frame_and_loses_those_between():
    seen, pauses = shots([250 * MS] * 4, fps=10)
    assert [s.index for s in seen] == [0, 2, 5, 7]
    assert [s.skipped for s in seen] == [0, 1, 2, 1]
    assert [s.wait_ns for s in seen] == [0, 50 * MS, 0, 50 * MS]
    assert pauses == []


def test_one_late_frame_waits_in_the_slot_and_is_not_lost():
    seen, _ = shots([150 * MS, 10 * MS, 10 * MS], fps=10)
    assert [(s.index, s.skipped) for s in seen] == [(0, 0), (1, 0), (2, 0)]
    assert seen[1].wait_ns == 50 * MS


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.9])
def test_a_model_at_a_share_of_the_camera_rate_drops_the_rest(share):
    frame_ns = [round(1e9 / 30 / share)] * 2000
    assert dropped_share(frame_ns, fps=30) == pytest.approx(1 - share, abs=0.002)


@given(frame_ns=durations, fps=rates)
def test_every_frame_of_the_camera_is_handled_or_skipped_and_time_never_runs_back(frame_ns, fps):
    seen, pauses = shots(frame_ns, fps)
    assert seen[0].index == 0
    for before, after in pairwise(seen):
        assert after.index == before.index + 1 + after.skipped
    assert all(s.wait_ns >= 0 and s.skipped >= 0 for s in seen)
    assert all(pause > 0 for pause in pauses)
    handled, taken = len(seen), seen[-1].index + 1
    assert dropped_share(frame_ns, fps) == pytest.approx(1 - handled / taken)


@given(frame_ns=st.lists(st.integers(1, 60 * MS), min_size=1, max_size=300), fps=rates)
def test_an_excess_is_known_before_the_last_frame_as_surely_as_after_it(frame_ns, fps):
    assert _sustained(frame_ns, fps) == (dropped_share(frame_ns, fps) <= MOST_DROPPED)


def test_equal_frames_sustain_the_rate_at_which_they_are_done():
    assert sustainable_fps([40 * MS] * 1000) == pytest.approx(25, rel=0.015)


def test_a_rare_slow_frame_costs_less_than_the_slowest_frame_suggests():
    fps = sustainable_fps(([20 * MS] * 199 + [60 * MS]) * 5)
    assert 1e3 / 60 < 49 < fps < 1.02 * 1e3 / 20.2, "at most 2% above the mean rate"


@given(frame_ns=durations)
def test_the_sustainable_rate_loses_at_most_the_stated_share(frame_ns):
    fps = sustainable_fps(frame_ns)
    assert dropped_share(frame_ns, fps * (1 - 1e-9)) <= MOST_DROPPED
    assert fps >= 1e9 / max(frame_ns) * (1 - 1e-6)


@pytest.mark.parametrize("frame_ns", [[], [0, 0]])
def test_no_time_no_rate(frame_ns):
    assert sustainable_fps(frame_ns) is None
