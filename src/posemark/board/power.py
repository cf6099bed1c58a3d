"""What a board takes: energy by integration of its power, and idle power."""

from collections.abc import Callable
from pathlib import Path

from posemark.board import files, rails

_IDLE_INTERVAL = 0.1
"""Seconds between two samples of idle power; the sensors average over less."""


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


def power_meter(now: Callable[[], int], root: Path = Path("/")) -> PowerMeter | None:
    """Return a meter of what the whole board takes; None without a sensor for that."""
    supply = rails.supply(rails.rails(root))
    if supply is None:
        return None
    try:
        return PowerMeter(supply.name, supply.watts, now)
    except files.FAILURES:
        return None


def idle_watts(root: Path, seconds: float, sleep: Callable[[float], None]) -> float | None:
    """Return the mean power of the board while nothing is measured.

    Args:
        root: the root of the file system.
        seconds: how long to look.
        sleep: waits for a number of seconds.

    Returns:
        Watts; None without a sensor for the whole board, or if it fails.
    """
    supply = rails.supply(rails.rails(root))
    if supply is None:
        return None
    found: list[float] = []
    for _ in range(max(1, round(seconds / _IDLE_INTERVAL))):
        sleep(_IDLE_INTERVAL)
        try:
            found.append(max(0.0, supply.watts()))
        except files.FAILURES:
            continue
    return sum(found) / len(found) if found else None
