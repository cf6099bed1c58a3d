"""Times fixed work: how much of it a machine does per second."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Annotated

from msgspec import Meta

from posemark.machine.fixed_work import Work
from posemark.measure.clock import now_ns

TRIALS = 4
"""Number of timed calls in a trial; the shortest counts."""

LONGEST_NS = 60_000_000
"""If a trial took longer (nanoseconds), larger work of the same kind is not tried."""

SAMPLE_NS = 25_000_000
"""Duration of a sample in nanoseconds: work is repeated, so that starting threads counts little."""

FEWEST_ROUNDS = 5
"""Smallest number of samples of each work."""


@dataclass(frozen=True)
class Rate:
    """How fast a machine does one kind of work.

    Attributes:
        per_second: Multiply-accumulates or bytes per second: the median of all samples.
        spread: Distance between the quartiles, as a fraction of the median.
        how: Description of the work that reached this rate.
    """

    per_second: Annotated[float, Meta(gt=0, le=1e18)]
    spread: Annotated[float, Meta(ge=0, le=1e18)]
    how: str


def fastest(works: Iterable[Work]) -> Work | None:
    """Find the work with the highest rate in a short trial.

    Args:
        works: The candidates, in order of increasing amount. The search stops at the first one
            that takes long.

    Returns:
        The fastest work; None if there are no candidates.
    """
    best: tuple[float, Work] | None = None
    for work in works:
        duration_ns = _trial_ns(work)
        rate = work.amount / duration_ns
        if best is None or rate > best[0]:
            best = rate, work
        if duration_ns > LONGEST_NS:
            break
    return best and best[1]


def _trial_ns(work: Work) -> int:
    """The shortest of a few times. It only serves to choose, so disturbances must not count."""
    work.do()  # the first call builds kernels and loads memory
    return min(_duration_ns(work, 1) for _ in range(TRIALS))


def _duration_ns(work: Work, times: int) -> int:
    before = now_ns()
    for _ in range(times):
        work.do()
    return max(1, now_ns() - before)


def rates(
    works: Mapping[str, Work], seconds: float, progress: Callable[[float], object]
) -> dict[str, Rate]:
    """Measure the rate of each work. They take turns, so that drift affects all alike.

    Args:
        works: The works by name.
        seconds: Duration of all sampling together; each work gets at least FEWEST_ROUNDS samples.
        progress: Called after each round with the finished share, 0..1.

    Returns:
        The rates by name.
    """
    times = {name: max(1, round(SAMPLE_NS / _trial_ns(work))) for name, work in works.items()}
    samples: dict[str, list[float]] = {name: [] for name in works}
    begun, rounds, done = now_ns(), 0, 0.0
    while rounds < FEWEST_ROUNDS or done < 1:
        for name, work in works.items():
            work.do()  # the previous work has displaced this one's data from the caches
            duration_ns = _duration_ns(work, times[name])
            samples[name].append(work.amount * times[name] * 1e9 / duration_ns)
        rounds += 1
        done = (now_ns() - begun) / (seconds * 1e9) if seconds else 1.0
        progress(min(1.0, done, rounds / FEWEST_ROUNDS))
    return {name: _rate(samples[name], work.what) for name, work in works.items()}


def _rate(samples: list[float], how: str) -> Rate:
    low, middle, high = quantiles(samples, n=4)
    return Rate(middle, (high - low) / middle, how)
