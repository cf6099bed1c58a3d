"""Reads the limits that the control groups of Linux set for this process.

Containers, services and job schedulers limit CPU time and memory by them. A limit may be set for
the group of the process and for each group around it, in one of two versions of the files.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple


class Group(NamedTuple):
    """A control group of this process.

    Attributes:
        folder: its files, which need not exist.
        version: 1 or 2, which have files of different names.
    """

    folder: Path
    version: int

    def stats(self, name: str) -> dict[str, str]:
        """Return the values by name in a file such as cpu.stat; nothing if there is no such file.

        Raises:
            ValueError: if a line is not a name and a value.
        """
        return dict(line.split() for line in _lines(self.folder / name))


def groups(controller: str, root: Path = Path("/")) -> Iterator[Group]:
    """Yield the control groups of this process, each before those around it.

    In a container, paths may be those of the host and not exist; the group that is mounted is then
    the last one.

    Args:
        controller: what is limited: "cpu" or "memory".
        root: the root of the file system.
    """
    mounts = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        # Version 2 lists no controllers here and has one tree; version 1 has one tree for each.
        tree = mounts / controllers
        tree = tree if tree.is_dir() else mounts / controller
        around = PurePosixPath(path)
        for level in (around, *around.parents):
            yield Group(tree / str(level).lstrip("/"), 1 if controllers else 2)


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the least quota of CPU time, in seconds per second; None without a limit.

    Args:
        root: the root of the file system.
    """
    found = (_quota(group) for group in groups("cpu", root))
    return min((quota for quota in found if quota is not None), default=None)


def free_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that the tightest memory limit leaves; None without a limit.

    Files that the system keeps in memory count as used there, but those that were not read
    recently make room at once, so they count as free.

    Args:
        root: the root of the file system.
    """
    found = (_free(group) for group in groups("memory", root))
    return min((free for free in found if free is not None), default=None)


def _quota(group: Group) -> float | None:
    """Return quota / period, both in microseconds; None for "max" and -1, which set no limit."""
    names = ("cpu.max",) if group.version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    try:
        quota, period = " ".join(_text(group.folder / name) for name in names).split()
        return float(quota) / float(period) if float(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _free(group: Group) -> int | None:
    """Return what a group may still use; None if it has no limit ("max")."""
    limit, used, cache = _MEMORY[group.version]
    try:
        most, now = (int(_text(group.folder / name)) for name in (limit, used))
        return max(0, most - now + int(group.stats("memory.stat").get(cache, 0)))
    except (OSError, ValueError):
        return None


_MEMORY = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
"""By version, the files with the limit and the use, and the line of memory.stat with old files."""


def _text(file: Path) -> str:
    return file.read_text(encoding="ascii")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
