"""The machine and the software that a figure was measured on."""

import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from posemark.core.errors import UsageError

LABEL = "POSEMARK_MACHINE"
"""The variable that names this machine for every command."""

CPU_INFO = Path("/proc/cpuinfo")
"""Where Linux describes the processor."""

_LONGEST_LABEL = 60
_NVIDIA_SECONDS = 10.0  # a driver that hangs must not hang a run

# What boards and virtual machines say where the maker filled in nothing.
_NO_NAME = frozenset(
    ("", "none", "unknown", "default string", "system product name", "not specified")
)

LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "torch",
    "faster-coco-eval",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "nncf",
    "ai-edge-litert",
    "litert-torch",
)
"""Of those that are not installed the version is None."""

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables by which the threads of OpenMP, torch's, are told how to wait for each other."""


def wait_passively() -> None:
    """Let the threads of OpenMP sleep while they wait, unless the user has chosen otherwise.

    Left alone, a thread that is done with its share of an operator keeps its core busy until the
    others are done. Where another process has taken one of the cores, it spins for whole time
    slices of the scheduler, at every one of a network's hundreds of operators
    (benchmarks/waiting.py). The variables are read once, when torch is loaded: call this before,
    in the process that measures or in one that starts it.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def environment(label: str | None = None) -> dict[str, Any]:
    """The machine, its operating system, Python and library versions.

    cores: that this process may use; cpus: that the machine has. waiting: what is set of how the
    threads of OpenMP wait.

    Args:
        label: the user's own name for the machine; without one that of POSEMARK_MACHINE.

    Raises:
        UsageError: if the name is no single line of at most 60 characters.
    """
    import psutil  # here, as every command imports this module, for wait_passively

    return {
        "label": _label(label or os.environ.get(LABEL) or None),
        "board": board(),
        "gpus": list(gpus()),
        "os": operating_system(),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "cpus": psutil.cpu_count() or usable_cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "waiting": {name: os.environ[name] for name in WAITING if name in os.environ},
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def free_memory() -> int:
    """Bytes that new work may take without pushing anything out."""
    import psutil

    return psutil.virtual_memory().available


def usable_cores() -> int:
    """Cores this process may run on; fewer than the machine has inside some containers.

    A quota of CPU time, as Docker's --cpus sets it, counts as so many cores, one at least: more
    threads would be held back together once it is used up.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def cpu_quota(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> float | None:
    """The least CPU time per second that a control group of this process allows; None: no limit.

    groups: lines such as 0::/a/b (version 2) and 4:cpu,cpuacct:/a/b (version 1). Every group
    above counts, too. Inside containers the path may be that of the host, which is not there.
    """
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    found: list[float] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        read, mount = _quota_2, root
        if "cpu" in controllers.split(","):
            read, mount = _quota_1, root / controllers
            mount = mount if mount.is_dir() else root / "cpu"
        elif controllers:
            continue
        inner = mount / path.strip("/")
        folders = [inner, *inner.parents][: len(inner.parts) - len(mount.parts) + 1]
        found += [quota for folder in folders if (quota := read(folder)) is not None]
    return min(found, default=None)


def _quota_2(folder: Path) -> float | None:
    return _share(folder / "cpu.max")


def _quota_1(folder: Path) -> float | None:
    return _share(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")


def _share(*files: Path) -> float | None:
    """Quota by period, both in microseconds; "max" and -1 stand for no limit."""
    try:
        quota, period = " ".join(file.read_text(encoding="ascii") for file in files).split()
        return float(quota) / float(period) if float(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def last_level_cache(cpus: Path = Path("/sys/devices/system/cpu")) -> int | None:
    """Bytes of all caches of the highest level together; None where Linux does not tell."""
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
        f"The machine's name {text!r} is not used: expected one line of at most {_LONGEST_LABEL} "
        f"characters. Give another with --machine NAME, or in the variable {LABEL}."
    )


def board(root: Path = Path("/")) -> str | None:
    """The name of the computer or its board; None where the system does not tell it.

    Single-board computers have it in the device tree, PCs in their firmware, Macs as hw.model.
    """
    told = _read(root / "proc/device-tree/model") or _firmware(root / "sys/class/dmi/id")
    return told or _sysctl("hw.model")


def _firmware(folder: Path) -> str | None:
    """Maker and product, or maker and board where the product has no name."""
    maker = _read(folder / "sys_vendor") or ""
    for name in ("product_name", "board_name"):
        product = _read(folder / name)
        if product:
            return product if product.lower().startswith(maker.lower()) else f"{maker} {product}"
    return None


def _read(path: Path) -> str | None:
    """The one line of a file of the system; None where there is none, or it says nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    words = " ".join(text.replace("\0", " ").split())
    empty = words.lower() in _NO_NAME or words.lower().startswith("to be filled")
    return None if empty else words


def _sysctl(name: str) -> str | None:
    """What macOS says under a name; None elsewhere."""
    if platform.system() != "Darwin":
        return None
    return _said(["/usr/sbin/sysctl", "-n", name])


@cache
def gpus() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs; none where their driver's tool is missing or fails."""
    told = _said(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    return tuple(line.strip() for line in (told or "").splitlines() if line.strip())


def _said(command: list[str]) -> str | None:
    """What a program of the system prints; None if it is missing, fails or hangs."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed commands, nothing of a user in them
            command, capture_output=True, check=True, text=True, timeout=_NVIDIA_SECONDS
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def operating_system() -> str:
    """Name and version: "Ubuntu 24.04", "macOS 14.5"; the kernel's where nothing else is told."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        return f"{platform.system()} {platform.release()}"
    return f"{told['NAME']} {told.get('VERSION_ID', '')}".strip()


def cpu_model() -> str:
    """The processor's own name, where the system tells it."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
