"""Reads the activity of the machine while a block of frames runs.

A reading that the platform does not provide, or whose sensor fails, is None: a zero would mean
that nothing happened.
"""

import platform
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil

from posemark.board.models import has_device_tree
from posemark.board.thermal import highest_plausible, hottest
from posemark.board.throttling import Throttles
from posemark.measure import control_groups, energy
from posemark.measure.clock import now_ns

T = TypeVar("T")

_FAILURES = (OSError, RuntimeError, ValueError, LookupError, AttributeError)
"""Exceptions of a sensor that is missing, not permitted, not supported, or has invalid content."""

_BUSY = ("user", "nice", "system", "irq", "softirq")
"""CPU times in which a core works: neither idle nor waiting for a disk. user includes guests."""


@dataclass(frozen=True)
class Readings:
    """The readings of one block; records.schema.BlockLine explains them.

    held_ns is a sum over cores, like the CPU times, so it can exceed wall_ns.
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
    """The clock and CPU times, read together at the beginning or end of a block."""

    wall_ns: int
    own: resource.struct_rusage
    busy_ns: int | None
    stolen_ns: int | None


@dataclass(frozen=True)
class _Counts:
    held_ns: int | None
    throttles: int | None
    joules: dict[str, float]


class Sensors(Protocol):
    """What a system says of the whole machine. A method may raise, if a sensor fails."""

    def cpu_ns(self) -> tuple[int, int | None] | None:
        """Return the busy and the stolen time of all cores since boot; None if unknown."""
        ...

    def mhz(self) -> float | None:
        """Return the mean clock frequency of the cores; None if unknown."""
        ...

    def celsius(self) -> float | None:
        """Return the temperature of the hottest sensor; None if unknown."""
        ...


class BlockWatch:
    """Reads counters before and after a block: start(), the block, stop().

    Args:
        root: the root of the file system.
        sensors: the readings of the whole machine.
        counters: the energy counters.
        now: returns monotonic nanoseconds.
    """

    def __init__(
        self,
        root: Path,
        sensors: Sensors,
        counters: Sequence[energy.Counter],
        now: Callable[[], int] = now_ns,
    ) -> None:
        self._sensors, self._counters = sensors, counters
        self._quotas = _reading(lambda: list(_quotas(root))) or []
        self._throttles = Throttles(root)
        self._now = now
        self.start()

    def start(self) -> None:
        """Begin a block; times are read last, so that reading the counters is not part of it."""
        self._counts = self._read_counts()
        self._throttles.restart()
        self._times = self._read_times()

    def sample(self) -> None:
        """Sample power and limits between frames, which makes energy and events more exact."""
        _reading(self._throttles.sample)
        for counter in self._counters:
            _reading(counter.sample)

    def stop(self) -> Readings:
        """Return the readings since start(); times are read first."""
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
            mhz=_reading(self._sensors.mhz),
            celsius=_reading(self._sensors.celsius),
            throttles=_rise(before.throttles, counts.throttles),
            energy_j={
                name: joules - before.joules[name]
                for name, joules in counts.joules.items()
                if name in before.joules
            },
            peak_rss=_peak_rss(times.own),
        )

    def _read_times(self) -> _Times:
        busy, stolen = _reading(self._sensors.cpu_ns) or (None, None)
        return _Times(self._now(), resource.getrusage(resource.RUSAGE_SELF), busy, stolen)

    def _read_counts(self) -> _Counts:
        joules = {counter.name: _reading(counter.joules) for counter in self._counters}
        return _Counts(
            _reading(lambda: _sum(quota() for quota in self._quotas)),
            _reading(self._throttles.count),
            {name: known for name, known in joules.items() if known is not None},
        )


class Watch(BlockWatch):
    """Reads counters of this machine before and after a block: start(), the block, stop().

    Args:
        root: the root of the file system.
        counters: the energy counters; None for those of this machine.
        now: returns monotonic nanoseconds.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        counters: Sequence[energy.Counter] | None = None,
        now: Callable[[], int] = now_ns,
    ) -> None:
        known = energy.counters(root) if counters is None else counters
        super().__init__(root, PsutilSensors(root), known, now)


class PsutilSensors:
    """The sensors of the whole machine that psutil knows, on every system.

    Args:
        root: the root of the file system, from which the temperatures of a board are read.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def cpu_ns(self) -> tuple[int, int | None] | None:
        """Return the busy and the stolen time of all cores since boot; None if all are zero.

        Some sandboxes have a /proc/stat that only holds zeros. Time is stolen by a hypervisor.
        """
        times: Any = psutil.cpu_times()
        if not any(times):
            return None
        busy = sum(getattr(times, name, 0) for name in _BUSY)
        stolen = getattr(times, "steal", None)
        return int(busy * 1e9), None if stolen is None else int(stolen * 1e9)

    def mhz(self) -> float | None:
        """Return the mean clock frequency of the cores; None if unknown."""
        clock: Any = psutil.cpu_freq()
        return clock.current or None

    def celsius(self) -> float | None:
        """Return the temperature of the hottest sensor; None if unknown."""
        if has_device_tree(self._root):
            return hottest(self._root)
        sensors: dict[str, list[Any]] = psutil.sensors_temperatures()
        return highest_plausible(s.current for group in sensors.values() for s in group)


def _reading(sensor: Callable[[], T]) -> T | None:
    """Return the reading of a sensor; None if the sensor fails."""
    try:
        return sensor()
    except _FAILURES:
        return None


def _rise(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)


def _sum(counts: Iterator[int]) -> int | None:
    """Return the sum; None without any counter, which is not the same as zero."""
    numbers = list(counts)
    return sum(numbers) if numbers else None


def _cpu_ns(usage: resource.struct_rusage) -> int:
    return int((usage.ru_utime + usage.ru_stime) * 1e9)


def _peak_rss(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if platform.system() == "Darwin" else 1024)


def _quotas(root: Path) -> Iterator[Callable[[], int]]:
    """Yield, for each cgroup of this process with CPU statistics, a reader of its held time, ns.

    A quota may be set on the process's own group and on any of its parents; each has a counter.
    """
    for group in control_groups.groups("cpu", root):
        key, unit = ("throttled_time", 1) if group.version == 1 else ("throttled_usec", 1000)
        if key in group.stats(_CPU):
            yield _Quota(group, key, unit)


@dataclass(frozen=True)
class _Quota:
    group: control_groups.Group
    key: str
    unit: int

    def __call__(self) -> int:
        return int(self.group.stats(_CPU)[self.key]) * self.unit


_CPU = "cpu.stat"
"""The file of a control group with its counters of CPU time."""
