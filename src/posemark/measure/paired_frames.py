"""Pairs the frames of two records, and estimates how many times faster one of them is."""

from collections import Counter
from collections.abc import Iterable

from posemark.measure.speed_interval import Interval, ratio_interval
from posemark.measure.wall_time import overlaps, speed_ns, wall_ns
from posemark.records.files import Record

SMALLEST = 0.02
"""Least relative change of speed that is reported as a change, however narrow the interval.

The memory layout of a process alone changes its speed by 1 to 2 % (Mytkowicz et al. 2009), and a
run is one process."""


def paired(base: Record, new: Record, wall: bool = False) -> list[list[tuple[int, int]]]:
    """Pair the frames that two runs have both measured.

    The k-th measurement of an image in one run belongs to the k-th in the other.

    Args:
        base: a run.
        new: another run.
        wall: whether frames are compared by their wall time over all stages (throughput). They
            are in any case if one of the runs is overlapped; else by their pose stages.

    Returns:
        Nanoseconds (base, new) of the pairs, by block of base; blocks without a pair are left out.
    """
    wall = wall or overlaps(base.header.settings) or overlaps(new.header.settings)
    partners = dict(pair for block in _numbered(new, wall) for pair in block)
    found = [
        [(ns, partners[key]) for key, ns in block if key in partners]
        for block in _numbered(base, wall)
    ]
    return [block for block in found if block]


def _numbered(record: Record, wall: bool) -> Iterable[list[tuple[tuple[int, int], int]]]:
    """Yield ((image, number of its earlier measurements), nanoseconds) of each frame, by block."""
    seen: Counter[int] = Counter()
    measure = wall_ns if wall else speed_ns
    for block in record.blocks:
        good = [frame for frame in block.frames if frame.error is None]
        numbered: list[tuple[tuple[int, int], int]] = []
        for frame, ns in zip(good, measure(good, record.header.settings), strict=True):
            numbered.append(((frame.image_id, seen[frame.image_id]), ns))
            seen[frame.image_id] += 1
        yield numbered


def gain(base: Record, new: Record, wall: bool = False) -> Interval | None:
    """Estimate how many times faster `new` is than `base`, over the frames that both measured.

    The blocks of the slower run are resampled, because its frames are fewer, and their partners
    in the faster run belong to few blocks.

    Args:
        base: the run to compare with.
        new: the other run.
        wall: as for paired().

    Returns:
        The ratio of speeds with its interval; None with too few blocks.
    """
    by_new = [[(old, ns) for ns, old in block] for block in paired(new, base, wall)]
    blocks = max(paired(base, new, wall), by_new, key=len)
    olds, news = ([sum(pair[side] for pair in block) for block in blocks] for side in (0, 1))
    return ratio_interval(olds, news)
