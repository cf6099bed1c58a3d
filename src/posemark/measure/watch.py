"""What the machine did while a block of frames ran.

A figure that the platform does not tell, or that a sensor fails to give, is None: a zero would
say that nothing happened.
"""

import platform
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import psutil

from posemark.measure import energy
from posemark.measure.clock import now_ns

T = TypeVar("T")

_FAILURES = (OSError, RuntimeError, ValueError, LookupError, AttributeError)
"""Of a sensor: no such file, no permission, not made for this system, nonsense in a file."""

_BUSY = ("user", "nice", "system", "irq", "softirq")
"""What a core did for somebody; neither idle nor waiting for a disk. Guests are in user."""

_PLAUSIBLE_CELSIUS = (0.0, 150.0)
"""A sensor that is not connected says -128, 0 or 255."""


@dataclass(frozen=True)
class Readings:
    """The figures of one block, as records.schema.BlockLine explains them.

    held_ns is a sum over cores, as the CPU times are: it can exceed wall_ns.
    """

    wall_ns: int
    own_cpu_ns: int | None = None
    other_cpu_ns: int | None = None
    stolen_ns: int | None = None
    held_ns: int | None = None
    major_faults: int | None = None
    preempted: int | None = None
    mhz: float | None = None
    celsius: float | None = None
    throttles: int | None = None
    energy_j: dict[str, float] = field(default_factory=dict[str, float])
    peak_rss: int | None = None


@dataclass(frozen=True)
class _Times:
    """The clock and CPU times, read together at the very edge of a block."""

    wall_ns: int
    own: resource.struct_rusage
    busy_ns: int | None
    stolen_ns: int | None


@dataclass(frozen=True)
class _Counts:
    held_ns: int | None
    throttles: int | None
    joules: dict[str, float]


class Watch:
    """Reads counters before and after a block: start(), the block, stop().

    root: of the file system. counters: of energy; those of this machine by default.
    now: nanoseconds.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        counters: Sequence[energy.Counter] | None = None,
        now: Callable[[], int] = now_ns,
    ) -> None:
        self._counters = energy.counters(root) if counters is None else counters
        self._quotas = _told(lambda: list(_quotas(root))) or []
        self._throttle_files = _throttle_files(root)
        self._now = now
        self.start()

    def start(self) -> None:
        """Begin a block; times are read last, so that the reading is not part of it."""
        self._counts = self._read_counts()
        self._times = self._read_times()

    def sample(self) -> None:
        """Between frames: makes the energy of sensors that know only power more exact."""
        for counter in self._counters:
            _told(counter.sample)

    def stop(self) -> Readings:
        """What happened since start(); times are read first."""
        times, began = self._read_times(), self._times
        counts, before = self._read_counts(), self._counts
        own = _cpu_ns(times.own) - _cpu_ns(began.own)
        busy = _rise(began.busy_ns, times.busy_ns)
        return Readings(
            wall_ns=times.wall_ns - began.wall_ns,
            own_cpu_ns=own,
            other_cpu_ns=None if busy is None else max(0, busy - own),
            stolen_ns=_rise(began.stolen_ns, times.stolen_ns),
            held_ns=_rise(before.held_ns, counts.held_ns),
            major_faults=times.own.ru_majflt - began.own.ru_majflt,
            preempted=times.own.ru_nivcsw - began.own.ru_nivcsw,
            mhz=_told(_mhz),
            celsius=_told(_celsius),
            throttles=_rise(before.throttles, counts.throttles),
            energy_j={
                name: joules - before.joules[name]
                for name, joules in counts.joules.items()
                if name in before.joules
            },
            peak_rss=_peak_rss(times.own),
        )

    def _read_times(self) -> _Times:
        busy, stolen = _told(_machine_cpu_ns) or (None, None)
        return _Times(self._now(), resource.getrusage(resource.RUSAGE_SELF), busy, stolen)

    def _read_counts(self) -> _Counts:
        joules = {counter.name: _told(counter.joules) for counter in self._counters}
        return _Counts(
            _told(lambda: _sum(quota() for quota in self._quotas)),
            _told(lambda: _sum(int(file.read_text()) for file in self._throttle_files)),
            {name: known for name, known in joules.items() if known is not None},
        )


def _told(sensor: Callable[[], T]) -> T | None:
    try:
        return sensor()
    except _FAILURES:
        return None


def _rise(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)


def _sum(counts: Iterator[int]) -> int | None:
    """None of none: there is nothing that counts."""
    numbers = list(counts)
    return sum(numbers) if numbers else None


def _cpu_ns(usage: resource.struct_rusage) -> int:
    return int((usage.ru_utime + usage.ru_stime) * 1e9)


def _peak_rss(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if platform.system() == "Darwin" else 1024)


def _machine_cpu_ns() -> tuple[int, int | None] | None:
    """Of all cores since boot: busy, and stolen by the hypervisor. None if all is zero.

    Some sandboxes have a /proc/stat in which nothing ever happened.
    """
    times: Any = psutil.cpu_times()
    if not any(times):
        return None
    busy = sum(getattr(times, name, 0) for name in _BUSY)
    stolen = getattr(times, "steal", None)
    return int(busy * 1e9), None if stolen is None else int(stolen * 1e9)


def _mhz() -> float | None:
    clock: Any = psutil.cpu_freq()
    return clock.current or None


def _celsius() -> float | None:
    sensors: dict[str, list[Any]] = psutil.sensors_temperatures()
    low, high = _PLAUSIBLE_CELSIUS
    found = [s.current for group in sensors.values() for s in group if low < s.current < high]
    return max(found, default=None)


def _quotas(root: Path) -> Iterator[Callable[[], int]]:
    """For each cgroup that holds this process and could hold it back: the time it did, ns.

    A quota may be set on any group around the process's own, each counts its own.
    """
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has no controllers here, and one tree; version 1 has a tree for each.
        key, unit = ("throttled_time", 1) if controllers else ("throttled_usec", 1000)
        around = PurePosixPath(group)
        for level in (around, *around.parents):
            file = root / "sys/fs/cgroup" / controllers / str(level).lstrip("/") / "cpu.stat"
            if any(stat.startswith(f"{key} ") for stat in _lines(file)):
                yield _Quota(file, key, unit)


@dataclass(frozen=True)
class _Quota:
    file: Path
    key: str
    unit: int

    def __call__(self) -> int:
        stats = dict(line.split() for line in self.file.read_text().splitlines())
        return int(stats[self.key]) * self.unit


def _lines(file: Path) -> list[str]:
    return (_told(file.read_text) or "").splitlines()


def _throttle_files(root: Path) -> list[Path]:
    """The thermal events of each core and each package (Intel), one file each.

    Every logical CPU has both files: those of one core, or of one package, count alike.
    """
    files: dict[tuple[str, ...], Path] = {}
    for cpu in sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*")):
        where = [_lines(cpu / "topology" / name) for name in ("physical_package_id", "core_id")]
        package, core = (lines[0] if lines else cpu.name for lines in where)
        files[package, core] = cpu / "thermal_throttle/core_throttle_count"
        files[(package,)] = cpu / "thermal_throttle/package_throttle_count"
    return [file for file in files.values() if file.is_file()]
