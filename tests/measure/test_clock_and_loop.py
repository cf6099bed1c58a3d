"""The stages add up to the frame time, and the run loop times only what it should."""

from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.core.errors import FrameError
from posemark.core.frame import Poses
from posemark.core.skeleton import COCO_17
from posemark.measure import clock as clock_module
from posemark.measure.clock import STAGES, Budget, StageClock, utc_now
from posemark.measure.loop import WARM_UP_ROUNDS, WARM_UP_SECONDS, run_block, time_of, warm_up

SECOND = 1_000_000_000
NOBODY = Poses(np.zeros((0, 17, 2)), np.zeros((0, 17)), np.zeros(0), COCO_17)

nanoseconds = st.integers(0, 10**12)
laps = st.lists(st.tuples(st.sampled_from(STAGES), nanoseconds), max_size=20)


class Hands:
    """A clock that moves only when a test moves it."""

    def __init__(self):
        self.now = 123_456_789

    def __call__(self):
        return self.now

    def move(self, ns):
        self.now += ns


def stopped_clock():
    hands = Hands()
    return hands, mock.patch.object(clock_module, "perf_counter_ns", hands)


@pytest.fixture
def hands():
    hands, patch = stopped_clock()
    with patch:
        yield hands


@given(laps=laps, rest=nanoseconds)
def test_stages_and_the_rest_of_the_harness_are_exactly_the_frame_time(laps, rest):
    hands, patch = stopped_clock()
    expected = dict.fromkeys(STAGES, 0)
    with patch:
        clock = StageClock()
        clock.start()
        for stage, ns in laps:
            hands.move(ns)
            clock.lap(stage)
            expected[stage] += ns
        hands.move(rest)
        frame_ns = clock.stop()
    assert clock.stages == expected
    assert sum(clock.stages.values()) + rest == frame_ns


def test_a_lap_includes_the_reading_of_the_clock_itself():
    ticks = range(0, 1000, 10)
    with mock.patch.object(clock_module, "perf_counter_ns", side_effect=ticks):
        clock = StageClock()
        clock.start()
        clock.lap("decode")
        clock.lap("infer")
        clock.lap("infer")
        assert clock.stop() == 40
    assert clock.stages == dict.fromkeys(STAGES, 0) | {"decode": 10, "infer": 20}


def test_start_empties_the_ledger_and_leaves_the_former_one_alone(hands):
    clock = StageClock()
    clock.start()
    hands.move(5)
    clock.lap("infer")
    former = clock.stages
    hands.move(100)
    clock.start()
    assert clock.stages == dict.fromkeys(STAGES, 0)
    assert former["infer"] == 5
    assert clock.stop() == 0


def test_a_stage_that_is_not_in_the_ledger_is_a_bug_and_raises(hands):
    clock = StageClock()
    clock.start()
    with pytest.raises(KeyError):
        clock.lap("coffee")


def test_a_budget_is_used_up_when_its_seconds_have_passed_and_none_never_is(hands):
    budget, endless = Budget(1.5), Budget(None)
    assert not budget.used_up()
    hands.move(SECOND + SECOND // 2 - 1)
    assert not budget.used_up()
    hands.move(1)
    assert budget.used_up()
    hands.move(10**6 * SECOND)
    assert not endless.used_up()


def test_the_start_time_says_its_zone():
    assert utc_now().endswith("+00:00")


class Machine:
    """A pipeline for frames that are numbers, with a duration for preparation and each stage."""

    def __init__(self, hands, prepare_ns=0, rest_ns=0, **stage_ns):
        self.hands, self.prepare_ns, self.rest_ns, self.stage_ns = (
            hands,
            prepare_ns,
            rest_ns,
            stage_ns,
        )
        self.prepared, self.processed = [], []
        self.fails_in_prepare, self.fails_in_process = {}, {}

    def prepare(self, frame):
        self.hands.move(self.prepare_ns)
        self.prepared.append(frame)
        if frame in self.fails_in_prepare:
            raise self.fails_in_prepare[frame]
        return f"work {frame}"

    def process(self, work, lap):
        frame = int(work.split()[1])
        self.processed.append(frame)
        for stage, ns in self.stage_ns.items():
            self.hands.move(ns)
            lap(stage)
        if frame in self.fails_in_process:
            raise self.fails_in_process[frame]
        self.hands.move(self.rest_ns)
        return NOBODY

    def run(self, frames, seconds=3600):
        return list(run_block(iter(frames), self.prepare, self.process, seconds))


def test_every_frame_comes_back_with_its_work_its_times_and_its_poses(hands):
    seen = Machine(hands, decode=3, infer=20, rest_ns=4).run([7, 8])
    assert [(frame, work) for frame, work, _ in seen] == [(7, "work 7"), (8, "work 8")]
    for _, _, timed in seen:
        assert timed.stages == dict.fromkeys(STAGES, 0) | {"decode": 3, "infer": 20}
        assert timed.frame_ns == 27
        assert timed.found is NOBODY
        assert timed.error is None


def test_the_ledger_of_a_frame_is_not_changed_by_the_frames_after_it(hands):
    machine = Machine(hands, infer=1)
    stages = []
    for frame, _, timed in run_block(iter([1, 2, 3]), machine.prepare, machine.process, 3600):
        stages.append(timed.stages)
        machine.stage_ns = {"infer": 10**frame}
    assert [s["infer"] for s in stages] == [1, 10, 100]
    assert all(a is not b for a, b in pairwise(stages))


def test_preparing_is_outside_the_clock(hands):
    ((_, _, timed),) = Machine(hands, prepare_ns=60 * SECOND, infer=5).run([1])
    assert sum(timed.stages.values()) == timed.frame_ns == 5


def test_a_frame_is_handed_out_before_the_next_is_touched(hands):
    machine = Machine(hands)
    running = run_block(iter([1, 2]), machine.prepare, machine.process, 3600)
    next(running)
    assert machine.prepared == machine.processed == [1]


def test_a_frame_that_cannot_be_prepared_is_handed_out_and_the_run_goes_on(hands):
    machine = Machine(hands, infer=5)
    machine.fails_in_prepare[2] = FrameError("2.jpg: cut off")
    (_, _, one), (frame, work, failed), (_, _, three) = machine.run([1, 2, 3])
    assert (frame, work) == (2, None)
    assert (failed.stages, failed.frame_ns, failed.found) == ({}, 0, None)
    assert failed.error == "2.jpg: cut off"
    assert machine.processed == [1, 3]
    assert one == three


def test_a_frame_that_fails_under_the_clock_measured_nothing_and_the_run_goes_on(hands):
    machine = Machine(hands, decode=3, infer=5)
    machine.fails_in_process[1] = FrameError("1.jpg: no image")
    (frame, work, failed), (_, _, good) = machine.run([1, 2])
    assert (frame, work) == (1, "work 1")
    assert (failed.stages, failed.frame_ns, failed.found) == ({}, 0, None)
    assert failed.error == "1.jpg: no image"
    assert good.error is None
    assert good.frame_ns == 8, "nothing of the failed frame is booked to the next"


@pytest.mark.parametrize("where", ["fails_in_prepare", "fails_in_process"])
def test_any_other_exception_is_a_bug_and_stops_the_run(hands, where):
    machine = Machine(hands)
    getattr(machine, where)[2] = ZeroDivisionError("a bug")
    running = run_block(iter([1, 2, 3]), machine.prepare, machine.process, 3600)
    next(running)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        next(running)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(100, 5), (15, 4), (16, 4), (12, 3), (8, 2), (0.1, 1)]
)
def test_a_block_ends_after_the_frame_that_uses_its_seconds_up(hands, seconds, frames):
    seen = Machine(hands, infer=4 * SECOND).run([1, 2, 3, 4, 5], seconds)
    assert len(seen) == frames


def test_preparing_and_failing_use_the_seconds_too(hands):
    machine = Machine(hands, prepare_ns=4 * SECOND)
    machine.fails_in_prepare[1] = FrameError("gone")
    assert len(machine.run([1, 2, 3, 4, 5], 14)) == 4


def test_the_next_block_goes_on_where_the_last_one_stopped(hands):
    machine, frames = Machine(hands, infer=4 * SECOND), iter([1, 2, 3, 4, 5])
    for expected in ([1, 2], [3, 4], [5], []):
        block = run_block(frames, machine.prepare, machine.process, 8)
        assert [frame for frame, _, _ in block] == expected


def test_a_workload_is_timed_once(hands):
    calls = []

    def work():
        calls.append(1)
        hands.move(7)

    assert time_of(work) == 7
    assert calls == [1]


def test_no_frames_no_measurements(hands):
    assert Machine(hands).run([], 1) == []


def test_warm_up_runs_the_work_the_stated_number_of_times(hands):
    machine = Machine(hands, **dict.fromkeys(STAGES, 1))
    warm_up("work 9", machine.process)
    assert machine.processed == [9] * WARM_UP_ROUNDS
    assert WARM_UP_ROUNDS >= 1


def test_warm_up_of_slow_frames_ends_after_its_seconds(hands):
    machine = Machine(hands, infer=int(WARM_UP_SECONDS * SECOND))
    warm_up("work 9", machine.process)
    assert machine.processed == [9]
