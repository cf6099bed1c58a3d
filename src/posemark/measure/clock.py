"""Reads the clock; no other module that measures does."""

from datetime import UTC, datetime
from math import inf
from time import perf_counter_ns, sleep

from posemark.core.stages import POSE_STAGES, STAGES

__all__ = ["POSE_STAGES", "STAGES", "Budget", "StageClock", "now_ns", "rest", "utc_now"]


def now_ns() -> int:
    """Return monotonic nanoseconds; all processes of a machine share the origin."""
    return perf_counter_ns()


def rest(nanoseconds: int) -> None:
    """Sleep, as an application does that waits for its camera."""
    sleep(nanoseconds / 1e9)


class StageClock:
    """Measures integer nanoseconds by stage, for one frame after another.

    A lap begins where the previous lap ended, so no time between two stages is lost. The time
    between the last lap and stop() belongs to no stage; it is overhead of the harness.

    Attributes:
        stages: nanoseconds of the current frame by stage.
        began_ns: monotonic time at which the current frame began.
    """

    def __init__(self) -> None:
        self.stages: dict[str, int] = dict.fromkeys(STAGES, 0)
        self.began_ns = self._last = 0

    def start(self) -> None:
        """Begin a frame with all stages at zero."""
        self.stages = dict.fromkeys(STAGES, 0)
        self.began_ns = self._last = perf_counter_ns()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to a stage."""
        now = perf_counter_ns()
        self.stages[stage] += now - self._last
        self._last = now

    def stop(self) -> int:
        """Return the nanoseconds since start()."""
        return perf_counter_ns() - self.began_ns


class Budget:
    """A limit on the duration of a run, from now on.

    Args:
        seconds: the limit; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._ends = None if seconds is None else perf_counter_ns() + int(seconds * 1e9)

    def used_up(self) -> bool:
        """Return whether the time is over."""
        return self.left <= 0

    @property
    def left(self) -> float:
        """Return the remaining seconds; negative afterwards, infinite without a limit."""
        return inf if self._ends is None else (self._ends - perf_counter_ns()) / 1e9


def utc_now() -> str:
    """Return the date and time in UTC (ISO 8601), for the record's header only."""
    return datetime.now(UTC).isoformat(timespec="seconds")
