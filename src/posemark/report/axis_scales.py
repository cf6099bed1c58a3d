"""Axes with explicit ends and ticks, so that positions in pixels are known before drawing.

Labels are placed by these positions, so the drawing program must not choose ends of its own.
"""

import math
from dataclasses import dataclass

LOG_ABOVE = 10.0
"""Ratio of the fastest to the slowest above which an axis is logarithmic: a linear one would
squeeze the slowest into its lowest tenth."""


@dataclass(frozen=True)
class Axis:
    """Ends of an axis and its ticks, in data units, and whether it is logarithmic."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def share(self, value: float) -> float:
        """Return the position of a value between the ends, 0..1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def ap_axis(values: list[float]) -> Axis:
    """Return an axis for APs in points: their range with room for labels, cut to 0..100."""
    low, high = min(values, default=0.0), max(values, default=100.0)
    room = max(0.1 * (high - low), 1.5)
    step = _step(high - low + 2 * room)
    low, high = max(low - room, 0.0), min(high + room, 100.0)
    return Axis(low, high, _multiples(low, high, step))


def fps_axis(values: list[float]) -> Axis:
    """Return an axis for FPS: from zero, or logarithmic where the values differ by LOG_ABOVE."""
    low, high = min(values, default=1.0), max(values, default=1.0)
    if high / low > LOG_ABOVE:
        return log_axis(values)
    high *= 1.12
    return Axis(0.0, high, _multiples(0.0, high, _step(high)))


def log_axis(values: list[float]) -> Axis:
    """Return a logarithmic axis with room at both ends, whatever the range of the values."""
    low, high = min(values, default=1.0) / 1.5, max(values, default=1.0) * 1.5
    return Axis(low, high, _decades(low, high), log=True)


def _step(length: float) -> float:
    """A round step (1, 2 or 5 times a power of ten) that gives five to ten ticks."""
    power = 10 ** math.floor(math.log10(length / 5))
    return max(power * digit for digit in (1, 2, 5) if power * digit <= length / 5)


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(round(index * step, 6) for index in range(first, last + 1))


def _decades(low: float, high: float) -> tuple[float, ...]:
    if high < 5 * low:
        digits = (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    else:
        digits = (1, 2, 3, 5, 7) if high < 100 * low else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = (digit * 10.0**power for power in powers for digit in digits)
    return tuple(round(tick, 6) for tick in ticks if low <= tick <= high)
