"""Measures what overlapping frames gains, and how well it is predicted.

For each network, three entries take turns, block by block, each in a process of its own: one frame
after the other on all threads, one frame after the other on the threads of one stream, and
overlapped frames. The gain is the throughput of the third over the speed of the first, all stages,
on the same frames. The prediction is the number of streams times the speed of the second over
that of the first.

    python benchmarks/overlap.py --seconds 30
    python benchmarks/overlap.py --weights wider-naive-litehrnet-18-256x192=FILE --data coco:DIR
    python benchmarks/overlap.py --models tinypose-256x192 --runtimes openvino --variant detected
                                 --boxes detector:rtmdet-nano --data coco:DIR
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from posemark.datasets import open_dataset
from posemark.measure.contention import contended
from posemark.measure.environment import usable_cores, wait_passively
from posemark.measure.paired_frames import gain
from posemark.measure.speed_interval import Interval
from posemark.records import files
from posemark.records.files import Record
from posemark.report.measured_speed import speed_of
from posemark.run.interleave import take_turns
from posemark.run.measurement import Circumstances
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import Prepared, prepare_job
from posemark.run.worker import Isolated

MODELS = ("litehrnet-18-256x192", "hrnet-w32-256x192", "wider-naive-litehrnet-18-256x192")
"""Lite-HRNet-18, HRNet-w32 and the network of PP-TinyPose."""

FEWEST_BLOCKS = 8


class Silent:
    """A watcher that shows nothing."""

    def about(self, what: str) -> None: ...

    def opening(self, place: int) -> None: ...

    def ready(self, standings: object, unable: object) -> None: ...

    def step(self, place: int, step: object) -> None: ...

    def over(self, place: int, path: Path) -> None: ...


def sides(options: Options, streams: int) -> Iterator[Options]:
    """Yield the options on all threads, on those of one stream, and overlapped."""
    yield options
    yield replace(options, threads=options.threads // streams)
    yield replace(options, mode="overlapped", streams=streams)


def measured(jobs: list[Prepared], out: Path) -> list[Record]:
    how = Circumstances(
        turns=len(jobs), perfect_seconds=0, fewest_blocks=FEWEST_BLOCKS, trial=False
    )
    lanes = [
        Isolated(job, out / str(at), False, partial(Silent().step, at), how)
        for at, job in enumerate(jobs)
    ]
    take_turns(lanes, 0, Silent())
    return [files.read(lane.path) for lane in lanes]


def in_words(found: Interval | None, factor: float = 1.0) -> str:
    if found is None:
        return "too few blocks"
    return f"x{factor * found.point:.2f} ({factor * found.low:.2f} to {factor * found.high:.2f})"


def same_poses(one: Record, other: Record) -> str:
    poses = {f.image_id: f.poses for f in one.good}
    pairs = [(poses[f.image_id], f.poses) for f in other.good if f.image_id in poses]
    if not pairs or pairs[0][0] is None:
        return ""
    equal = sum(a == b for a, b in pairs)
    return f"poses equal in {equal} of {len(pairs)} frames"


def show(name: str, serial: Record, alone: Record, overlapped: Record, streams: int) -> None:
    real, single = gain(serial, overlapped), gain(serial, alone, wall=True)
    row = speed_of(overlapped)
    print(f"{name}: gain {in_words(real)}, predicted {in_words(single, streams)}", end="")
    if real and single:
        print(f", predicted / gain {streams * single.point / real.point:.3f}", end="")
    print(f"; {row.throughput:.2f} FPS, latency {row.latency_ms}, age {row.age_ms}")
    before = speed_of(serial)
    print(f"  one by one: {before.fps_pipeline:.2f} FPS, latency {before.latency_ms}")
    for what, record in (("one by one", serial), ("one stream alone", alone)):
        text = same_poses(record, overlapped)
        if text:
            print(f"  {what}: {text}")
    if any(map(contended, (serial, alone, overlapped))):
        print("  other programs used the machine: the figures say little")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--runtimes", default="onnxruntime,openvino,torch")
    parser.add_argument("--variant", default="gt", help="boxes: gt or detected")
    parser.add_argument("--boxes", help="as --boxes of posemark run, for --variant detected")
    parser.add_argument("--data", default="sample")
    parser.add_argument("--weights", action="append", default=[], metavar="MODEL=FILE")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the three sides")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--streams", type=int, default=usable_cores())
    given = parser.parse_args()
    weights = dict(each.split("=", 1) for each in given.weights)
    dataset = open_dataset(given.data)
    frames = dataset.frames()
    for model in given.models.split(","):
        for runtime in given.runtimes.split(","):
            used = weights.get(model, "none")
            options = Options(
                given.data, given.threads, weights=used, runtime=runtime, budget=given.seconds
            )
            options = replace(options, repeat=100, boxes=given.boxes)
            jobs = [
                prepare_job(job, dataset, frames)
                for each in sides(options, given.streams)
                for job in plan([f"{model}@{given.variant}"], each)
            ]
            with TemporaryDirectory() as out:
                records = measured(jobs, Path(out))
            show(f"{model} {runtime}", *records, given.streams)


if __name__ == "__main__":
    wait_passively()
    main()
