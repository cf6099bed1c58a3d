"""What people cost: the time of a frame as a straight line over its number of people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posemark.core.frame import Floats

_FEWEST_FRAMES = 3


@dataclass(frozen=True)
class Line:
    """Time of a frame = base + per_person x people, in the unit of the times it was fitted to."""

    base: float
    per_person: float


def fit(people: Sequence[int] | Floats, times: Sequence[float] | Floats) -> Line | None:
    """The least-squares line through the frames of a run, frames without people among them.

    Neither part is below zero: people do not save time, and where noise says so the best line
    under that condition is flat, or goes through nothing. None where frames are fewer than 3
    or all hold equally many people: no line is determined.
    """
    x, y = np.asarray(people, np.float64), np.asarray(times, np.float64)
    if len(x) < _FEWEST_FRAMES or not np.ptp(x):
        return None
    off = x - x.mean()
    per_person = float(off @ y / (off @ off))
    base = float(y.mean() - per_person * x.mean())
    if per_person < 0:
        return Line(float(y.mean()), 0.0)
    if base < 0:
        return Line(0.0, float(x @ y / (x @ x)))
    return Line(base, per_person)
