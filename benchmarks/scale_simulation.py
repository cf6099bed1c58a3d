"""Simulates how long a very large set of images takes on 1 to 1,000 nodes that fail at times.

The time of a shard is drawn from measured ones, as many times as a larger shard has images. A node
that fails loses the shards that it was working on, comes back after a while, and the lost shards
are done again, the oldest first. One process hands out shards, each of which takes it a fixed time,
and all nodes read their images through one store of a limited bandwidth.

    python benchmarks/scale_simulation.py shards.csv --images 1e9 --workers 8
    python benchmarks/scale_simulation.py shards.csv --failures-per-day 0.5 --shard-images 50000

shards.csv has the columns images and seconds, one row per measured shard.
"""

import argparse
import csv
import heapq
import random
from bisect import bisect_right
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from statistics import fmean

NODES = (1, 10, 100, 1000)
DAY = 86_400.0


@dataclass(frozen=True)
class Plan:
    """What is simulated.

    Attributes:
        images: number of images.
        shard_images: images of one shard.
        workers: workers of a node, each of which does one shard at a time.
        failures_per_day: expected failures of one node in a day.
        away_seconds: time until a node that failed is back.
        start_seconds: time until a worker that begins is warm: its network is loaded.
        hand_out_seconds: time that handing out one shard takes the one process that does it.
        image_bytes: bytes of an image in the store.
        store_bytes: bytes per second that the store gives to all nodes together; 0: any number.
    """

    images: int = 1_000_000_000
    shard_images: int = 10_000
    workers: int = 8
    failures_per_day: float = 0.1
    away_seconds: float = 600.0
    start_seconds: float = 10.0
    hand_out_seconds: float = 0.005
    image_bytes: float = 160_000.0
    store_bytes: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """How a simulated run went.

    Attributes:
        seconds: from the start to the last shard.
        ideal_seconds: the same work spread evenly over workers that never fail or wait.
        lost_seconds: work of workers that failures threw away.
        failures: number of failures of nodes.
        waited_seconds: time of workers that waited for a shard to be handed out.
    """

    seconds: float
    ideal_seconds: float
    lost_seconds: float
    failures: int
    waited_seconds: float


def per_image(path: Path) -> list[float]:
    """Read the seconds per image of each measured shard."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [float(row["seconds"]) / int(row["images"]) for row in rows if int(row["images"])]
    if not found:
        raise SystemExit(f"error: {path}: expected rows of images and seconds, found none.")
    return found


class Life:
    """When one node is away, drawn as far into the future as somebody asks.

    Args:
        plan: how often a node fails, and for how long it is away.
        rng: draws the failures from an exponential distribution.

    Attributes:
        failures: when the node fails, in order; the last one lies beyond all questions so far.
    """

    def __init__(self, plan: Plan, rng: random.Random) -> None:
        self._rate, self._away, self._rng = plan.failures_per_day / DAY, plan.away_seconds, rng
        self.failures = [self._next(0.0)]

    def _next(self, now: float) -> float:
        return now + self._rng.expovariate(self._rate) if self._rate else inf

    def fails_after(self, moment: float) -> float:
        """Return when the node fails next; it is there at this moment."""
        while self.failures[-1] <= moment:
            self.failures.append(self._next(self.failures[-1] + self._away))
        return self.failures[bisect_right(self.failures, moment)]

    def away_until(self, moment: float) -> float:
        """Return when the node is back, if it is away at this moment; else the moment."""
        self.fails_after(moment)
        last = bisect_right(self.failures, moment) - 1
        return max(moment, self.failures[last] + self._away) if last >= 0 else moment


def store_factor(plan: Plan, workers: int, seconds_per_image: float) -> float:
    """Return by how much longer an image takes because all workers read through one store."""
    if not plan.store_bytes:
        return 1.0
    wanted = workers / seconds_per_image * plan.image_bytes
    return max(1.0, wanted / plan.store_bytes)


def simulated(plan: Plan, nodes: int, measured: list[float], seed: int) -> Outcome:
    """Replay one run: events are workers that become free, in the order of time."""
    rng = random.Random(seed)
    slower = store_factor(plan, nodes * plan.workers, fmean(measured))
    lives = [Life(plan, rng) for _ in range(nodes)]
    free = [(plan.start_seconds, node) for node in range(nodes) for _ in range(plan.workers)]
    left = -(-plan.images // plan.shard_images)
    handed_out = end = total = lost = waited = 0.0
    while left:
        now, node = heapq.heappop(free)
        back = lives[node].away_until(now)
        if back > now:
            heapq.heappush(free, (back + plan.start_seconds, node))
            continue
        handed_out = max(handed_out, now) + plan.hand_out_seconds
        waited += handed_out - now
        work = rng.choice(measured) * plan.shard_images * slower
        fails = lives[node].fails_after(now)
        if handed_out + work > fails:
            lost += max(0.0, fails - handed_out)
            heapq.heappush(free, (fails, node))
            continue
        left, total, end = left - 1, total + work, max(end, handed_out + work)
        heapq.heappush(free, (handed_out + work, node))
    failures = sum(moment < end for life in lives for moment in life.failures)
    return Outcome(end, total / slower / (nodes * plan.workers), lost, failures, waited)


def in_time(seconds: float) -> str:
    """Return a duration in the largest unit of which there is at least one."""
    for name, length in (("years", 365 * DAY), ("days", DAY), ("hours", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {name}"
    return f"{seconds:.0f} s"


def row(plan: Plan, nodes: int, outcome: Outcome) -> str:
    workers_seconds = outcome.seconds * nodes * plan.workers
    efficiency = outcome.ideal_seconds / outcome.seconds
    cells = (
        f"{nodes:,}",
        in_time(outcome.seconds),
        f"{plan.images / outcome.seconds:,.0f}",
        f"{efficiency:.1%}",
        f"{outcome.failures:,}",
        f"{outcome.lost_seconds / workers_seconds:.2%}",
        f"{outcome.waited_seconds / workers_seconds:.2%}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    usual = Plan()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shards", type=Path, help="a .csv file of measured shards: images,seconds")
    parser.add_argument("--seed", type=int, default=0)
    for name, value in asdict(usual).items():
        kind = (lambda text: int(float(text))) if isinstance(value, int) else float
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=value)
    given = vars(parser.parse_args())
    measured, seed = per_image(given.pop("shards")), given.pop("seed")
    plan = Plan(**given)
    shard = fmean(measured) * plan.shard_images
    print(f"{len(measured)} measured shards; one of {plan.shard_images:,} images: {in_time(shard)}")
    print("| nodes | takes | images/s | efficiency | failures | lost | waited |")
    print("|---|---|---|---|---|---|---|")
    for nodes in NODES:
        print(row(plan, nodes, simulated(plan, nodes, measured, seed)), flush=True)


if __name__ == "__main__":
    main()
