"""Temperatures of a board, by thermal zone.

Source: Linux, Documentation/driver-api/thermal/sysfs-api.rst. A zone of a part that is switched
off fails (EAGAIN on Orin) and is left out.
"""

from collections.abc import Iterable
from pathlib import Path

from posemark.board import files

PLAUSIBLE_CELSIUS = (0.0, 150.0)
"""Limits of a valid temperature; a sensor that is not connected reports -256, -128, 0 or 255."""

_CONSTANT = "PMIC"
"""The zone PMIC-Die of Nano and TX boards always reports 100 degrees: it is a switch."""


def temperatures(root: Path) -> dict[str, float]:
    """Return degrees Celsius by thermal zone, without those that cannot be read now."""
    found: dict[str, float] = {}
    for zone in files.folders(root, "sys/class/thermal/thermal_zone[0-9]*"):
        name = files.words(zone / "type") or zone.name
        celsius = _celsius(zone / "temp")
        if not name.startswith(_CONSTANT) and highest_plausible(celsius) is not None:
            found.setdefault(name, celsius[0])
    return found


def hottest(root: Path) -> float | None:
    """Return the highest temperature in degrees Celsius; None if none can be read.

    Sensors outside of thermal zones (hwmon) count, too: those of PCs are only there.
    """
    others = files.folders(root, "sys/class/hwmon/hwmon*/temp[0-9]*_input")
    values = list(temperatures(root).values())
    return highest_plausible([*values, *(value for file in others for value in _celsius(file))])


def highest_plausible(celsius: Iterable[float]) -> float | None:
    """Return the highest plausible temperature; None if there is none."""
    low, high = PLAUSIBLE_CELSIUS
    return max((value for value in celsius if low < value < high), default=None)


def _celsius(file: Path) -> list[float]:
    """Return the temperature in a file, which has thousandths of a degree, if it can be read."""
    value = files.known_number(file)
    return [] if value is None else [value / 1e3]
