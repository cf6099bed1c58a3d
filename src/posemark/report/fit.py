"""What people cost: the time of a frame as a straight line over its number of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

_FEWEST_FRAMES = 3


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a frame = intercept_ms + ms_per_person x people."""

    intercept_ms: float | None = None
    ms_per_person: float | None = None


def fit(people: Sequence[int], ms: Sequence[float]) -> Cost:
    """The least-squares line through the frames of a run, frames without people among them.

    Neither part is below zero: people do not save time, and where noise says so the best line
    under that condition is flat, or goes through nothing. Empty where frames are fewer than 3
    or all hold equally many people: no line is determined.
    """
    if len(people) < _FEWEST_FRAMES or len(set(people)) == 1:
        return Cost()
    line = linear_regression(people, ms)
    if line.slope < 0:
        return Cost(fmean(ms), 0.0)
    if line.intercept < 0:
        return Cost(0.0, float(linear_regression(people, ms, proportional=True).slope))
    return Cost(float(line.intercept), float(line.slope))
