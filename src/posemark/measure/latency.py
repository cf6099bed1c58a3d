"""The time of frames as a histogram and as percentiles.

Every percentile is a time that occurred, and no frame is left out.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from math import ceil

from posemark.measure.speed_interval import FEWEST_LINE_FRAMES

BINS_PER_DECADE = 20
"""Each bin is 12% wider than the one before, so that percentiles which differ visibly fall into
different bins."""

_LOWEST_NS, _DECADES = 100_000, 7  # 0.1 ms to 1000 s
_EDGES_NS = [
    round(_LOWEST_NS * 10 ** (step / BINS_PER_DECADE))
    for step in range(_DECADES * BINS_PER_DECADE + 1)
]
_LAST = len(_EDGES_NS) - 2

PERCENTILES = (50, 90, 95, 99)


def fewest_frames(percent: int) -> int:
    """Return the number of frames that a percentile needs.

    At least one frame must be slower than it, else it is only the slowest frame; and at least ten
    frames are needed, since fewer show no distribution.
    """
    return max(FEWEST_LINE_FRAMES, ceil(100 / (100 - percent)))


def needs() -> str:
    """Say how many frames the percentiles need: "p50 and p90 10 frames, p95 20, p99 100"."""
    by_frames: dict[int, list[str]] = {}
    for percent in PERCENTILES:
        by_frames.setdefault(fewest_frames(percent), []).append(f"p{percent}")
    parts = [f"{' and '.join(names)} {frames}" for frames, names in by_frames.items()]
    return ", ".join([f"{parts[0]} frames", *parts[1:]])


def histogram(frame_ns: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Count frames by bin: (bin, frames) for every bin that is not empty, in rising order.

    The bins are the same for every run: evenly spaced on a logarithmic axis from 0.1 ms to
    1000 s. Shorter and longer times count in the first and the last bin.
    """
    return tuple(sorted(Counter(map(_bin, frame_ns)).items()))


def _bin(nanoseconds: int) -> int:
    return min(max(bisect_right(_EDGES_NS, nanoseconds) - 1, 0), _LAST)


def edges_ms(number: int) -> tuple[float, float]:
    """Return the edges of a bin in milliseconds: from (included) and to (excluded)."""
    return _EDGES_NS[number] / 1e6, _EDGES_NS[number + 1] / 1e6


def percentiles(frame_ns: Sequence[int]) -> dict[str, float]:
    """Return those of p50, p90, p95 and p99, in milliseconds, that have the frames they need.

    They are taken by nearest rank: the shortest frame time within which at least that share of
    the frames stays. Nothing is interpolated.
    """
    ordered = sorted(frame_ns)
    known = (p for p in PERCENTILES if len(ordered) >= fewest_frames(p))
    return {f"p{p}": ordered[ceil(p * len(ordered) / 100) - 1] / 1e6 for p in known}
