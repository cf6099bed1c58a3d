"""Fits the cost of people as a sum of lines that rest on different frames, with its interval.

Entries of one network have equal inference times, so their inference is one line through the
frames of all of them; the other stages of an entry are a line of its own. The interval of the
sum comes from a jackknife over runs of neighbouring blocks, each of which is left out in turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from posemark.core.frame import Floats
from posemark.measure.people_cost import Line
from posemark.measure.speed_interval import FEWEST_BLOCKS, LEVEL, student_t


@dataclass(frozen=True)
class Part:
    """A part of the time of a frame, as sums over R runs of blocks.

    Attributes:
        sums: (R, 5) sums of 1, people, people^2, ms and people x ms.
        sloped: whether the time depends on the people; else it is averaged.
    """

    sums: Floats
    sloped: bool = True

    @classmethod
    def of(cls, blocks: Sequence[Sequence[tuple[int, float]]], sloped: bool = True) -> "Part":
        """Make a part from (people, ms) of every frame, by block, in the order they ran."""
        sums = np.array([_sums(block) for block in blocks], np.float64).reshape(-1, 5)
        run = round(len(sums) ** (1 / 3)) or 1
        starts = range(0, len(sums), run)
        return cls(np.array([sums[at : at + run].sum(0) for at in starts]).reshape(-1, 5), sloped)

    def joined(self, others: Sequence["Part"]) -> "Part":
        """Return a part with the runs of other parts appended to its own."""
        return Part(np.concatenate([self.sums, *(each.sums for each in others)]), self.sloped)

    def without_each(self, runs: int) -> Floats:
        """Return (runs, 2) base and slope with each run of blocks left out.

        runs: the number of rows; rows beyond the part's own runs use all of its blocks.
        """
        left = self.sums.sum(0) - self.sums
        full = np.repeat(self.sums.sum(0)[None], runs - len(left), 0)
        return self._lines(np.concatenate([left, full]))

    def line(self) -> Floats:
        """Return (2,) base and slope; not finite if no line is determined."""
        return self._lines(self.sums.sum(0)[None])[0]

    def _lines(self, sums: Floats) -> Floats:
        count, x, xx, y, xy = sums.T
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (xy - x * y / count) / (xx - x * x / count) if self.sloped else 0.0 * count
            return np.stack([(y - slope * x) / count, slope], 1)


def _sums(block: Sequence[tuple[int, float]]) -> list[float]:
    x, y = np.array(block, np.float64).T
    return [len(x), x.sum(), x @ x, y.sum(), x @ y]


def line_of(parts: Sequence[Part]) -> Line | None:
    """Return the sum of the parts' lines, with neither number negative (people_cost.fit).

    None if the frames of a part determine no line.
    """
    base, slope = (float(each) for each in np.sum([part.line() for part in parts], 0))
    if not np.isfinite(base + slope):
        return None
    count, x, xx = max((part.sums.sum(0) for part in parts), key=lambda sums: sums[0])[:3]
    if slope < 0:
        return Line(base + slope * float(x / count), 0.0)
    return Line(0.0, slope + base * float(x / xx)) if base < 0 else Line(base, slope)


def spread_of(parts: Sequence[Part], blocks: int) -> tuple[float, float, float] | None:
    """Return the half width of the 95 % interval of the time of a frame, as a function of people.

    Args:
        parts: the parts of the time.
        blocks: the number of blocks of the entry itself.

    Returns:
        (a, b, c) of the squared half width a + bn + cn^2 in ms^2 at n people. None with fewer
        than FEWEST_BLOCKS blocks, or if no line is determined once a run is left out.
    """
    runs = max(len(part.sums) for part in parts)
    own = min(len(part.sums) for part in parts)
    if blocks < FEWEST_BLOCKS:
        return None
    with np.errstate(invalid="ignore"):  # an undetermined line is infinite; inf - inf is nan
        off = np.sum([part.without_each(runs) - part.line() for part in parts], 0)
    if not np.isfinite(off).all():
        return None
    (a, b), (_, c) = student_t((1 + LEVEL) / 2, max(2.0, own - 1)) ** 2 * (off.T @ off)
    return float(a), float(2 * b), float(c)


def fps_interval(
    line: Line, spread: tuple[float, float, float], people: float
) -> tuple[float, float]:
    """Return the ends of the 95 % interval of FPS for a number of people.

    Args:
        line: the time of a frame in ms.
        spread: the result of spread_of.
        people: the number of people.

    Returns:
        The lower and the upper end; the upper end is infinite if the time may be zero.
    """
    a, b, c = spread
    takes = line.base + line.per_person * people
    half = sqrt(max(0.0, a + b * people + c * people**2))
    return 1000 / (takes + half), 1000 / (takes - half) if takes > half else inf
