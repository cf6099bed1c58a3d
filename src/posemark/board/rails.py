"""Power rails: what the sensors INA3221 of Jetson boards measure, and what the whole board takes.

Rails overlap: the input of a module supplies its CPU and GPU rails, so that a sum would count them
twice. One rail is the total. Only AGX boards have none, but inputs beside each other, and their
sum is the total. Sources: NVIDIA Jetson Linux Developer Guide, "Platform Power and Performance"
(r32 and r35: names and files of the rails); NVIDIA Jetson AGX Xavier Product Design Guide, 5.6.2
(what each sensor of that board measures). A Raspberry Pi up to 4 and a Jetson Nano 2GB have no
sensor.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from posemark.board import files

TOTALS = ("VDD_IN", "POM_5V_IN", "5V_IN")
"""Rails that supply all others of their module: on most boards; on the Nano; and on the Xavier NX
by the name in its manual."""


@dataclass(frozen=True)
class Inputs:
    """Rails that supply a module beside each other.

    Attributes:
        separate: the rails whose sum is the power of the module.
        inner: rails that a separate one supplies.
    """

    separate: tuple[str, ...]
    inner: tuple[str, ...] = ()


PARALLEL = (
    # AGX Xavier: SYS5V is the input of 5 V, the others branch from the input of 9 to 20 V.
    Inputs(("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")),
    # AGX Orin: VDDQ_VDD2_1V8AO is measured at 5 V, thus taken to be behind VIN_SYS_5V0.
    Inputs(("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), ("VDDQ_VDD2_1V8AO",)),
)

SUM = "sum of rails"
"""The name of a total that is a sum of parallel inputs."""

_UNCONNECTED = "NC"
_CHANNELS = (1, 2, 3)
"""The hwmon inputs that are rails; further inputs are shunt voltages and their sum."""


@dataclass(frozen=True)
class Rail:
    """A rail that can be read.

    Attributes:
        name: its label.
        watts: returns its present power; raises OSError or ValueError if the sensor fails.
    """

    name: str
    watts: Callable[[], float]


@dataclass(frozen=True)
class Supply:
    """What a whole board takes.

    Attributes:
        name: the rail, or SUM.
        rails: the rails that are added, usually one.
    """

    name: str
    rails: tuple[Rail, ...]

    def watts(self) -> float:
        """Return the present power; raises OSError or ValueError if a sensor fails."""
        return sum(rail.watts() for rail in self.rails)


def rails(root: Path) -> list[Rail]:
    """Return the rails that can be read now, each name once.

    Args:
        root: the root of the file system.
    """
    found: dict[str, Rail] = {}
    for name, watts in [*_iio(root), *_hwmon(root)]:
        if name and name != _UNCONNECTED and name not in found and _works(watts):
            found[name] = Rail(name, watts)
    return list(found.values())


def supply(found: Iterable[Rail]) -> Supply | None:
    """Return what the whole board takes; None if no rail measures that."""
    by_name = {rail.name: rail for rail in found}
    for name in TOTALS:
        if name in by_name:
            return Supply(name, (by_name[name],))
    for inputs in PARALLEL:
        chosen = tuple(rail for name, rail in by_name.items() if name in inputs.separate)
        if chosen and all(name in inputs.separate + inputs.inner for name in by_name):
            return Supply(SUM, chosen)
    return None


def _works(watts: Callable[[], float]) -> bool:
    try:
        watts()
    except files.FAILURES:
        return False
    return True


def _iio(root: Path) -> list[tuple[str, Callable[[], float]]]:
    """Return names and readers of rails as the driver of JetPack 4 provides them.

    A rail has its power in mW, and voltage and current for the case that this fails.
    """
    named: list[tuple[str, Callable[[], float]]] = []
    for label in files.folders(root, "sys/bus/i2c/drivers/ina3221*/*/iio:device*/rail_name_*"):
        name, channel = files.words(label), label.name[len("rail_name_") :]
        volts, amperes = (
            label.with_name(f"in_{what}{channel}_input") for what in ("voltage", "current")
        )
        named.append((name, _Milliwatts(label.with_name(f"in_power{channel}_input"))))
        named.append((name, _VoltsByAmperes(volts, amperes)))
    return named


def _hwmon(root: Path) -> list[tuple[str, Callable[[], float]]]:
    """Return names and readers as the driver of the Linux kernel provides them (JetPack 5 on)."""
    chips = [
        folder
        for folder in files.folders(root, "sys/class/hwmon/hwmon*")
        if files.words(folder / "name") == "ina3221"
    ]
    chips = chips or files.folders(root, "sys/bus/i2c/drivers/ina3221*/*/hwmon/hwmon*")
    return [
        (
            files.words(folder / f"in{n}_label"),
            _VoltsByAmperes(folder / f"in{n}_input", folder / f"curr{n}_input"),
        )
        for folder in chips
        for n in _CHANNELS
    ]


@dataclass(frozen=True)
class _Milliwatts:
    file: Path

    def __call__(self) -> float:
        return files.number(self.file) / 1e3


@dataclass(frozen=True)
class _VoltsByAmperes:
    millivolts: Path
    milliamperes: Path

    def __call__(self) -> float:
        return files.number(self.millivolts) * files.number(self.milliamperes) / 1e6
