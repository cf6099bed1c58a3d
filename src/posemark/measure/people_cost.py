"""Fits the time of a frame as a straight line over its number of people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posemark.core.frame import Floats

_FEWEST_FRAMES = 3


@dataclass(frozen=True)
class Line:
    """The time of a frame: base + per_person x people, in the unit of the fitted times."""

    base: float
    per_person: float


def fit(people: Sequence[int] | Floats, times: Sequence[float] | Floats) -> Line | None:
    """Fit the least-squares line to the frames of a run, including frames without people.

    Neither part is negative, as people do not save time. If noise suggests otherwise, the best
    line under this condition is constant, or passes through the origin.

    Args:
        people: the number of people of each frame.
        times: the time of each frame.

    Returns:
        The line; None if no line is determined, with fewer than 3 frames or if all frames have
        equally many people.
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
