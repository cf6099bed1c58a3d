"""Clocks of CPU and GPU, and the power mode that limits them.

Sources: Linux, Documentation/admin-guide/pm/cpufreq.rst and ABI/testing/sysfs-class-devfreq;
NVIDIA Jetson Linux Developer Guide, "Supported Modes and Power Efficiency" (nvpmodel) and
"Maximizing Jetson Performance" (jetson_clocks). Nothing here changes a clock.
"""

import re
from pathlib import Path
from typing import Any

from posemark.board import files

_GPUS = ("gpu", "gp10b", "gv11b", "ga10b")
"""Names of the devices of Jetson GPUs: Nano and JetPack 6, TX2, Xavier, Orin."""

_MODE = re.compile(r"pmode:(\d+)")
_NAMED = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>")
_DEFAULT = re.compile(r"<\s*PM_CONFIG\s+DEFAULT=(\d+)\s*>")


def cpu_clocks(root: Path) -> list[dict[str, Any]]:
    """Return the clocks of the CPU, one per group of cores that share one.

    Returns:
        For each its name; mhz now; min_mhz and max_mhz, the limits set by software; limit_mhz, that
        of the hardware; the governor. None stands for what cannot be read.
    """
    return [
        _clock(
            folder.name if folder.name != "cpufreq" else folder.parent.name,
            {
                "mhz": _megahertz(folder / "scaling_cur_freq", 1e3),
                "min_mhz": _megahertz(folder / "scaling_min_freq", 1e3),
                "max_mhz": _megahertz(folder / "scaling_max_freq", 1e3),
                "limit_mhz": _megahertz(folder / "cpuinfo_max_freq", 1e3),
            },
            folder / "scaling_governor",
        )
        for folder in cpu_folders(root)
    ]


def cpu_folders(root: Path) -> list[Path]:
    """Return the folder of each group of cores that share a clock."""
    cpus = "sys/devices/system/cpu"
    return files.folders(root, f"{cpus}/cpufreq/policy[0-9]*") or files.folders(
        root, f"{cpus}/cpu[0-9]*/cpufreq"
    )


def gpu_clocks(root: Path) -> list[dict[str, Any]]:
    """Return the clocks of the GPU of a Jetson, as cpu_clocks does; empty on other boards."""
    return [
        _clock(
            "gpu",
            {
                "mhz": _megahertz(folder / "cur_freq", 1e6),
                "min_mhz": _megahertz(folder / "min_freq", 1e6),
                "max_mhz": _megahertz(folder / "max_freq", 1e6),
                "limit_mhz": _highest(folder / "available_frequencies"),
            },
            folder / "governor",
        )
        for folder in gpu_folders(root)
    ]


def gpu_folders(root: Path) -> list[Path]:
    """Return the devfreq folders of GPUs; their names are address.device, 57000000.gpu."""
    return [
        folder
        for folder in files.folders(root, "sys/class/devfreq/*")
        if folder.name.split(".")[-1] in _GPUS
        or files.words(folder / "device/of_node/name") in _GPUS
    ]


def mean_mhz(root: Path) -> float | None:
    """Return the mean clock of the CPU's cores now; None if it cannot be read."""
    total, cores = 0.0, 0
    for folder in cpu_folders(root):
        mhz = _megahertz(folder / "scaling_cur_freq", 1e3)
        members = len(" ".join(files.lines(folder / "affected_cpus")).split()) or 1
        if mhz is not None:
            total, cores = total + mhz * members, cores + members
    return total / cores if cores else None


def locked(clocks: list[dict[str, Any]]) -> bool | None:
    """Return whether all clocks are fixed, as by jetson_clocks; None if that is not known."""
    limits = [(clock["min_mhz"], clock["max_mhz"]) for clock in clocks]
    if not limits or any(None in pair for pair in limits):
        return None
    return all(low == high for low, high in limits)


def power_mode(root: Path) -> dict[str, Any] | None:
    """Return id and name of the power mode of a Jetson; None on other boards.

    nvpmodel writes the number to /var/lib/nvpmodel/status ("pmode:0000") when it sets a mode.
    Before that the default of /etc/nvpmodel.conf applies, which also has the names.
    """
    status = _MODE.search(files.words(root / "var/lib/nvpmodel/status"))
    table = [line for line in files.lines(root / "etc/nvpmodel.conf") if not line.startswith("#")]
    chosen = status or next((found for found in map(_DEFAULT.search, table) if found), None)
    if chosen is None:
        return None
    number = int(chosen.group(1))
    named = [found for found in map(_NAMED.search, table) if found]
    names = {int(found.group(1)): found.group(2) for found in named}
    return {"id": number, "name": names.get(number)}


def _clock(name: str, values: dict[str, Any], governor: Path) -> dict[str, Any]:
    return dict(values, name=name, governor=files.words(governor) or None)


def _megahertz(file: Path, per_megahertz: float) -> float | None:
    value = files.known_number(file)
    return None if value is None else round(value / per_megahertz, 1)


def _highest(file: Path) -> float | None:
    try:
        return max(round(int(text) / 1e6, 1) for text in " ".join(files.lines(file)).split())
    except ValueError:
        return None
