"""Reads energy counters: processors of Intel and AMD (RAPL), NVIDIA GPUs (NVML), Jetson (INA3221).

A counter is left out if the platform has none or does not let this user read it; only root can
read those of RAPL on most systems.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from posemark.board import files
from posemark.board.power import PowerMeter, power_meter
from posemark.board.rails import SUM, TOTALS
from posemark.measure.clock import now_ns

__all__ = ["WHOLE_BOARD", "Counter", "EnergyCounter", "PowerMeter", "counters"]

WHOLE_BOARD = (*TOTALS, SUM)
"""Names of counters that measure all that a board takes."""


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


def counters(root: Path = Path("/")) -> list[Counter]:
    """Return every energy counter that this user can read; root: the root of the file system."""
    return [*system_counters(root), *_nvml()]


def system_counters(root: Path = Path("/")) -> list[Counter]:
    """Return the energy counters that Linux itself has; root: the root of the file system."""
    return [*_rapl(root), *_board(root)]


def _rapl(root: Path) -> list[Counter]:
    """Return one counter per processor package, and one per memory of a package.

    The count of a package includes its cores and its graphics, so their sub-zones are left out.
    Memory is listed as a sub-zone, but its energy is not part of the package's count. Other top
    zones (psys, the whole platform) include the packages and are left out, too.
    """
    zones = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
    return [found for found in map(_rapl_zone, zones) if found is not None]


def _rapl_zone(zone: Path) -> Counter | None:
    try:
        name = files.text(zone / "name")
        if name == "dram":
            package = zone.with_name(zone.name.rpartition(":")[0])
            name = f"{files.text(package / 'name')} dram"
        elif not name.startswith("package"):
            return None
        span = files.number(zone / "max_energy_range_uj")
        return EnergyCounter(name, partial(files.number, zone / "energy_uj"), 1e-6, span)
    except files.FAILURES:
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


def _board(root: Path) -> list[Counter]:
    """Return one meter for what the whole board takes, as posemark.board.rails knows it."""
    meter = power_meter(now_ns, root)
    return [] if meter is None else [meter]
