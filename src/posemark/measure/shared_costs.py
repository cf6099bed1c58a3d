"""What people cost, as a line through parts that rest on different frames, with its interval.

Entries of one network infer equally fast, so their inference is one line through the frames of
all of them; what an entry does before and after is a line of its own. How far the sum can be
relied on is the jackknife over runs of neighbouring blocks: each is left out in turn.
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
    """Sums over runs of blocks: (R, 5) of 1, people, people^2, ms, people x ms.

    sloped: whether its time follows the people; else it is averaged.
    """

    sums: Floats
    sloped: bool = True

    @classmethod
    def of(cls, blocks: Sequence[Sequence[tuple[int, float]]], sloped: bool = True) -> "Part":
        """From (people, ms) of every frame, by block, in the order they ran."""
        sums = np.array([_sums(block) for block in blocks], np.float64).reshape(-1, 5)
        run = round(len(sums) ** (1 / 3)) or 1
        starts = range(0, len(sums), run)
        return cls(np.array([sums[at : at + run].sum(0) for at in starts]).reshape(-1, 5), sloped)

    def joined(self, others: Sequence["Part"]) -> "Part":
        """With the runs of others behind its own."""
        return Part(np.concatenate([self.sums, *(each.sums for each in others)]), self.sloped)

    def without_each(self, runs: int) -> Floats:
        """(runs, 2): base and slope without each run of blocks; beyond its own, with all."""
        left = self.sums.sum(0) - self.sums
        full = np.repeat(self.sums.sum(0)[None], runs - len(left), 0)
        return self._lines(np.concatenate([left, full]))

    def line(self) -> Floats:
        """(2,): base and slope; not finite where none is determined."""
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
    """The sum of the parts' lines, of which neither number is below zero (measure.fit).

    None where the frames of a part determine no line.
    """
    base, slope = (float(each) for each in np.sum([part.line() for part in parts], 0))
    if not np.isfinite(base + slope):
        return None
    count, x, xx = max((part.sums.sum(0) for part in parts), key=lambda sums: sums[0])[:3]
    if slope < 0:
        return Line(base + slope * float(x / count), 0.0)
    return Line(0.0, slope + base * float(x / xx)) if base < 0 else Line(base, slope)


def spread_of(parts: Sequence[Part], blocks: int) -> tuple[float, float, float] | None:
    """The squared half width, ms^2, of the 95 % interval at n people: (a, b, c) of a + bn + cn^2.

    blocks: of the entry itself. None with fewer than FEWEST_BLOCKS, or where no line is
    determined without one of the runs.
    """
    runs = max(len(part.sums) for part in parts)
    own = min(len(part.sums) for part in parts)
    if blocks < FEWEST_BLOCKS:
        return None
    with np.errstate(invalid="ignore"):  # no line is infinity, and less another it is nothing
        off = np.sum([part.without_each(runs) - part.line() for part in parts], 0)
    if not np.isfinite(off).all():
        return None
    (a, b), (_, c) = student_t((1 + LEVEL) / 2, max(2.0, own - 1)) ** 2 * (off.T @ off)
    return float(a), float(2 * b), float(c)


def fps_interval(
    line: Line, spread: tuple[float, float, float], people: float
) -> tuple[float, float]:
    """The ends of the 95 % interval of FPS with so many people; infinity where none is known.

    line: in ms. spread: as spread_of gives it.
    """
    a, b, c = spread
    takes = line.base + line.per_person * people
    half = sqrt(max(0.0, a + b * people + c * people**2))
    return 1000 / (takes + half), 1000 / (takes - half) if takes > half else inf
