"""How long frames take, as counts by bin and as percentiles: times that occurred, none left out."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from math import ceil

from posemark.measure.speed_interval import FEWEST_LINE_FRAMES

BINS_PER_DECADE = 20
"""Bins grow by 12 %: two percentiles that differ to the eye lie in two bins."""

_LOWEST_NS, _DECADES = 100_000, 7  # 0.1 ms to 1000 s
_EDGES_NS = [
    round(_LOWEST_NS * 10 ** (step / BINS_PER_DECADE))
    for step in range(_DECADES * BINS_PER_DECADE + 1)
]
_LAST = len(_EDGES_NS) - 2

PERCENTILES = (50, 90, 95, 99)


def fewest_frames(percent: int) -> int:
    """The frames that a percentile needs: one beyond it at least, or it is but the slowest frame.

    And ten in any case: of fewer, no distribution is told.
    """
    return max(FEWEST_LINE_FRAMES, ceil(100 / (100 - percent)))


def needs() -> str:
    """The same in words: "p50 and p90 10 frames, p95 20, p99 100"."""
    by_frames: dict[int, list[str]] = {}
    for percent in PERCENTILES:
        by_frames.setdefault(fewest_frames(percent), []).append(f"p{percent}")
    told = [f"{' and '.join(names)} {frames}" for frames, names in by_frames.items()]
    return ", ".join([f"{told[0]} frames", *told[1:]])


def histogram(frame_ns: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(bin, frames) of the bins that hold any, by rising bin.

    The bins are the same for every run: evenly spaced on a logarithmic axis from 0.1 ms to
    1000 s. What is shorter or longer lies in the first or last one.
    """
    return tuple(sorted(Counter(map(_bin, frame_ns)).items()))


def _bin(nanoseconds: int) -> int:
    return min(max(bisect_right(_EDGES_NS, nanoseconds) - 1, 0), _LAST)


def edges_ms(number: int) -> tuple[float, float]:
    """The milliseconds from which (included) to which (excluded) a bin reaches."""
    return _EDGES_NS[number] / 1e6, _EDGES_NS[number + 1] / 1e6


def percentiles(frame_ns: Sequence[int]) -> dict[str, float]:
    """Those of p50, p90, p95 and p99 in milliseconds that have the frames they need.

    By nearest rank: the shortest time that at least so many per cent of the frames stay
    within. Never between two frames, and no frame is left out.
    """
    ordered = sorted(frame_ns)
    known = (p for p in PERCENTILES if len(ordered) >= fewest_frames(p))
    return {f"p{p}": ordered[ceil(p * len(ordered) / 100) - 1] / 1e6 for p in known}
