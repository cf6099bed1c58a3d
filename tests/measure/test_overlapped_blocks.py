"""Blocks of frames that are processed at the same time: clocks, failures, the end of a block."""

import threading

import pytest

from posemark.core.errors import FrameError
from posemark.measure.overlapped_blocks import PREPARED, OverlappedBlocks

PATIENCE = 20.0


@pytest.fixture
def opened():
    made = []

    def make(streams, frames, process, prepare=lambda frame: frame):
        made.append(OverlappedBlocks(streams, iter(frames), prepare, process))
        return made[-1]

    yield make
    for blocks in made:
        blocks.close()


def test_every_frame_has_a_clock_of_its_own(opened):
    together = threading.Barrier(2)

    def process(work, lap):
        together.wait(PATIENCE)
        lap("decode")
        together.wait(PATIENCE)
        lap("infer")
        return work

    blocks = opened(2, range(6), process)
    blocks.prepare()
    found = list(blocks.run(60.0))
    assert [frame for frame, _, _ in found] == [timed.found for _, _, timed in found] == [*range(6)]
    for _, _, timed in found:
        assert sum(timed.stages.values()) <= timed.frame_ns
        assert timed.stages["decode"] > 0
        assert timed.stages["infer"] > 0
    for (_, _, one), (_, _, other) in zip(found[::2], found[1::2], strict=True):
        assert {one.stream, other.stream} == {0, 1}
        assert one.began_ns < other.began_ns + other.frame_ns, "in flight at the same time"
        assert other.began_ns < one.began_ns + one.frame_ns


def test_a_frame_that_cannot_be_used_costs_that_frame_only(opened):
    def prepare(frame):
        if frame == 1:
            raise FrameError("cut off")
        return frame

    def process(work, lap):
        if work == 3:
            raise FrameError("not finite")
        lap("infer")
        return work

    blocks = opened(2, range(5), process, prepare)
    blocks.prepare()
    found = list(blocks.run(60.0))
    assert [timed.error for _, _, timed in found] == [None, "cut off", None, "not finite", None]
    assert [work for _, work, _ in found] == [0, None, 2, 3, 4]


def test_any_other_error_ends_the_block(opened):
    def process(work, lap):
        raise RuntimeError("out of memory")

    blocks = opened(2, range(9), process)
    blocks.prepare()
    with pytest.raises(RuntimeError, match="out of memory"):
        list(blocks.run(60.0))


def test_frames_that_are_not_begun_in_time_stay_for_the_next_block(opened):
    prepared = []
    blocks = opened(
        2, range(100), lambda work, lap: work, lambda frame: prepared.append(frame) or 7
    )
    blocks.prepare()
    assert prepared == [*range(2 * PREPARED)], "no frame is prepared while others are measured"
    assert list(blocks.run(0.0)) == []
    assert blocks.waiting == 2 * PREPARED
    blocks.prepare()
    assert [frame for frame, _, _ in blocks.run(60.0)] == [*range(2 * PREPARED)]
    assert blocks.waiting == 0
