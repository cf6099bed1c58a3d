"""Estimates how long a run will take, before it starts and while it runs, in everyday words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posemark.measure.clock import now_ns

if TYPE_CHECKING:
    from posemark.run.measurement import Standing

LONG_SECONDS = 3600.0
"""If a run without a limit will take longer than this, shorter alternatives are printed."""

NIGHT_SECONDS = 10 * 3600.0
"""Duration that is suggested for a run of more than ten hours; for others, it is LONG_SECONDS."""

_UNITS = (("day", 86400), ("hour", 3600), ("min", 60), ("s", 1))


def in_words(seconds: float) -> str:
    """A duration rounded to one unit, since it is a guess: 340_000 -> "4 days", 75 -> "75 s"."""
    for unit, size in _UNITS[:-1]:
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}{'' if unit == 'min' else 's'}"
    return f"{max(1, round(seconds))} s"


class Pace:
    """The rate of images, from the first ones that were finished: before, workers start."""

    def __init__(self) -> None:
        self._began_ns, self._first = 0, 0

    def after(self, done: int, left: int) -> str:
        """The rate so far, and the time that the other images will take at this rate.

        Args:
            done: Number of images that are finished.
            left: Number of images that are not finished.
        """
        if not self._began_ns:
            self._began_ns, self._first = now_ns(), done
        seconds, since = (now_ns() - self._began_ns) / 1e9, done - self._first
        if not since:
            return "time left unknown"
        return f"{since / seconds:.3g} images/s, about {in_words(left * seconds / since)} left"


@dataclass(frozen=True)
class Plan:
    """The parts of a request that decide how long a run takes.

    Attributes:
        entries: Number of entries in the whole run.
        frames: Number of frames of the data, for each entry.
        ends: Whether the user limited the run: by frames or by seconds per entry.
        until: Whether the run may end earlier than expected, at a given precision.
        time: Seconds that all entries share, if the user gave them.
    """

    entries: int
    frames: int
    ends: bool
    until: bool
    time: float | None


def announcement(plan: Plan, standings: Mapping[int, "Standing"], unable: list[str]) -> list[str]:
    """The lines that are printed once the networks are built, before the first block.

    Args:
        plan: What the user asked for.
        standings: Progress of the entries that are ready, by their place in the run.
        unable: Names of entries for which the shared time is too short to give an interval.
    """
    if plan.time is not None:
        return _shared_time(plan, unable)
    seconds = total_seconds(standings)
    if seconds is None:
        return []
    some = f" for {len(standings)} of {plan.entries} entries" * (len(standings) < plan.entries)
    lines = [f"expected: {'at most ' * plan.until}about {in_words(seconds)}{some}"]
    return lines + _shorter_runs(plan, seconds)


def total_seconds(standings: Mapping[int, "Standing"]) -> float | None:
    """Seconds until all entries have ended; None if one of them has no end."""
    left = [standing.seconds_left for standing in standings.values()]
    known = [seconds for seconds in left if seconds is not None]
    return sum(known) if len(known) == len(left) else None


def _shared_time(plan: Plan, unable: list[str]) -> list[str]:
    from posemark.measure.speed_interval import FEWEST_BLOCKS

    lines = [f"expected: {in_words(plan.time or 0)} in all, as given by --within"]
    if unable:
        names = ", ".join(unable)
        lines.append(f"the time is too short for {FEWEST_BLOCKS} blocks of: {names}")
    return lines


def _shorter_runs(plan: Plan, seconds: float) -> list[str]:
    """Suggest shorter runs if the user set no limit and the run would take long."""
    if plan.ends or plan.until or seconds <= LONG_SECONDS:
        return []
    most = NIGHT_SECONDS if seconds > NIGHT_SECONDS else LONG_SECONDS
    limit = round_limit(plan.frames * most / seconds)
    frames = f"all {plan.frames:,} frames of each entry are measured"
    shares = "--within 1h divides one hour among the entries"
    if not limit:
        return [f"{frames}; {shares}"]
    shorter = in_words(seconds * limit / plan.frames)
    return [f"{frames}; --limit {limit} takes about {shorter}, {shares}"]


def round_limit(most: float) -> int:
    """The largest of 10, 20, 50, 100, ... that is at most `most`; 0 if `most` is below 10."""
    found, power = 0, 10
    while power <= most:
        found = max(step * power for step in (1, 2, 5) if step * power <= most)
        power *= 10
    return found
