"""Timing fixed work: how much of it a machine does a second."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import quantiles

from posemark.machine.fixed_work import Work
from posemark.measure.clock import now_ns

TRIALS = 4
LONGEST_NS = 60_000_000
"""A trial that took longer is the last of its kind: on this machine larger ones only cost time."""

SAMPLE_NS = 25_000_000
"""Work is repeated for so long to be timed once, so that starting threads does not count."""

FEWEST_ROUNDS = 5


@dataclass(frozen=True)
class Rate:
    """How fast a machine does something.

    per_second: multiply-accumulates or bytes, the median of all samples. spread: the distance
    between the quartiles as a share of it. how: the work that attained it.
    """

    per_second: float
    spread: float
    how: str


def fastest(works: Iterable[Work]) -> Work | None:
    """The work with the highest rate in a short trial; they come from little to much."""
    best: tuple[float, Work] | None = None
    for work in works:
        took = _trial(work)
        rate = work.amount / took
        if best is None or rate > best[0]:
            best = rate, work
        if took > LONGEST_NS:
            break
    return best and best[1]


def _trial(work: Work) -> int:
    """The shortest of a few times: for a choice alone, which no disturbance should make."""
    work.do()  # the first time, kernels are made and memory is fetched
    return min(_took(work, 1) for _ in range(TRIALS))


def _took(work: Work, times: int) -> int:
    before = now_ns()
    for _ in range(times):
        work.do()
    return max(1, now_ns() - before)


def rates(
    works: Mapping[str, Work], seconds: float, told: Callable[[float], object]
) -> dict[str, Rate]:
    """The rate of each work, a sample each in turn, so that drift hits all alike.

    seconds: for all of them together; at least FEWEST_ROUNDS samples are taken of each.
    told: is given the share that is done, 0..1, after each round.
    """
    times = {name: max(1, round(SAMPLE_NS / _trial(work))) for name, work in works.items()}
    samples: dict[str, list[float]] = {name: [] for name in works}
    begun, rounds, done = now_ns(), 0, 0.0
    while rounds < FEWEST_ROUNDS or done < 1:
        for name, work in works.items():
            work.do()  # the work before this one has emptied the caches
            samples[name].append(work.amount * times[name] * 1e9 / _took(work, times[name]))
        rounds += 1
        done = (now_ns() - begun) / (seconds * 1e9) if seconds else 1.0
        told(min(1.0, done, rounds / FEWEST_ROUNDS))
    return {name: _rate(samples[name], work.what) for name, work in works.items()}


def _rate(samples: list[float], how: str) -> Rate:
    low, middle, high = quantiles(samples, n=4)
    return Rate(middle, (high - low) / middle, how)
