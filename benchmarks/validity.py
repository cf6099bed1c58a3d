"""Can the figures be trusted? The same entry twice, slowed down by 5 %, noisy by 1 %, disturbed.

Prints three tables of measurements on this machine. It takes a quarter of an hour and needs an
otherwise idle machine. Each repetition is one interleaved run of four lanes of the same entry:

    same      twice the same: the difference must be within its stated interval
    slower    5 % slower: must be found
    noisy     the same on average, but 1 % up or down by chance: must not be reported

Then the entry runs alone: undisturbed, with a process that occupies a core from the middle on, and
with a camera that is faster than the entry.

    python benchmarks/validity.py [ENTRY] [REPETITIONS]
"""

import multiprocessing
import random
import sys
import tempfile
from functools import cached_property
from pathlib import Path
from statistics import median

from posemark.datasets.sample import Sample
from posemark.measure.clock import now_ns
from posemark.measure.environment import usable_cores
from posemark.records import files
from posemark.report import formats
from posemark.report.compare import compare
from posemark.report.results import row_of
from posemark.run.interleave import run_jobs, take_turns
from posemark.run.measurement import Circumstances, Measurement
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job

ENTRY = "naive-litehrnet-18-256x192@gt"
REPETITIONS = 20
SECONDS = 8.0
# Shares of a frame's time that are wasted: 2 % by all, so that noise can have both signs.
LANES = {
    "base": lambda: 0.02,
    "same": lambda: 0.02,
    "slower": lambda: 0.02 + 1.02 * 0.05,
    "noisy": lambda: max(0.0, random.gauss(0.02, 0.01)),
}


class Slowed:
    """A pipeline that wastes a share of each frame's time in its `infer` stage."""

    def __init__(self, pipeline, share):
        self._pipeline, self._share = pipeline, share

    def __getattr__(self, name):
        return getattr(self._pipeline, name)

    def process(self, work, lap):
        begin = now_ns()
        poses = self._pipeline.process(work, lap)
        ends = now_ns() + (now_ns() - begin) * self._share()
        while now_ns() < ends:
            pass
        lap("infer")
        return poses


class Lane(Measurement):
    """A measurement of a slowed pipeline."""

    share = staticmethod(LANES["base"])

    @cached_property
    def _pipeline(self):
        return Slowed(super()._pipeline, self.share)


class Quiet:
    """A watcher that ignores everything."""

    def opening(self, place):
        pass

    def step(self, place, step):
        pass

    def ready(self, standings, unable):
        pass

    def over(self, place, path):
        pass


def prepared(entry, **changes):
    dataset = Sample()
    options = Options(**({"data": "sample", "threads": usable_cores()} | changes))
    (job,) = plan([entry], options)
    return prepare_job(job, dataset, dataset.frames())


def lanes(entry, folder):
    job = prepared(entry, budget=SECONDS)
    circumstances = Circumstances(own_process=False, turns=len(LANES))
    for name, share in LANES.items():
        lane = Lane(job, folder / name, False, lambda step: None, circumstances)
        lane.share = share
        yield name, lane


def repetition(entry, folder):
    """Return the changes against the base, by lane, in one interleaved run of all lanes."""
    made = dict(lanes(entry, folder))
    take_turns(list(made.values()), 0, Quiet())
    records = {name: files.read(lane.path) for name, lane in made.items()}
    base = records.pop("base")
    return {name: compare([base], [record]).changes[0] for name, record in records.items()}


def validity(entry, repetitions):
    print(f"{repetitions} interleaved runs of {entry}, {SECONDS:g} s a lane: time against the base")
    print(
        "| lane | within its interval | called a difference | change, median | half width, median |"
    )
    print("| :--- | ---: | ---: | ---: | ---: |")
    seen = {name: [] for name in LANES if name != "base"}
    for number in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            for name, change in repetition(entry, Path(folder)).items():
                seen[name].append(change)
        print(f"run {number + 1} of {repetitions}", end="\r", file=sys.stderr)
    for name, changes in seen.items():
        within = sum(c.time.low <= 1 <= c.time.high for c in changes)
        called = sum(c.call in ("slower", "faster") for c in changes)
        moved = median(c.time.point - 1 for c in changes)
        width = median(c.time.half_width for c in changes)
        print(f"| {name} | {within} of {len(changes)} | {called} | {moved:+.2%} | {width:.2%} |")


def alone(job, watcher):
    """Return the row of one entry that runs alone."""
    paths = []
    watcher.over = lambda place, path: paths.append(path)
    with tempfile.TemporaryDirectory() as folder:
        run_jobs([[job]], Path(folder), False, False, watcher)
        return row_of(files.read(paths[0]), {})


def eat(seconds):
    ends = now_ns() + (4 + seconds) * 1e9
    while now_ns() < ends:
        pass


class Hog(Quiet):
    """Starts a process that occupies a core when half of the budget is over."""

    def __init__(self):
        self.process = None

    def step(self, place, step):
        if step.share > 0.5 and not self.process:
            self.process = multiprocessing.Process(target=eat, args=(SECONDS,))
            self.process.start()


def disturbance(entry):
    print(f"\n{entry} alone for {2 * SECONDS:g} s")
    print("| machine | verdict | FPS | evidence |\n| :--- | :--- | ---: | :--- |")
    for name, kind in [("undisturbed", Quiet), ("a core eaten from the middle on", Hog)] * 3:
        watcher = kind()
        row = alone(prepared(entry, budget=2 * SECONDS), watcher)
        if kind is Hog:
            watcher.process.kill()
            watcher.process.join()
        print(f"| {name} | {row.verdict.kind} | {row.fps_pose:.2f} | {row.verdict.evidence[0]} |")


def camera(entry):
    """Print runs on one image with one person, repeated so that the entry has one rate."""
    burst = alone(prepared(entry, mode="sustained", limit=1, budget=SECONDS), Quiet())
    print(f"\n{entry} on one image: {burst.fps_pipeline:.2f} pipeline FPS")
    print("| camera FPS | entry / camera | dropped | expected | p50 ms | p99 ms |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for share in (1.25, 0.9, 0.6, 0.3):
        fps = burst.fps_pipeline / share
        options = {"mode": "paced", "camera_fps": fps, "limit": 1, "budget": 2 * SECONDS}
        row = alone(prepared(entry, **options), Quiet())
        p50, p99 = (formats.three_digits(row.latency_ms.get(name)) for name in ("p50", "p99"))
        print(
            f"| {fps:.1f} | {share:.0%} | {row.dropped_share:.1%} | {max(0.0, 1 - share):.0%} "
            f"| {p50} | {p99} |"
        )


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else ENTRY
    validity(chosen, int(sys.argv[2]) if len(sys.argv) > 2 else REPETITIONS)
    disturbance(chosen)
    camera(chosen)
