"""The wall time that each frame of a run accounts for, and the age of its poses.

Frames of an overlapped run take longer than their part of the wall time, because several are in
flight at the same time.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate

from posemark.measure.clock import POSE_STAGES
from posemark.measure.speed_interval import TimedBlock, compact
from posemark.records.files import Record
from posemark.records.schema import FrameLine, Settings


def pose_ns(frame: FrameLine) -> int:
    """Return the nanoseconds of a frame that count for pose FPS."""
    return sum(frame.stages[stage] for stage in POSE_STAGES)


def overlaps(settings: Settings) -> bool:
    """Return whether frames were in flight at the same time."""
    return settings.mode == "overlapped"


def speed_ns(frames: Sequence[FrameLine], settings: Settings) -> list[int]:
    """Return the nanoseconds of each measured frame of a block that its speed is computed from.

    These are the pose stages, for pose FPS, or the wall time of overlapped frames, for throughput.
    """
    return wall_ns(frames, settings) if overlaps(settings) else [pose_ns(each) for each in frames]


def timed_frames(frames: Sequence[FrameLine], settings: Settings) -> list[tuple[int, int]]:
    """Return (load, nanoseconds) of each measured frame of a block.

    The nanoseconds are those that the speed is computed from (speed_ns).
    """
    return [(f.load, ns) for f, ns in zip(frames, speed_ns(frames, settings), strict=True)]


def timed_blocks(record: Record) -> list[TimedBlock]:
    """Return the blocks of a record that have measured frames, for pose_interval."""
    blocks = ([f for f in block.frames if f.error is None] for block in record.blocks)
    return [compact(timed_frames(each, record.header.settings)) for each in blocks if each]


def wall_ns(frames: Sequence[FrameLine], settings: Settings) -> list[int]:
    """Return the wall time of each measured frame of a block, over all stages, in nanoseconds.

    The wall time of overlapped frames is their time in flight over the mean number of frames in
    flight. That number is counted from the start of the block until the first stream finds no
    further frame. After that, streams are idle only because the block ends; an application would
    continue.

    Args:
        frames: the measured frames of one block.
        settings: those of the record.
    """
    if not overlaps(settings):
        return [each.frame_ns for each in frames]
    in_flight = _in_flight(frames)
    return [round(each.frame_ns / in_flight) for each in frames]


def _in_flight(frames: Sequence[FrameLine]) -> float:
    """Return the mean number of frames in flight while every stream had a frame to process."""
    last_ends: dict[int, int] = {}
    for each in frames:
        last_ends[each.stream] = max(last_ends.get(each.stream, 0), _end_ns(each))
    begin = min((each.began_ns for each in frames), default=0)
    end = min(last_ends.values(), default=0)
    busy = sum(max(0, min(_end_ns(each), end) - each.began_ns) for each in frames)
    return busy / (end - begin) if busy else 1.0


def _end_ns(frame: FrameLine) -> int:
    return frame.began_ns + frame.frame_ns


def ages_ns(frames: Iterable[FrameLine]) -> list[int]:
    """Return how old each overlapped frame is when its poses are delivered, in nanoseconds.

    Poses are delivered in the order of the frames, so those of a quick frame wait for the slow
    one before it. The age counts from the moment at which a stream takes the frame.

    Args:
        frames: the measured frames of one block, in their order.
    """
    lines = list(frames)
    delivered = accumulate(map(_end_ns, lines), max)
    return [ready - each.began_ns for ready, each in zip(delivered, lines, strict=True)]
