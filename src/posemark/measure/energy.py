"""Reads energy counters: processors of Intel and AMD (RAPL), NVIDIA GPUs (NVML), Jetson (INA3221).

A counter is left out if the platform has none or does not let this user read it; only root can
read those of RAPL on most systems.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from posemark.measure.clock import now_ns

WHOLE_BOARD = ("VDD_IN", "POM_5V_IN")
"""The power rails of Jetson modules that supply all other rails."""

_INA3221_CHANNELS = (1, 2, 3)
"""The hwmon inputs that are rails; further inputs are shunt voltages and sums."""


class Counter(Protocol):
    """The energy of one sensor. Both methods raise OSError if the sensor fails."""

    name: str

    def joules(self) -> float:
        """Return the joules since this object was made; the value never decreases."""
        ...

    def sample(self) -> None:
        """Read the power now, if the sensor measures power only; else do nothing."""
        ...


class EnergyCounter:
    """A sensor that counts energy itself.

    Args:
        name: the name of the sensor.
        read: returns the sensor's count.
        unit: joules per count.
        span: the count after which the sensor starts from zero again; joules() must be called
            at least once in that time (a minute or more, even at full power). None if unknown.
    """

    def __init__(
        self, name: str, read: Callable[[], int], unit: float, span: int | None = None
    ) -> None:
        self.name = name
        self._read, self._unit, self._span = read, unit, span
        self._last, self._counted = read(), 0

    def joules(self) -> float:
        """Return the joules since this object was made."""
        now = self._read()
        risen = now - self._last
        if risen < 0:
            # Without a span a driver has reset the sensor; its count before that is lost.
            risen = risen + self._span if self._span else 0
        self._last = now
        self._counted += risen
        return self._counted * self._unit

    def sample(self) -> None:
        """Do nothing: the sensor counts continuously."""


class PowerMeter:
    """A sensor of power only; its energy is the integral over the samples (trapezoidal rule).

    Args:
        name: the name of the sensor.
        watts: returns the present power; negative values are noise and count as zero.
        now: returns the time in nanoseconds.
    """

    def __init__(
        self, name: str, watts: Callable[[], float], now: Callable[[], int] = now_ns
    ) -> None:
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


def counters(root: Path = Path("/")) -> list[Counter]:
    """Return every energy counter that this user can read; root: the root of the file system."""
    return [*_rapl(root), *_nvml(), *_ina3221(root)]


def _rapl(root: Path) -> list[Counter]:
    """Return one counter per processor package, and one per memory of a package.

    The count of a package includes its cores and its graphics, so their sub-zones are left out.
    Memory is listed as a sub-zone, but its energy is not part of the package's count. Other top
    zones (psys, the whole platform) include the packages and are left out, too.
    """
    zones = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
    return [found for zone in zones if (found := _rapl_zone(zone)) is not None]


def _rapl_zone(zone: Path) -> Counter | None:
    try:
        name = _text(zone / "name")
        if name == "dram":
            package = zone.with_name(zone.name.rpartition(":")[0])
            name = f"{_text(package / 'name')} dram"
        elif not name.startswith("package"):
            return None
        span = _number(zone / "max_energy_range_uj")
        return EnergyCounter(name, partial(_number, zone / "energy_uj"), 1e-6, span)
    except (OSError, ValueError):
        return None


def _nvml() -> list[Counter]:
    """Return one counter per GPU; needs the extra "nvidia" and a GPU from 2017 (Volta) on."""
    try:
        import pynvml  # pyright: ignore[reportMissingImports]  # part of the extra nvidia
    except ImportError:
        return []
    nvml: Any = pynvml
    try:
        nvml.nvmlInit()
        gpus = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return []
    found = [_gpu(nvml, number, gpu) for number, gpu in enumerate(gpus)]
    return [counter for counter in found if counter is not None]


def _gpu(nvml: Any, number: int, gpu: Any) -> Counter | None:
    def millijoules() -> int:
        try:
            return nvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
        except nvml.NVMLError as error:
            raise OSError(str(error)) from error

    try:
        return EnergyCounter(f"gpu-{number}", millijoules, 1e-3)
    except OSError:
        return None


def _ina3221(root: Path) -> list[Counter]:
    """Return one meter: the rail of the whole board, or else the sum of all rails."""
    rails = _iio_rails(root) or _hwmon_rails(root)
    board = [name for name in WHOLE_BOARD if name in rails]
    chosen = board[:1] or list(rails)
    if not chosen:
        return []
    meters = [rails[name] for name in chosen]
    name = board[0] if board else "sum of rails"
    return [PowerMeter(name, lambda: sum(watts() for watts in meters))]


def _iio_rails(root: Path) -> dict[str, Callable[[], float]]:
    """Return watts by rail, as the driver of JetPack 4 provides them."""
    folders = (root / "sys/bus/i2c/drivers").glob("ina3221*/*/iio:device*")
    inputs = (file for folder in sorted(folders) for file in folder.glob("in_power*_input"))
    rails: dict[str, Callable[[], float]] = {}
    for file in inputs:
        channel = file.name.removeprefix("in_power").removesuffix("_input")
        _add(rails, file.with_name(f"rail_name_{channel}"), partial(_milliwatts, file))
    return rails


def _hwmon_rails(root: Path) -> dict[str, Callable[[], float]]:
    """Return watts by rail, as the driver of the Linux kernel provides them (JetPack 5 on)."""
    rails: dict[str, Callable[[], float]] = {}
    for folder in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        if not _is_ina3221(folder):
            continue
        for n in _INA3221_CHANNELS:
            watts = partial(_volts_by_amperes, folder / f"in{n}_input", folder / f"curr{n}_input")
            _add(rails, folder / f"in{n}_label", watts)
    return rails


def _is_ina3221(folder: Path) -> bool:
    try:
        return _text(folder / "name") == "ina3221"
    except OSError:
        return False


def _add(rails: dict[str, Callable[[], float]], label: Path, watts: Callable[[], float]) -> None:
    """Add a rail if it has a name and can be read now."""
    try:
        watts()
        rails[_text(label)] = watts
    except (OSError, ValueError):
        return


def _milliwatts(file: Path) -> float:
    return _number(file) / 1e3


def _volts_by_amperes(millivolts: Path, milliamperes: Path) -> float:
    return _number(millivolts) * _number(milliamperes) / 1e6


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii").strip()
