"""Energy by integration of a sensor that measures power only."""

from collections.abc import Callable


class PowerMeter:
    """A sensor of power only; its energy is the integral over the samples (trapezoidal rule).

    Args:
        name: the name of the sensor.
        watts: returns the present power; negative values are noise and count as zero.
        now: returns the time in nanoseconds.
    """

    def __init__(self, name: str, watts: Callable[[], float], now: Callable[[], int]) -> None:
        self.name = name
        self._watts, self._now = watts, now
        self._power, self._when, self._joules = max(0.0, watts()), now(), 0.0

    def joules(self) -> float:
        """Return the joules since this object was made."""
        self.sample()
        return self._joules

    def sample(self) -> None:
        """Add the energy since the last sample."""
        power, when = max(0.0, self._watts()), self._now()
        self._joules += (power + self._power) / 2 * (when - self._when) / 1e9
        self._power, self._when = power, when
