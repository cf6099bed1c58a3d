"""Reads a board while frames run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from posemark.board import clocks, files, rails, thermal
from posemark.board.power import PowerMeter
from posemark.board.throttling import Throttles

T = TypeVar("T")

_IDLE_INTERVAL = 0.1
"""Seconds between two samples of idle power; the sensors average over less."""


@dataclass(frozen=True)
class BoardReadings:
    """What a board did during a block; None stands for what it does not report.

    Attributes:
        mhz: mean clock of the cores at the end.
        celsius: temperature of the hottest zone at the end.
        throttles: number of events that slowed the board down.
        energy_j: joules by name of the supply; empty without a sensor.
    """

    mhz: float | None
    celsius: float | None
    throttles: int | None
    energy_j: dict[str, float]


class BoardWatch:
    """Reads a board before and after a block: start(), the block with sample(), stop().

    Args:
        now: returns monotonic nanoseconds.
        root: the root of the file system.
    """

    def __init__(self, now: Callable[[], int], root: Path = Path("/")) -> None:
        self._root = root
        self._throttles = Throttles(root)
        self._meter = power_meter(now, root)
        self.start()

    def start(self) -> None:
        """Begin a block."""
        self._events = reading(self._throttles.count)
        self._throttles.restart()
        self._joules = reading(self._meter.joules) if self._meter else None

    def sample(self) -> None:
        """Sample power and limits between frames, which makes energy and events more exact."""
        reading(self._throttles.sample)
        if self._meter:
            reading(self._meter.sample)

    def stop(self) -> BoardReadings:
        """Return the readings since start()."""
        joules = reading(self._meter.joules) if self._meter else None
        events = reading(self._throttles.count)
        energy: dict[str, float] = {}
        if self._meter and joules is not None and self._joules is not None:
            energy[self._meter.name] = joules - self._joules
        return BoardReadings(
            mhz=reading(lambda: clocks.mean_mhz(self._root)),
            celsius=reading(lambda: thermal.hottest(self._root)),
            throttles=_rise(self._events, events),
            energy_j=energy,
        )


def power_meter(now: Callable[[], int], root: Path = Path("/")) -> PowerMeter | None:
    """Return a meter of what the whole board takes; None without a sensor for that."""
    supply = rails.supply(rails.rails(root))
    return None if supply is None else reading(lambda: PowerMeter(supply.name, supply.watts, now))


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
        watts = reading(supply.watts)
        if watts is not None:
            found.append(max(0.0, watts))
    return sum(found) / len(found) if found else None


def reading(sensor: Callable[[], T]) -> T | None:
    """Return the reading of a sensor; None if the sensor fails."""
    try:
        return sensor()
    except files.FAILURES:
        return None


def _rise(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)
