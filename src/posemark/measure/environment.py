"""Describes the machine and the software on which a figure is measured."""

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from posemark.board import files, models
from posemark.board.facts import settings
from posemark.core.errors import UsageError
from posemark.measure import control_groups

LABEL = "POSEMARK_MACHINE"
"""The environment variable with the user's name for this machine."""

_LONGEST_LABEL = 60
_NVIDIA_SECONDS = 10.0  # a driver that hangs must not block a run

# Names that boards and virtual machines report if the maker has entered none.
_NO_NAME = frozenset(
    ("", "none", "unknown", "default string", "system product name", "not specified")
)

LIBRARIES = ("numpy", "opencv-python-headless", "torch", "faster-coco-eval")
"""Packages whose versions are recorded; None for those that are not installed."""

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables that determine how the threads of OpenMP, and thus of torch, wait for each other."""


def wait_passively() -> None:
    """Let the threads of OpenMP sleep while they wait, unless the user has chosen otherwise.

    By default a thread that has finished its part of an operator keeps its core busy until the
    others have finished. If another process occupies one of the cores, the thread spins for
    whole time slices of the scheduler, in each of a network's hundreds of operators
    (benchmarks/waiting.py). The variables are read once, when torch is loaded, so this must be
    called before, in the process that measures or in the one that starts it.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def environment(label: str | None = None, libraries: Sequence[str] = ()) -> dict[str, Any]:
    """Describe the machine, its operating system, Python and the library versions.

    Args:
        label: the user's name for the machine; None for that in POSEMARK_MACHINE.
        libraries: further packages whose versions are recorded, such as those of runtimes.

    Returns:
        The environment of a record's header (records.schema.Environment and more); `waiting`
        holds those of the variables WAITING that are set.

    Raises:
        UsageError: if the name is not a single line of at most 60 characters.
    """
    name = _label(label or os.environ.get(LABEL) or None)
    return {
        "label": name,
        **machine_facts(name),
        "libraries": {name: _version(name) for name in (*LIBRARIES, *libraries)},
    }


def machine_facts(label: str | None = None, root: Path = Path("/")) -> dict[str, Any]:
    """Describe the machine, its operating system and Python, with the standard library alone.

    Args:
        label: the user's name for the machine, which is held to the cores of a board.
        root: the root of the file system.
    """
    return {
        "board": board(root),
        "gpus": list(gpus()),
        "os": operating_system(),
        "cpu": cpu_model(root),
        "cores": usable_cores(),
        "cpus": os.cpu_count() or usable_cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "waiting": {name: os.environ[name] for name in WAITING if name in os.environ},
        **settings(root, label),
    }


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def free_memory() -> int:
    """Return the bytes of memory that this process may use, without swapping.

    In a container with a memory limit, it is less than what is available on the machine.
    """
    import psutil

    available = psutil.virtual_memory().available
    within_limits = control_groups.free_memory()
    return available if within_limits is None else min(available, within_limits)


def usable_cores() -> int:
    """Return the number of cores that this process may use.

    In some containers it is smaller than that of the machine. A quota of CPU time, as set by
    Docker's --cpus, counts as a number of cores, at least one: with more threads than that, all
    of them would be stopped together whenever the quota is used up.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = control_groups.cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def last_level_cache(cpus: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """Return the bytes of all caches of the highest level together.

    Args:
        cpus: the folder in which Linux describes the processors.

    Returns:
        The bytes; None if the system does not report them.
    """
    found: dict[int, dict[str, int]] = {}
    for each in cpus.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            level, shared, size = (
                (each / name).read_text(encoding="ascii").strip()
                for name in ("level", "shared_cpu_list", "size")
            )
        except OSError:
            continue
        found.setdefault(int(level), {})[shared] = int(size.removesuffix("K")) * 1024
    return sum(found[max(found)].values()) if found else None


def _label(text: str | None) -> str | None:
    if text is None or (text.isprintable() and 0 < len(text.strip()) <= _LONGEST_LABEL):
        return text and text.strip()
    raise UsageError(
        f"The machine cannot be named {text!r}: expected one line of at most {_LONGEST_LABEL} "
        f"characters. Give another name with --machine NAME, or in the variable {LABEL}."
    )


def board(root: Path = Path("/")) -> str | None:
    """Return the name of the computer or its board; None if the system does not report it.

    Single-board computers have it in the device tree, PCs in their firmware, Macs as hw.model.
    root: the root of the file system.
    """
    name = _named(models.model(root)) or _firmware(root / "sys/class/dmi/id")
    return name or _sysctl("hw.model")


def _firmware(folder: Path) -> str | None:
    """Return maker and product, or maker and board if the product has no name."""
    maker = _named(files.words(folder / "sys_vendor")) or ""
    for name in ("product_name", "board_name"):
        product = _named(files.words(folder / name))
        if product:
            return product if product.lower().startswith(maker.lower()) else f"{maker} {product}"
    return None


def _named(words: str) -> str | None:
    """Return the words of a maker; None if they are no name."""
    empty = words.lower() in _NO_NAME or words.lower().startswith("to be filled")
    return None if empty else words


def _sysctl(name: str) -> str | None:
    """Return the value of a system variable of macOS; None on other systems."""
    if platform.system() != "Darwin":
        return None
    return _output(["/usr/sbin/sysctl", "-n", name])


@cache
def gpus() -> tuple[str, ...]:
    """Return the names of the NVIDIA GPUs; empty if nvidia-smi is missing or fails."""
    names = _output(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]) or ""
    return tuple(line.strip() for line in names.splitlines() if line.strip())


def _output(command: list[str]) -> str | None:
    """Return what a program of the system prints; None if it is missing, fails or hangs."""
    try:
        printed = subprocess.check_output(  # noqa: S603 - the commands are fixed
            command, stderr=subprocess.DEVNULL, timeout=_NVIDIA_SECONDS
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return printed.decode(errors="replace").strip() or None


def operating_system(root: Path = Path("/")) -> str:
    """Return name and version, such as "Ubuntu 24.04" or "macOS 14.5", or those of the kernel.

    root: the root of the file system.
    """
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    release = _os_release(root / "etc/os-release") or _os_release(root / "usr/lib/os-release")
    if "NAME" not in release:
        return f"{platform.system()} {platform.release()}"
    return f"{release['NAME']} {release.get('VERSION_ID', '')}".strip()


def _os_release(path: Path) -> dict[str, str]:
    """Return the assignments of a file os-release, as systemd's manual page defines it."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): _unquoted(value) for name, _, value in pairs}


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:  # a quotation mark without its other half
        return value.strip()


def cpu_model(root: Path = Path("/")) -> str:
    """Return the name of the processor, or its architecture if the system reports no name.

    ARM processors have no name there: Linux says "ARMv8 Processor", or repeats the board. Their
    cores are named instead, by their part numbers. root: the root of the file system.
    """
    cores = models.processor(root)
    if cores:
        return cores
    facts = root / "proc/cpuinfo"
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
