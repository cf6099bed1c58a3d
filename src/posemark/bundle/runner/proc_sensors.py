"""Reads what Linux says of the whole machine, without psutil."""

import os
from pathlib import Path

from posemark.board.clocks import mean_mhz
from posemark.board.thermal import hottest

_BUSY_COLUMNS = (0, 1, 2, 5, 6)
"""user, nice, system, irq and softirq in the first line of /proc/stat (proc(5))."""

_STEAL_COLUMN = 7


class ProcSensors:
    """The sensors of the whole machine; see measure.watch.Sensors.

    Args:
        root: the root of the file system.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._tick_ns = 1e9 / os.sysconf("SC_CLK_TCK")

    def cpu_ns(self) -> tuple[int, int | None] | None:
        """Return the busy and the stolen time of all cores since boot; None if all are zero."""
        words = (self._root / "proc/stat").read_text(encoding="ascii").splitlines()[0].split()
        ticks = [int(word) for word in words[1:]]
        if not any(ticks):
            return None
        busy = sum(ticks[column] for column in _BUSY_COLUMNS)
        stolen = ticks[_STEAL_COLUMN] if len(ticks) > _STEAL_COLUMN else None
        return int(busy * self._tick_ns), None if stolen is None else int(stolen * self._tick_ns)

    def mhz(self) -> float | None:
        """Return the mean clock frequency of the cores; None if unknown."""
        return mean_mhz(self._root)

    def celsius(self) -> float | None:
        """Return the temperature of the hottest sensor; None if unknown."""
        return hottest(self._root)
