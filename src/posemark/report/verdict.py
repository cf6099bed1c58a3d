"""What the speed of a result is worth, judged from the record alone, with figures as evidence."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, sqrt
from statistics import median
from typing import Any

from posemark.measure import PROTOCOL
from posemark.measure.contention import MOST_TAKEN, TAKEN, share
from posemark.measure.speed_interval import (
    FEWEST_BLOCKS,
    MOST_HALF_WIDTH,
    Interval,
    block_times,
    student_t,
)
from posemark.measure.wall_time import timed_blocks
from posemark.records.files import Record
from posemark.records.schema import BlockLine
from posemark.report.formats import counted, percent, plus_minus, three_digits
from posemark.report.result_row import Verdict

MOST_SENTINEL_SPREAD = 0.25
"""Limit of how far the sentinel's p90 may exceed its median, as a share of the median. The
sentinel does the same work each time: on an idle machine it varies by a few per cent."""

MOST_DRIFT = 0.03
"""Limit of the change from the first third of the blocks to the last, as a share: a smaller one
would not be noticed in a table."""

MOST_CLOCK_FALL = 0.05
"""Limit of the fall of the mean clock from the first to the last third, as a share. Idle cores
change the mean by less."""

MOST_FAULTS = 1.0
"""Limit of pages read from disk per frame. A network that stays in memory needs none."""

_FEWEST_IN_THIRD = 4  # blocks from which the noise of a third can be estimated
_CERTAINTY = 0.999  # one-sided: one of 500 steady series seems to drift, up or down
_OF_MAD = 1.4826  # standard deviation of a normal distribution over its median deviation
_OF_MEDIAN = sqrt(pi / 2)  # standard error of a median over that of a mean

_SENSORS = {
    "other_cpu_ns": "other processes' CPU time",
    "stolen_ns": "stolen CPU time",
    "mhz": "clock",
    "celsius": "temperature",
    "throttles": "thermal throttling",
}


@dataclass(frozen=True)
class _Finding:
    """The outcome of one check. kind: the verdict if it is bad."""

    kind: str
    text: str
    bad: bool


def _within(kind: str, text: str, value: float, most: float) -> _Finding:
    """A finding that is bad above a limit, and then states the limit."""
    bad = value > most
    return _Finding(kind, f"{text} (limit {100 * most:g}%)" if bad else text, bad)


@dataclass(frozen=True)
class _Change:
    """The change from the first third of a series to its last, as a share of its median.

    noise: the change that chance alone can explain.
    """

    share: float
    noise: float

    @property
    def drifts(self) -> bool:
        return abs(self.share) > max(MOST_DRIFT, self.noise)


@dataclass(frozen=True)
class _Run:
    """A record and the figures that the checks use."""

    record: Record
    interval: Interval | None

    @cached_property
    def readings(self) -> list[BlockLine]:
        return [block.readings for block in self.record.blocks if block.readings]

    @cached_property
    def frames(self) -> _Change | None:
        """Change of measured over expected time: more or fewer people are no drift."""
        expected, measured = block_times(timed_blocks(self.record))
        known = expected > 0
        return _change((measured[known] / expected[known]).tolist())

    def values(self, name: str) -> list[Any]:
        """The values of one reading, from all blocks that have it."""
        values = (getattr(each, name) for each in self.readings)
        return [value for value in values if value is not None]


def judge(record: Record, interval: Interval | None) -> Verdict:
    """Judge the speed of a record: the first check of _CHECKS that it fails gives the verdict.

    Args:
        record: the record.
        interval: of the relative speed, as measure.speed_interval.pose_interval gives it for
            timed_blocks(record); None where there is none.

    Returns:
        The verdict. Its evidence lists the failed checks first, then those that passed, then what
        is not known.
    """
    run = _Run(record, interval)
    findings = [finding for check in _CHECKS for finding in check(run)]
    bad = [each for each in findings if each.bad]
    fine = [each.text for each in reversed(findings) if not each.bad]  # the interval first
    kind = bad[0].kind if bad else "valid"
    return Verdict(kind, (*(each.text for each in bad), *fine, *_context(run)))


def _comparability(run: _Run) -> Iterable[_Finding]:
    header = run.record.header
    if header.protocol != PROTOCOL:
        text = f"measured by protocol {header.protocol}, but this version uses protocol {PROTOCOL}"
        yield _Finding("incomparable", text, bad=True)
    before = _lasting(header.environment)
    for resumed in run.record.resumed:
        after = _lasting(resumed.environment)
        if after != before:
            changes = _differences(before, after)
            yield _Finding("incomparable", f"resumed in another environment: {changes}", bad=True)


_MEASURED = ("ceiling", "at_start")
"""Parts of an environment that are measured: the peak of a machine, the readings of a board."""


def _lasting(environment: dict[str, object]) -> dict[str, object]:
    """An environment without what is measured, which differs at every start."""
    return {name: value for name, value in environment.items() if name not in _MEASURED}


def _differences(before: dict[str, object], after: dict[str, object]) -> str:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return "; ".join(f"{name} was {before.get(name)}, is {after.get(name)}" for name in names)


def _heat(run: _Run) -> Iterable[_Finding]:
    events, clock = run.values("throttles"), _change(run.values("mhz"))
    if events:
        text = f"the machine counted {counted(sum(events), 'throttle event')}"
        yield _Finding("throttled", text, bad=sum(events) > 0)
    if clock:
        slower = run.frames.share if run.frames else 0.0
        bad = clock.share < -MOST_CLOCK_FALL and slower > MOST_DRIFT
        text = f"the clock moved by {_signed(clock.share)} from the first third of the blocks to "
        text += f"the last, the time of frames by {_signed(slower)}" if bad else "the last"
        yield _Finding("throttled", text, bad)


def _contention(run: _Run) -> Iterable[_Finding]:
    for name, most in MOST_TAKEN.items():
        taken = share(run.record, name)
        if taken is not None:
            yield _within("contended", TAKEN[name].format(percent(taken)), taken, most)
    if len(run.readings) >= FEWEST_BLOCKS:  # _precision says that fewer are too few
        yield _sentinel_spread([each.sentinel_ns for each in run.readings])


def _sentinel_spread(nanoseconds: Sequence[int]) -> _Finding:
    """How far the sentinel's p90 exceeds its median.

    The rank of p90 is rounded down, so that one slow block among few does not decide. From
    FEWEST_BLOCKS values on it is never below the median.
    """
    usual, ordered = median(nanoseconds), sorted(nanoseconds)
    spread = ordered[int(0.9 * (len(ordered) - 1))] / usual - 1
    text = (
        f"sentinel {three_digits(usual / 1e6)} ms, p90 {percent(spread)} above its median over "
        f"{counted(len(ordered), 'block')}"
    )
    return _within("contended", text, spread, MOST_SENTINEL_SPREAD)


def _drift(run: _Run) -> Iterable[_Finding]:
    sentinel = _change([each.sentinel_ns for each in run.readings])
    for what, change in (("frames", run.frames), ("the sentinel", sentinel)):
        if change:
            longer = "longer" if change.share > 0 else "shorter"
            text = f"{what} took {percent(abs(change.share))} {longer} in the last third of the "
            text += "blocks than in the first"
            if change.drifts:
                limits = f"limit {100 * MOST_DRIFT:g}%, chance explains {percent(change.noise)}"
                text += f" ({limits})"
            yield _Finding("drifting", text, change.drifts)


def _change(values: Sequence[float]) -> _Change | None:
    """The change between the medians of both thirds; None with too few values to estimate noise.

    Noise is estimated from the median deviation, so that a few outliers do not hide a drift.
    """
    size = len(values) // 3
    if size < _FEWEST_IN_THIRD:
        return None
    first, last = values[:size], values[-size:]
    spread = _OF_MAD * median(_deviations(first) + _deviations(last)) * size / (size - 1)
    noise = student_t(_CERTAINTY, 2 * size - 2) * _OF_MEDIAN * spread * sqrt(2 / size)
    usual = median(values)
    return _Change((median(last) - median(first)) / usual, noise / usual)


def _deviations(values: Sequence[float]) -> list[float]:
    usual = median(values)
    return [abs(value - usual) for value in values]


def _precision(run: _Run) -> Iterable[_Finding]:
    count = len(timed_blocks(run.record))
    blocks = counted(count, "block")
    if count < FEWEST_BLOCKS:
        text = f"only {blocks} ({FEWEST_BLOCKS} are needed for an interval)"
        yield _Finding("noisy", text, bad=True)
    elif run.interval is None:
        yield _Finding("noisy", "no time was measured", bad=True)
    else:
        text = f"interval {plus_minus(run.interval.half_width)} over {blocks}"
        yield _within("noisy", text, run.interval.half_width, MOST_HALF_WIDTH)


_CHECKS: tuple[Callable[[_Run], Iterable[_Finding]], ...] = (
    _comparability,
    _heat,
    _contention,
    _drift,
    _precision,
)
"""The checks in order: a failure of one makes the later ones meaningless."""


def _context(run: _Run) -> Iterable[str]:
    """Facts that do not decide the verdict, and readings that this platform does not have."""
    faults, preempted, celsius = (
        run.values(name) for name in ("major_faults", "preempted", "celsius")
    )
    frames = max(1, sum(each.frames for each in run.readings))
    if sum(faults) > MOST_FAULTS * frames:
        pages = three_digits(sum(faults) / frames)
        yield f"memory pressure: {pages} pages read from disk per frame"
    settings = run.record.header.settings
    yield f"ran on {settings.device}, {settings.runtime} {settings.precision}"
    if preempted:
        yield f"preempted {three_digits(sum(preempted) / frames)} times per frame"
    if celsius:
        yield f"hottest sensor {max(celsius):.0f} °C"
    absent = [text for name, text in _SENSORS.items() if not run.values(name)]
    if absent and run.readings:
        yield f"this platform does not report: {', '.join(absent)}"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}%"
