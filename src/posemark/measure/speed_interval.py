"""How far a mean speed can be relied on: bootstrap intervals over blocks of frames.

Frames in a row share what the machine was doing, so they are no independent samples. Blocks of
half a second nearly are, and what still links neighbours is kept by resampling runs of
consecutive blocks (Künsch 1989, circular: Politis and Romano 1992). Nothing is trimmed: a stall
was part of the run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from posemark.core.frame import Floats
from posemark.measure.people_cost import Line, fit

FEWEST_BLOCKS = 5
"""Fewer blocks say too little about their own spread."""

FEWEST_LINE_FRAMES = 10
"""The least frames behind a line of what people cost before it may answer a question."""

MOST_HALF_WIDTH = 0.05
"""Of an interval of FPS that decides: entries 10 % apart can still be told from each other."""

LEVEL = 0.95
_RESAMPLES = 2000
_SEED = 0  # the same blocks always give the same interval


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its confidence interval."""

    point: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The distance from the point to the farther end, as a share of the point."""
        return max(self.high - self.point, self.point - self.low) / self.point


def ratio_interval(
    top: Sequence[float] | Floats, bottom: Sequence[float] | Floats, level: float = LEVEL
) -> Interval | None:
    """The interval of sum(top) / sum(bottom) over B blocks, in the order they ran.

    None with fewer than FEWEST_BLOCKS blocks, or where a sum is zero.
    """
    tops, bottoms = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    if len(tops) < FEWEST_BLOCKS or not (tops.sum() > 0 and bottoms.sum() > 0):
        return None
    point, run = float(tops.sum() / bottoms.sum()), round(len(tops) ** (1 / 3))
    tails = np.quantile(_deviations(tops, bottoms, run), [(1 - level) / 2, (1 + level) / 2])
    low, high = tails * _widening(len(tops), run, level)
    return Interval(point, point * math.exp(low), point * math.exp(high))


def _deviations(tops: Floats, bottoms: Floats, run: int) -> Floats:
    """Logarithms of resampled over actual ratio; no end of the interval can be below zero."""
    starts = _starts(len(tops), run)
    some_tops, some_bottoms = (_runs(each, run)[starts].sum(1) for each in (tops, bottoms))
    told = (some_tops > 0) & (some_bottoms > 0)  # blocks without people can cost no time at all
    return np.log(some_tops[told] / some_bottoms[told] * (bottoms.sum() / tops.sum()))


def _starts(count: int, run: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Where the runs of each resample begin: (_RESAMPLES, runs)."""
    return np.random.default_rng(_SEED).integers(0, count, (_RESAMPLES, round(count / run)))


def _runs(blocks: Floats, run: int) -> Floats:
    """The sum of the run of blocks that begins at each one; the last are followed by the first."""
    return np.sum([np.roll(blocks, -step) for step in range(run)], axis=0)


def _widening(count: int, run: int, level: float) -> float:
    """What makes up for how few runs there are, so that few blocks do not look precise.

    Runs vary less around their own mean than around the true one, by 1 - run / count; and the
    spread itself is known from count / run runs only (Student's t). Resamples hold whole runs,
    not exactly `count` blocks. Measured coverage: tests/measure/test_interval.py.
    """
    runs, tail = count / run, (1 + level) / 2
    spread = math.sqrt(round(runs) / (runs - 1))
    return spread * student_t(tail, max(2.0, runs - 1)) / NormalDist().inv_cdf(tail)


def student_t(probability: float, freedom: float) -> float:
    """The quantile of Student's t, by Fisher's expansion (Abramowitz and Stegun 26.7.5).

    Within 0.3 % from 4 degrees of freedom on, 3 % at 2.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def pose_interval(blocks: Sequence[Sequence[tuple[int, int]]]) -> Interval | None:
    """The interval of the speed over these very frames, as a share of it: its point is 1.

    blocks: (load, pose nanoseconds) of every measured frame, by block, in the order they ran;
    the load is what a frame's time mostly follows, people or pixels. What is resampled is
    expected over measured time (block_times), so the interval is that of the measurement, not
    of the mix of frames in the data.

    None with fewer than FEWEST_BLOCKS blocks, or where no time was measured.
    """
    expected, measured = block_times(blocks)
    relative = ratio_interval(expected, measured)
    if relative is None:
        return None
    return Interval(1.0, relative.low / relative.point, relative.high / relative.point)


def block_times(blocks: Sequence[Sequence[tuple[int, int]]]) -> tuple[Floats, Floats]:
    """Expected and measured nanoseconds of each block that has frames.

    blocks: as for pose_interval. Expected is what the line through all these frames says of
    their load; where it is not determined, every frame is expected to take the same.
    """
    used = [block for block in blocks if block]
    if not used:
        return np.zeros(0), np.zeros(0)
    loads, taken = np.array([frame for block in used for frame in block], np.float64).T
    line = fit(loads, taken) or Line(float(taken.mean()), 0.0)
    usual = line.base + line.per_person * loads
    starts = np.cumsum([0, *map(len, used[:-1])])
    return np.add.reduceat(usual, starts), np.add.reduceat(taken, starts)
