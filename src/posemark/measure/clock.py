"""The only reader of a clock."""

from datetime import UTC, datetime
from math import inf
from time import perf_counter_ns, sleep

from posemark.core.stages import POSE_STAGES, STAGES

__all__ = ["POSE_STAGES", "STAGES", "Budget", "StageClock", "now_ns", "rest", "utc_now"]


def now_ns() -> int:
    """Monotonic nanoseconds; processes of one machine share the origin."""
    return perf_counter_ns()


def rest(nanoseconds: int) -> None:
    """Do nothing for a while, as an application that waits for its camera."""
    sleep(nanoseconds / 1e9)


class StageClock:
    """Integer nanoseconds by stage for one frame after another.

    A lap runs from the end of the lap before it, so no time between two stages is lost; what
    stages do not cover, between the last lap and stop(), is the harness's own.
    """

    def __init__(self) -> None:
        self.stages: dict[str, int] = dict.fromkeys(STAGES, 0)
        self._begin = self._last = 0

    def start(self) -> None:
        """Begin a frame with an empty ledger."""
        self.stages = dict.fromkeys(STAGES, 0)
        self._begin = self._last = perf_counter_ns()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap to a stage."""
        now = perf_counter_ns()
        self.stages[stage] += now - self._last
        self._last = now

    def stop(self) -> int:
        """Nanoseconds since start()."""
        return perf_counter_ns() - self._begin


class Budget:
    """Seconds that may pass before a run ends; None for no limit."""

    def __init__(self, seconds: float | None) -> None:
        self._ends = None if seconds is None else perf_counter_ns() + int(seconds * 1e9)

    def used_up(self) -> bool:
        """Whether the time is over."""
        return self.left <= 0

    @property
    def left(self) -> float:
        """Seconds until it is over; below zero afterwards, infinite without a limit."""
        return inf if self._ends is None else (self._ends - perf_counter_ns()) / 1e9


def utc_now() -> str:
    """The wall-clock time, for the record's header only."""
    return datetime.now(UTC).isoformat(timespec="seconds")
