"""Two measurements of the same frames: which belong together, and how many times faster one was."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from posemark.measure.clock import POSE_STAGES
from posemark.measure.speed_interval import Interval, ratio_interval
from posemark.records.files import Record
from posemark.records.schema import FrameLine

SMALLEST = 0.02
"""Smaller changes are not called, however narrow the interval: where a process happens to lie in
memory moves its speed by 1 to 2 % (Mytkowicz et al. 2009), and a run is one process."""


def pose_ns(frame: FrameLine) -> int:
    """What pose FPS counts of a frame."""
    return sum(frame.stages[stage] for stage in POSE_STAGES)


def paired(base: Record, new: Record) -> list[list[tuple[int, int]]]:
    """Pose nanoseconds (base, new) of the frames that both measured, by block of base.

    The k-th measurement of an image belongs to the k-th one of the other run. Blocks without
    any pair are left out.
    """
    partners, ours = dict(_numbered(new.good)), iter(_numbered(base.good))
    found: list[list[tuple[int, int]]] = []
    for block in base.blocks:
        good = sum(frame.error is None for frame in block.frames)
        found.append([(ns, partners[key]) for key, ns in islice(ours, good) if key in partners])
    return [block for block in found if block]


def _numbered(frames: list[FrameLine]) -> Iterable[tuple[tuple[int, int], int]]:
    """((image, how often it came before), pose nanoseconds) of each frame."""
    seen: Counter[int] = Counter()
    for frame in frames:
        yield (frame.image_id, seen[frame.image_id]), pose_ns(frame)
        seen[frame.image_id] += 1


def gain(base: Record, new: Record) -> Interval | None:
    """How many times faster new is, over the frames that both measured; None with too few blocks.

    Resampled are the blocks of the slower one: its frames are the fewer, and those of the other
    lie in few blocks.
    """
    by_new = [[(old, ns) for ns, old in block] for block in paired(new, base)]
    blocks = max(paired(base, new), by_new, key=len)
    olds, news = ([sum(pair[side] for pair in block) for block in blocks] for side in (0, 1))
    return ratio_interval(olds, news)
