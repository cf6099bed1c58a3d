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
    """Cores this process may run on; fewer than the machine has inside some containers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
