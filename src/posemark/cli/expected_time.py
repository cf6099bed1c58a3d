"""How long a run will take: said before it starts, while it runs, and in words people use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posemark.run.measurement import Standing

LONG_SECONDS = 3600.0
"""Whoever starts a longer run without a limit is shown shorter ones."""

NIGHT_SECONDS = 10 * 3600.0
"""What a run that would take days is cut to; one of hours is cut to LONG_SECONDS."""

_UNITS = (("day", 86400), ("hour", 3600), ("min", 60), ("s", 1))


def in_words(seconds: float) -> str:
    """Rounded to one unit, as a guess should be: 340_000 -> "4 days", 75 -> "75 s"."""
    for unit, size in _UNITS[:-1]:
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}{'' if unit == 'min' else 's'}"
    return f"{max(1, round(seconds))} s"


@dataclass(frozen=True)
class Plan:
    """What was asked for, as far as it decides how long a run takes.

    entries: of the whole run. frames: of the data, for each. ends: the user gave an end other
    than that of the data. until: the run may end earlier than expected. time: seconds that all
    entries share.
    """

    entries: int
    frames: int
    ends: bool
    until: bool
    time: float | None


def announcement(plan: Plan, standings: Mapping[int, "Standing"], unable: list[str]) -> list[str]:
    """What is said when the networks are built, before the first block.

    standings: of the entries that are ready, by place. unable: names of those that the common
    time cannot carry to an interval.
    """
    if plan.time is not None:
        return _shared(plan, unable)
    seconds = total_seconds(standings)
    if seconds is None:
        return []
    some = f" for {len(standings)} of {plan.entries} entries" * (len(standings) < plan.entries)
    lines = [f"expected: {'at most ' * plan.until}about {in_words(seconds)}{some}"]
    return lines + _shorter(plan, seconds)


def total_seconds(standings: Mapping[int, "Standing"]) -> float | None:
    """Until the ends of all of them; None where one has no end."""
    left = [standing.seconds_left for standing in standings.values()]
    known = [seconds for seconds in left if seconds is not None]
    return sum(known) if len(known) == len(left) else None


def _shared(plan: Plan, unable: list[str]) -> list[str]:
    from posemark.measure.speed_interval import FEWEST_BLOCKS

    lines = [f"expected: {in_words(plan.time or 0)} in all, as --within says"]
    if unable:
        names = ", ".join(unable)
        lines.append(f"too little time for {FEWEST_BLOCKS} blocks of: {names}")
    return lines


def _shorter(plan: Plan, seconds: float) -> list[str]:
    """Ends that fit better, where the user gave none and the run would take long."""
    if plan.ends or plan.until or seconds <= LONG_SECONDS:
        return []
    most = NIGHT_SECONDS if seconds > NIGHT_SECONDS else LONG_SECONDS
    limit = round_limit(plan.frames * most / seconds)
    frames = f"all {plan.frames:,} frames of each entry are measured"
    shares = "--within 1h shares one hour among the entries"
    if not limit:
        return [f"{frames}; {shares}"]
    shorter = in_words(seconds * limit / plan.frames)
    return [f"{frames}; --limit {limit} takes about {shorter}, {shares}"]


def round_limit(most: float) -> int:
    """The largest of 10, 20, 50, 100, ... that is not above `most`; 0 if none is."""
    found, power = 0, 10
    while power <= most:
        found = max(step * power for step in (1, 2, 5) if step * power <= most)
        power *= 10
    return found
