"""Pairs the frames of two records, and estimates how many times faster one of them is."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from posemark.measure.clock import POSE_STAGES
from posemark.measure.speed_interval import Interval, ratio_interval
from posemark.records.files import Record
from posemark.records.schema import FrameLine

SMALLEST = 0.02
"""Least relative change of speed that is reported as a change, however narrow the interval.

The memory layout of a process alone changes its speed by 1 to 2 % (Mytkowicz et al. 2009), and a
run is one process."""


def pose_ns(frame: FrameLine) -> int:
    """Return the nanoseconds of a frame that count for pose FPS."""
    return sum(frame.stages[stage] for stage in POSE_STAGES)


def paired(base: Record, new: Record) -> list[list[tuple[int, int]]]:
    """Pair the frames that two runs have both measured.

    The k-th measurement of an image in one run belongs to the k-th in the other.

    Returns:
        Pose nanoseconds (base, new) of the pairs, by block of base; blocks without a pair are
        left out.
    """
    partners, base_frames = dict(_numbered(new.good)), iter(_numbered(base.good))
    found: list[list[tuple[int, int]]] = []
    for block in base.blocks:
        good = sum(frame.error is None for frame in block.frames)
        own = islice(base_frames, good)
        found.append([(ns, partners[key]) for key, ns in own if key in partners])
    return [block for block in found if block]


def _numbered(frames: list[FrameLine]) -> Iterable[tuple[tuple[int, int], int]]:
    """Yield ((image, number of its earlier measurements), pose nanoseconds) of each frame."""
    seen: Counter[int] = Counter()
    for frame in frames:
        yield (frame.image_id, seen[frame.image_id]), pose_ns(frame)
        seen[frame.image_id] += 1


def gain(base: Record, new: Record) -> Interval | None:
    """Estimate how many times faster `new` is than `base`, over the frames that both measured.

    The blocks of the slower run are resampled, because its frames are fewer, and their partners
    in the faster run belong to few blocks.

    Returns:
        The ratio of speeds with its interval; None with too few blocks.
    """
    by_new = [[(old, ns) for ns, old in block] for block in paired(new, base)]
    blocks = max(paired(base, new), by_new, key=len)
    olds, news = ([sum(pair[side] for pair in block) for block in blocks] for side in (0, 1))
    return ratio_interval(olds, news)
