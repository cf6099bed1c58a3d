"""Measures what it gains, and what it costs, that a detector looks at every k-th frame only.

The same model runs on the same clips with the detector at every k-th frame, for several k, and at
the largest k with smoothed key points as well. The entries take turns, block by block, each in a
process of its own. Their records are ordinary ones, from which `posemark report` draws the chart
and the table.

    python benchmarks/following.py --data motion:DIR --limit 600 --out following
    posemark report following -o following.svg -o following.md
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from posemark.core.errors import PoseMarkError
from posemark.datasets import open_dataset
from posemark.measure.environment import usable_cores, wait_passively
from posemark.run.best_weights import with_best
from posemark.run.interleave import run_jobs
from posemark.run.options import Options
from posemark.run.plan import Job, plan
from posemark.run.prepare import prepare_job


class Lines:
    """A watcher that prints a line per finished entry."""

    def about(self, what: str) -> None: ...

    def opening(self, place: int) -> None: ...

    def ready(self, standings: object, unable: object) -> None: ...

    def step(self, place: int, step: object) -> None: ...

    def over(self, place: int, path: Path) -> None:
        print(path)


def jobs_of(model: str, detector: str, every: Sequence[int], options: Options) -> Iterator[Job]:
    """Yield the jobs with the detector at every k-th frame, and the last one smoothed, too."""
    for k in every:
        yield from plan([model], replace(options, boxes=f"detector:{detector}@every={k}"))
    boxes = f"detector:{detector}@every={every[-1]}"
    yield from plan([model], replace(options, boxes=boxes, smooth=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="tinypose-256x192")
    parser.add_argument("--detector", default="rtmdet-nano")
    parser.add_argument("--every", default="1,5,10", help="k, separated by commas")
    parser.add_argument("--data", required=True, help="a data set with clips, such as motion:DIR")
    parser.add_argument("--limit", type=int, help="frames of each entry")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the records")
    given = parser.parse_args()
    options = Options(given.data, given.threads, weights="best", limit=given.limit)
    every = [int(k) for k in given.every.split(",")]
    try:
        dataset = open_dataset(given.data)
        frames = dataset.frames()
        jobs = with_best(jobs_of(given.model, given.detector, every, options))
        run_jobs(
            [[prepare_job(job, dataset, frames) for job in jobs]], given.out, False, True, Lines()
        )
    except PoseMarkError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    wait_passively()
    main()
