"""Whether something made the machine slower than its software asked for.

A governor that lowers an idle clock is no throttling. Counted are:

* thermal events of Intel processors, and over-current events of Jetson boards (Orin: OC1 is under
  voltage, OC2 the average and OC3 the instantaneous current; NVIDIA Jetson Linux Developer Guide
  r35, "Platform Power and Performance"),
* the times a cooling device of the thermal framework began to limit a clock, or the highest clock
  that Linux allows fell (Linux, Documentation/driver-api/thermal/sysfs-api.rst),
* the times the firmware of a Raspberry Pi began to (Raspberry Pi documentation, "vcgencmd
  get_throttled"), or its sensor reported under voltage (Linux, Documentation/hwmon/
  raspberrypi-hwmon.rst).
"""

import subprocess
from pathlib import Path

from posemark.board import clocks, files, models

FIRMWARE_LIMITS = ("under voltage", "clock capped", "throttled", "soft temperature limit")
"""What bits 0 to 3 of get_throttled mean. Bits 16 to 19 say that it was so since the start."""

_SINCE_BOOT = 16
_COOLING = ("cpufreq-", "thermal-cpufreq-", "devfreq-", "thermal-devfreq-")
_COOLING_PARTS = ("balanced", "throttle-alert")
_OVER_CURRENT = {1: "under voltage", 2: "average over-current", 3: "instantaneous over-current"}
_ORIN = "tegra234"
_VCGENCMD = "usr/bin/vcgencmd"
_VCGENCMD_SECONDS = 2.0


class Throttles:
    """Counts what slowed the machine down.

    Args:
        root: the root of the file system.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._counters = [*_intel_files(root), *over_current_files(root).values()]
        self._limits = Limits(root)
        self._active, self._since_boot = self._limits.active(), self._limits.since_boot()
        self._begun = 0

    def restart(self) -> None:
        """Begin a block, in which a limit that is already active counts once."""
        self._active = self._limits.active()
        self._begun += len(self._active)

    def sample(self) -> None:
        """Look which limits are active, and count those that were not so before."""
        if not self._limits.known:
            return
        active, since_boot = self._limits.active(), self._limits.since_boot()
        self._begun += len((active - self._active) | (since_boot - self._since_boot))
        self._active, self._since_boot = active, since_boot

    def count(self) -> int | None:
        """Return the number of events, of which only the rise has a meaning.

        Returns:
            The number; None if this machine reports none, which is not the same as zero.

        Raises:
            OSError, ValueError: if a counter cannot be read any more.
        """
        self.sample()
        if not self._counters and not self._limits.known:
            return None
        return self._begun + sum(files.number(file) for file in self._counters)


class Limits:
    """What can limit the clocks of a board; knows nothing on machines without a device tree.

    Args:
        root: the root of the file system.

    Attributes:
        known: whether this machine reports any limit.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        on_board = models.has_device_tree(root)
        self._cooling = _cooling(root) if on_board else {}
        self._highest = _highest_clocks(root) if on_board else {}
        self._firmware = _firmware_files(root)
        self._alarms = _voltage_alarms(root)
        self._last_bits = 0
        self.known = any((self._cooling, self._highest, self._firmware, self._alarms))

    def active(self) -> frozenset[str]:
        """Return the names of the limits that apply now."""
        found = {
            name for name, file in self._cooling.items() if (files.known_number(file) or 0) > 0
        }
        for file, highest in self._highest.items():
            if (files.known_number(file) or highest) < highest:
                found.add(f"{file.parent.name} clock lowered")
        if any(files.known_number(file) for file in self._alarms):
            found.add(FIRMWARE_LIMITS[0])
        return frozenset(found | _named_bits(self._bits()))

    def since_boot(self) -> frozenset[str]:
        """Return the names of limits of the firmware that have applied since the board started."""
        return _named_bits(self._bits() >> _SINCE_BOOT)

    def _bits(self) -> int:
        for file in self._firmware:
            bits = firmware_bits(files.words(file))
            if bits is not None:
                self._last_bits = bits
        return self._last_bits


def over_current_files(root: Path) -> dict[str, Path]:
    """Return the counters of over-current events that throttle, by name; they exist on Orin."""
    orin = models.chip(root) == _ORIN
    found: dict[str, Path] = {}
    for file in files.folders(root, "sys/class/hwmon/hwmon*/oc[0-9]*_event_cnt"):
        number = file.name[len("oc") : -len("_event_cnt")]
        throttles = files.known_number(file.with_name(f"oc{number}_throt_en"))
        works = files.known_number(file) is not None
        if works and throttles != 0 and number.isdigit():
            known = _OVER_CURRENT.get(int(number)) if orin else None
            found[f"oc{number} ({known})" if known else f"oc{number}"] = file
    return found


def firmware_bits(text: str) -> int | None:
    """Return the number in "50000", as /sys has it, or "throttled=0x50000"; None for others."""
    try:
        return int(text.split("=")[-1], 16)
    except ValueError:
        return None


def asked_firmware(root: Path) -> int | None:
    """Return the bits of get_throttled of a Raspberry Pi; None on other machines.

    The file in /sys needs the kernel of Raspberry Pi OS. Without it the program vcgencmd is asked,
    which takes some milliseconds and needs the group `video`.
    """
    for file in _firmware_files(root):
        return firmware_bits(files.words(file))
    program = root / _VCGENCMD
    if not models.has_device_tree(root) or not program.is_file():
        return None
    try:
        printed = subprocess.check_output(  # noqa: S603 - a program of the system, without input
            [str(program), "get_throttled"], stderr=subprocess.DEVNULL, timeout=_VCGENCMD_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return firmware_bits(printed.decode("ascii", "replace").strip())


def state(root: Path) -> dict[str, object]:
    """Return what limits the board now and did so since it started.

    Returns:
        Sorted names of the limits `now` and `since_boot`, and `events`, the over-current events
        since the start by name.
    """
    limits, bits = Limits(root), asked_firmware(root) or 0
    events = {name: files.known_number(file) for name, file in over_current_files(root).items()}
    return {
        "now": sorted(limits.active() | _named_bits(bits)),
        "since_boot": sorted(_named_bits(bits >> _SINCE_BOOT)),
        "events": events,
    }


def _named_bits(bits: int) -> frozenset[str]:
    return frozenset(name for at, name in enumerate(FIRMWARE_LIMITS) if bits >> at & 1)


def _firmware_files(root: Path) -> list[Path]:
    return files.folders(root, "sys/devices/platform/*/*firmware/get_throttled")


def _voltage_alarms(root: Path) -> list[Path]:
    return [
        file
        for file in files.folders(root, "sys/class/hwmon/hwmon*/in0_lcrit_alarm")
        if files.words(file.with_name("name")) == "rpi_volt"
    ]


def _cooling(root: Path) -> dict[str, Path]:
    """Return the states of the cooling devices that lower clocks; others are fans and alarms."""
    found: dict[str, Path] = {}
    for folder in files.folders(root, "sys/class/thermal/cooling_device[0-9]*"):
        name = files.words(folder / "type")
        if name.startswith(_COOLING) or any(part in name for part in _COOLING_PARTS):
            found[name] = folder / "cur_state"
    return found


def _highest_clocks(root: Path) -> dict[Path, int]:
    """Return the highest allowed clock by its file, as it is at the beginning."""
    paths = [folder / "scaling_max_freq" for folder in clocks.cpu_folders(root)]
    paths += [folder / "max_freq" for folder in clocks.gpu_folders(root)]
    found = {path: files.known_number(path) for path in paths}
    return {path: value for path, value in found.items() if value is not None}


def _intel_files(root: Path) -> list[Path]:
    """Return one file of thermal events per core and one per package (Intel).

    Every logical CPU has both files; those of the same core, or package, have equal counts.
    """
    found: dict[tuple[str, ...], Path] = {}
    for cpu in files.folders(root, "sys/devices/system/cpu/cpu[0-9]*"):
        where = [
            files.words(cpu / "topology" / name) for name in ("physical_package_id", "core_id")
        ]
        package, core = (each or cpu.name for each in where)
        found[package, core] = cpu / "thermal_throttle/core_throttle_count"
        found[(package,)] = cpu / "thermal_throttle/package_throttle_count"
    return [file for file in found.values() if file.is_file()]
