"""Wall time of overlapped frames, against a plain simulation of streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_records
from posemark.measure.wall_time import ages_ns, speed_ns, wall_ns

SERIAL = made_records.header().settings
OVERLAPPED = made_records.header(settings={"mode": "overlapped", "streams": 2}).settings


def simulated(durations, streams, began_ns=10**12):
    """Return the lines of a block whose streams take one frame after the other without a pause."""
    free, lines = [began_ns] * streams, []
    for image, taken in enumerate(durations):
        stream = free.index(min(free))
        line = made_records.frame(
            image, taken, frame_ns=taken, stream=stream, began_ns=free[stream]
        )
        free[stream] += taken
        lines.append(line)
    return lines


def test_serial_frames_take_their_own_time():
    frames = [made_records.frame(1, 30_000_000), made_records.frame(2, 10_000_000)]
    assert wall_ns(frames, SERIAL) == [34_000_000, 14_000_000]
    assert speed_ns(frames, SERIAL) == [30_000_000, 10_000_000], "pose stages, without decode"


def test_frames_of_busy_streams_divide_the_wall_time_among_them():
    frames = simulated([10_000_000] * 20, streams=2)
    assert wall_ns(frames, OVERLAPPED) == [5_000_000] * 20
    assert speed_ns(frames, OVERLAPPED) == [5_000_000] * 20
    assert sum(wall_ns(frames, OVERLAPPED)) == 100_000_000, "the wall time of the block"


def test_streams_that_are_idle_because_the_block_ends_do_not_count():
    """Of three frames on two streams, one runs alone at the end; an application would continue."""
    frames = simulated([10_000_000] * 3, streams=2)
    assert wall_ns(frames, OVERLAPPED) == [5_000_000] * 3


def test_pauses_between_frames_count():
    """Both streams pause for as long as they work: half as many frames are in flight."""
    frames = [
        made_records.frame(
            image, 10**7, frame_ns=10**7, stream=image % 2, began_ns=10**12 + image // 2 * 2 * 10**7
        )
        for image in range(200)
    ]
    assert sum(wall_ns(frames, OVERLAPPED)) == pytest.approx(200 * 10**7, rel=0.01)


@given(
    st.lists(st.integers(10**6, 10**8), min_size=40, max_size=60),
    st.integers(1, 4),
)
def test_the_wall_time_is_that_of_streams_that_never_stop(durations, streams):
    """The oracle repeats the frames a hundred times, so that its end has no weight."""
    found = sum(wall_ns(simulated(durations, streams), OVERLAPPED))
    forever = simulated(durations * 100, streams)
    wall = max(line.began_ns + line.frame_ns for line in forever) - forever[0].began_ns
    assert found == pytest.approx(wall / 100, rel=0.02)


def test_no_frame_takes_no_time():
    assert wall_ns([], OVERLAPPED) == []


def test_poses_of_a_quick_frame_wait_for_the_slow_one_before_it():
    slow = made_records.frame(1, 50, frame_ns=50, stream=0, began_ns=1000)
    quick = made_records.frame(2, 10, frame_ns=10, stream=1, began_ns=1005)
    late = made_records.frame(3, 60, frame_ns=60, stream=1, began_ns=1015)
    assert ages_ns([slow, quick, late]) == [50, 45, 60]
