"""Temperatures of a board, by thermal zone.

Source: Linux, Documentation/driver-api/thermal/sysfs-api.rst. A zone of a part that is switched
off fails (EAGAIN on Orin) and is left out.
"""

from pathlib import Path

from posemark.board import files

PLAUSIBLE_CELSIUS = (0.0, 150.0)
"""Limits of a valid temperature; a sensor that is not connected reports -256, -128, 0 or 255."""

_CONSTANT = "PMIC"
"""The zone PMIC-Die of Nano and TX boards always reports 100 degrees: it is a switch."""


def temperatures(root: Path) -> dict[str, float]:
    """Return degrees Celsius by thermal zone, without those that cannot be read now."""
    low, high = PLAUSIBLE_CELSIUS
    found: dict[str, float] = {}
    for zone in files.folders(root, "sys/class/thermal/thermal_zone[0-9]*"):
        name = files.words(zone / "type") or zone.name
        value = files.known_number(zone / "temp")
        if value is not None and low < value / 1e3 < high and not name.startswith(_CONSTANT):
            found.setdefault(name, value / 1e3)
    return found


def hottest(root: Path) -> float | None:
    """Return the highest temperature in degrees Celsius; None if none can be read."""
    found = temperatures(root)
    return max(found.values()) if found else None
