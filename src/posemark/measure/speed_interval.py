"""Computes intervals of a mean speed by a bootstrap over blocks of frames.

Consecutive frames share the state of the machine, so they are not independent samples. Blocks of
half a second nearly are, and the remaining dependence of neighbours is kept by resampling runs
of consecutive blocks (Künsch 1989; circular: Politis and Romano 1992). Nothing is trimmed,
because a stall was part of the run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from posemark.core.frame import Floats
from posemark.measure.people_cost import Line, fit

FEWEST_BLOCKS = 5
"""Least number of blocks for an interval; fewer say too little about their own spread."""

FEWEST_LINE_FRAMES = 10
"""Least number of frames behind a line over people before it may answer a question."""

MOST_HALF_WIDTH = 0.05
"""Largest relative half width of an interval of FPS that can distinguish entries 10 % apart."""

LEVEL = 0.95
_RESAMPLES = 2000
_SEED = 0  # the same blocks always give the same interval


TimedBlock = np.ndarray[tuple[int, int], np.dtype[np.int64]]
"""(N, 2) load and nanoseconds of every measured frame of a block. The load is what the time of a
frame mostly depends on: people or pixels."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its confidence interval."""

    point: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Return the distance from the point to the farther end, as a share of the point."""
        return max(self.high - self.point, self.point - self.low) / self.point


def ratio_interval(
    top: Sequence[float] | Floats, bottom: Sequence[float] | Floats, level: float = LEVEL
) -> Interval | None:
    """Return the interval of sum(top) / sum(bottom) over B blocks, in the order they ran.

    Args:
        top: (B,) numerators.
        bottom: (B,) denominators.
        level: the confidence level (0..1).

    Returns:
        The interval; None with fewer than FEWEST_BLOCKS blocks, or if a sum is zero.
    """
    tops, bottoms = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    if len(tops) < FEWEST_BLOCKS or not (tops.sum() > 0 and bottoms.sum() > 0):
        return None
    point, run = float(tops.sum() / bottoms.sum()), round(len(tops) ** (1 / 3))
    tails = np.quantile(_deviations(tops, bottoms, run), [(1 - level) / 2, (1 + level) / 2])
    low, high = tails * _widening(len(tops), run, level)
    return Interval(point, point * math.exp(low), point * math.exp(high))


def _deviations(tops: Floats, bottoms: Floats, run: int) -> Floats:
    """Return log(resampled ratio / actual ratio); with logarithms no end can be negative."""
    starts = _starts(len(tops), run)
    some_tops, some_bottoms = (_runs(each, run)[starts].sum(1) for each in (tops, bottoms))
    valid = (some_tops > 0) & (some_bottoms > 0)  # blocks without people may take no time at all
    return np.log(some_tops[valid] / some_bottoms[valid] * (bottoms.sum() / tops.sum()))


def _starts(count: int, run: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Return (_RESAMPLES, runs) the first block of each run in each resample."""
    return np.random.default_rng(_SEED).integers(0, count, (_RESAMPLES, round(count / run)))


def _runs(blocks: Floats, run: int) -> Floats:
    """Return the sum of the run that begins at each block; the first follow the last (circular)."""
    return np.sum([np.roll(blocks, -step) for step in range(run)], axis=0)


def _widening(count: int, run: int, level: float) -> float:
    """Return the factor that corrects the interval for a small number of runs.

    Runs vary less around their own mean than around the true mean, by 1 - run / count; and their
    spread is estimated from count / run runs only (Student's t). Resamples consist of whole
    runs, not of exactly `count` blocks. tests/measure/test_speed_interval.py measures coverage.
    """
    runs, tail = count / run, (1 + level) / 2
    spread = math.sqrt(round(runs) / (runs - 1))
    return spread * student_t(tail, max(2.0, runs - 1)) / NormalDist().inv_cdf(tail)


def student_t(probability: float, freedom: float) -> float:
    """Return a quantile of Student's t, by Fisher's expansion (Abramowitz and Stegun 26.7.5).

    The relative error is 3 % with 2 degrees of freedom and below 0.3 % from 4 on.

    Args:
        probability: 0..1.
        freedom: degrees of freedom.
    """
    z = NormalDist().inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def compact(block: Sequence[tuple[int, int]]) -> TimedBlock:
    """Return a block in 16 bytes per frame, for runs of very many frames."""
    return np.array(block, np.int64).reshape(-1, 2)


def pose_interval(blocks: Sequence[TimedBlock]) -> Interval | None:
    """Return the interval of the speed over exactly these frames, relative to that speed.

    The ratio of expected to measured time (block_times) is resampled. The interval thus
    describes the measurement, not the mix of frames in the data.

    Args:
        blocks: the blocks, in the order they ran.

    Returns:
        The interval, with its point at 1. None with fewer than FEWEST_BLOCKS blocks, or if no
        time was measured.
    """
    expected, measured = block_times(blocks)
    relative = ratio_interval(expected, measured)
    if relative is None:
        return None
    return Interval(1.0, relative.low / relative.point, relative.high / relative.point)


def block_times(blocks: Sequence[TimedBlock]) -> tuple[Floats, Floats]:
    """Return expected and measured nanoseconds of each block that has frames.

    The expected time of a frame is the value at its load of the line through all these frames;
    if no line is determined, all frames are expected to take equally long.

    Args:
        blocks: the argument of pose_interval.
    """
    used = [np.asarray(block, np.float64) for block in blocks if len(block)]
    if not used:
        return np.zeros(0), np.zeros(0)
    loads, taken = np.concatenate(used).T
    line = fit(loads, taken) or Line(float(taken.mean()), 0.0)
    usual = line.base + line.per_person * loads
    starts = np.cumsum([0, *map(len, used[:-1])])
    return np.add.reduceat(usual, starts), np.add.reduceat(taken, starts)
