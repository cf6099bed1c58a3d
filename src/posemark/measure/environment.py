"""The machine and the software that a figure was measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

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


def environment() -> dict[str, Any]:
    """CPU, memory, operating system, Python and library versions.

    cores: that this process may use; cpus: that the machine has. waiting: what is set of how the
    threads of OpenMP wait.
    """
    return {
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
    for cache in cpus.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            level, shared, size = (
                (cache / name).read_text(encoding="ascii").strip()
                for name in ("level", "shared_cpu_list", "size")
            )
        except OSError:
            continue
        found.setdefault(int(level), {})[shared] = int(size.removesuffix("K")) * 1024
    return sum(found[max(found)].values()) if found else None


def cpu_model() -> str:
    """The processor's own name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
