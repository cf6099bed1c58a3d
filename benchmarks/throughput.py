"""Measures how many images one core annotates per second, by entry and setting.

Each lane is an entry with a runtime and a precision, in a process of its own with one thread; the
other cores are idle. In every round each lane in turn finds the poses of the same images, spread
evenly over the data, as a worker of `posemark run --engine ray` does: decoding, boxes from the
annotations, network, decoder, and a record on the disk. Opening the session is not counted. The
table is that of docs/scale.md.

    python benchmarks/throughput.py --data coco:DIR --rounds 5 tinypose-128x96
        hrnet-w32-256x192 hrnet-w32-256x192,openvino hrnet-w32-256x192,openvino,int8
"""

import argparse
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from posemark.core.errors import PoseMarkError
from posemark.core.frame import Frame
from posemark.datasets import open_dataset
from posemark.measure.environment import wait_passively
from posemark.records.schema import Shard
from posemark.records.shards import digest_of
from posemark.run.best_weights import with_best
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import Prepared, prepare_job
from posemark.scale.layout import Part
from posemark.scale.session import ShardSession

SECONDS = 4.0
"""How long a lane measures in one round, about."""

FEWEST, WARM_UP = 4, 2
"""Fewest images of a lane in one round, and images that are not counted."""

IMAGES = 1_000_000_000
"""Images whose core-hours are stated."""


@dataclass(frozen=True)
class Turn:
    """What a lane did in one round."""

    images: int
    seconds: float
    record_bytes: int


def prepared_of(lane: str, data: str) -> Prepared:
    """Return the job of a lane: ENTRY[,RUNTIME[,PRECISION]]."""
    entry, runtime, precision = (*lane.split(","), None, None)[:3]
    options = Options(
        data,
        1,
        weights="best",
        mode="accuracy",
        runtime=runtime,
        precision=precision,
        calibrate=data if precision == "int8" else None,
    )
    (job,) = with_best(plan([entry], options))
    dataset = open_dataset(data)
    return prepare_job(job, dataset, dataset.frames())


def spread_over(frames: Sequence[Frame], count: int) -> Part:
    """Return a number of images, spread evenly over the data."""
    chosen = [frames[place * len(frames) // count] for place in range(count)]
    return Part(Shard(1, 1, digest_of(frame.image_id for frame in chosen)), chosen)


def measured(session: ShardSession, part: Part) -> Turn:
    done = session.measure(part)
    if done.failures:
        raise SystemExit(f"error: {done.failures[0]}")
    return Turn(done.frames, done.wall_ns / 1e9, len(done.content))


def lane_process(lane: str, data: str, pipe: Connection) -> None:
    """Open the session, say under which name, and answer each message with a Turn."""
    try:
        wait_passively()
        prepared = prepared_of(lane, data)
        session, frames = ShardSession(prepared, frozenset()), prepared.frames
        measured(session, spread_over(frames, WARM_UP))
        first = measured(session, spread_over(frames, FEWEST))
    except PoseMarkError as error:
        pipe.send(SystemExit(f"error: {lane}: {error}"))
        return
    count = round(SECONDS * first.images / first.seconds)
    part = spread_over(frames, max(FEWEST, min(count, len(frames))))
    target = prepared.job.options.target
    pipe.send(f"{prepared.key} | {target.runtime} {target.precision}")
    while pipe.recv():
        pipe.send(measured(session, part))


def spread(values: Sequence[float], form: str) -> str:
    """Return median, lowest and highest value as text."""
    middle, low, high = (f"{value:{form}}" for value in (median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def row(name: str, turns: Sequence[Turn]) -> str:
    rates = [turn.images / turn.seconds for turn in turns]
    hours = IMAGES / median(rates) / 3600
    size = turns[0].record_bytes / turns[0].images
    form = ".0f" if min(rates) >= 100 else ".1f"
    return f"| {name} | {spread(rates, form)} | {turns[0].images} | {size:,.0f} | {hours:,.0f} |"


def answer(pipe: Connection) -> Any:
    """Return what a lane sends; end the program if that is the reason why it cannot go on."""
    try:
        message = pipe.recv()
    except EOFError:
        raise SystemExit("error: a lane has ended; its message is above.") from None
    if isinstance(message, SystemExit):
        raise message
    return message


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("lanes", nargs="+", metavar="ENTRY[,RUNTIME[,PRECISION]]")
    parser.add_argument("--data", required=True, help="coco:DIR")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    names, pipes = [], []
    for lane in given.lanes:  # one after the other: sessions are opened alone
        ours, theirs = context.Pipe()
        context.Process(target=lane_process, args=(lane, given.data, theirs), daemon=True).start()
        theirs.close()
        names.append(answer(ours))
        pipes.append(ours)
    turns: list[list[Turn]] = [[] for _ in pipes]
    for number in range(given.rounds):
        order = [(number + place) % len(pipes) for place in range(len(pipes))]
        for place in order:
            pipes[place].send(True)
            turns[place].append(answer(pipes[place]))
        print(f"round {number + 1} of {given.rounds}", flush=True)
    for pipe in pipes:
        pipe.send(False)
    print(
        "| entry | runtime | images per second and core | images per round | bytes | core-hours |"
    )
    print("| :--- | :--- | ---: | ---: | ---: | ---: |")
    for name, each in zip(names, turns, strict=True):
        print(row(name, each))


if __name__ == "__main__":
    main()
