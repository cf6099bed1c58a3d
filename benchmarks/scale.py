"""Measures what sharing images among workers of Ray costs and gains on this machine.

In every round, the same shards are measured three times, in an order that changes from round to
round: by one session in this process, by one worker of Ray, and by as many workers as there are
cores. The first ratio is the overhead of Ray, the second one the speed-up of the workers. Starting
Ray and opening sessions are counted apart. Poses of all three must be equal.

    python benchmarks/scale.py tinypose-128x96 --data coco:DIR --rounds 5
    python benchmarks/scale.py tinypose-128x96 --data coco:DIR --csv shards.csv

The .csv file has images and seconds of each shard of one worker, which scale_simulation.py reads.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from posemark.datasets import open_dataset
from posemark.measure.clock import now_ns
from posemark.measure.environment import usable_cores, wait_passively
from posemark.run.best_weights import with_best
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import Prepared, prepare_job
from posemark.scale.accuracy import arguments_of, ceiling_images, resources_of
from posemark.scale.cluster import Cluster, connected
from posemark.scale.dispatch import Dispatch
from posemark.scale.layout import Part, parts_of
from posemark.scale.pool import Pool, Start
from posemark.scale.session import Measured, ShardSession
from posemark.scale.worker import Worker


@dataclass(frozen=True)
class Taken:
    """How long one way of measuring all shards took.

    Attributes:
        start: seconds until the first worker was ready for its first shard, at most.
        work: seconds from then to the last shard.
        shards: the finished shards.
    """

    start: float
    work: float
    shards: list[Measured]


def alone(prepared: Prepared, parts: Sequence[Part]) -> Taken:
    """Measure all shards in this process."""
    began = now_ns()
    session = ShardSession(prepared, ceiling_images(prepared))
    opened = now_ns()
    shards = [session.measure(part) for part in parts]
    return Taken((opened - began) / 1e9, (now_ns() - opened) / 1e9, shards)


def shared(prepared: Prepared, parts: Sequence[Part], workers: int, cluster: Cluster) -> Taken:
    """Measure all shards by workers of Ray."""
    began = now_ns()
    arguments = arguments_of(prepared, cluster)
    start = Start(Worker, arguments, resources_of(prepared), workers)
    shards: list[Measured] = []
    opened = began
    for each in Pool(cluster, start, Dispatch(parts), print).results():
        if not shards:  # the first shard has just ended, so it began this long ago
            opened = now_ns() - each.wall_ns
        shards.append(each)
    return Taken((opened - began) / 1e9, (now_ns() - opened) / 1e9, shards)


def prepared_of(entry: str, data: str, limit: int | None) -> Prepared:
    """Return the job of an entry with the best weights on this machine, on one thread."""
    options = Options(data, 1, weights="best", mode="accuracy", limit=limit)
    (job,) = with_best(plan([entry], options))
    dataset = open_dataset(data)
    return prepare_job(job, dataset, dataset.frames())


def poses_of(shards: Sequence[Measured]) -> dict[int, object]:
    """Return the poses of each image of some shards."""
    lines = (json.loads(line) for shard in shards for line in shard.content.splitlines())
    return {line["image_id"]: line.get("poses") for line in lines if line["kind"] == "frame"}


def require_equal(found: Sequence[dict[int, object]]) -> None:
    if any(each != found[0] for each in found):
        raise SystemExit("error: one process and the workers of Ray found different poses.")


def seconds_of(shards: Sequence[Measured]) -> float:
    """Return the seconds that the workers spent in shards, all together."""
    return sum(each.wall_ns for each in shards) / 1e9


def spread(values: Sequence[float]) -> str:
    """Return median, lowest and highest value as text."""
    return f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("entry")
    parser.add_argument("--data", required=True, help="coco:DIR")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--csv", type=Path, help="where images and seconds of each shard go")
    given = parser.parse_args()
    wait_passively()
    prepared = prepared_of(given.entry, given.data, given.limit)
    frames, cores = prepared.frames[: given.limit], usable_cores()
    parts = parts_of(frames)
    print(f"{prepared.key}: {len(frames)} images in {len(parts)} shards, {cores} cores")
    rounds: list[dict[str, Taken]] = []
    began = now_ns()
    with connected(None) as cluster:
        print(f"Ray started in {(now_ns() - began) / 1e9:.1f} s")
        ways = {
            "alone": lambda: alone(prepared, parts),
            "one": lambda: shared(prepared, parts, 1, cluster),
            "all": lambda: shared(prepared, parts, cores, cluster),
        }
        for number in range(given.rounds):
            names = list(ways)[number % 3 :] + list(ways)[: number % 3]
            rounds.append({name: ways[name]() for name in names})
            require_equal([poses_of(taken.shards) for taken in rounds[-1].values()])
            taken = "; ".join(f"{n}: {rounds[-1][n].work:.2f} s" for n in ways)
            print(f"round {number + 1}: {taken}")
    report(rounds, len(frames), cores)
    if given.csv:
        write(given.csv, [shard for each in rounds for shard in each["one"].shards])


def report(rounds: Sequence[dict[str, Taken]], images: int, cores: int) -> None:
    """Print the ratios of all rounds, and what one image costs."""
    overhead = [each["one"].work / each["alone"].work for each in rounds]
    speed_up = [each["one"].work / each["all"].work for each in rounds]
    slower = [seconds_of(each["all"].shards) / seconds_of(each["one"].shards) for each in rounds]
    rates = [images / each["one"].work for each in rounds]
    shards = rounds[0]["one"].shards
    size = sum(len(shard.content) for shard in shards) / images
    print(f"time of one worker over one process: {spread(overhead)}")
    print(f"time of one worker over {cores} workers: {spread(speed_up)}")
    print(f"time of a shard beside another one over its time alone: {spread(slower)}")
    print(f"images per second of one worker on one core: {spread(rates)}")
    opening = spread([each["one"].start for each in rounds])
    print(f"seconds until a worker begins its first shard: {opening}")
    print(f"bytes of record per image: {size:,.0f}")


def write(path: Path, shards: Sequence[Measured]) -> None:
    """Write images and seconds of each shard."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("images", "seconds"))
        rows.writerows((each.frames, each.wall_ns / 1e9) for each in shards)


if __name__ == "__main__":
    main()
