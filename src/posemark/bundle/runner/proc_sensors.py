"""Reads what Linux says of the whole machine, without psutil."""

import os
from pathlib import Path

from posemark.measure.watch import hottest

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
        cpus = (self._root / "sys/devices/system/cpu").glob("cpu[0-9]*")
        files = [cpu / "cpufreq/scaling_cur_freq" for cpu in cpus]
        khz = [_number(file) for file in files if file.is_file()]
        known = [value for value in khz if value]
        return sum(known) / len(known) / 1e3 if known else None

    def celsius(self) -> float | None:
        """Return the temperature of the hottest sensor; None if unknown."""
        folder = self._root / "sys/class"
        files = [
            *folder.glob("thermal/thermal_zone*/temp"),
            *folder.glob("hwmon/hwmon*/temp*_input"),
        ]
        values = [_number(file) for file in files]
        return hottest(value / 1e3 for value in values if value is not None)


def _number(file: Path) -> int | None:
    """Return the number in a file; None if it cannot be read now, as sensors sometimes cannot."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
