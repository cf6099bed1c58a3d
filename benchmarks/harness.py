"""The cost of the harness itself, and the part of the frame time that no stage covers.

Prints two tables: the loop around a pipeline that does nothing (the harness alone), and, for the
given records, the difference between the independently measured frame time and its stages.

    python benchmarks/harness.py [RECORD.jsonl ...]
"""

import statistics
import sys
from pathlib import Path
from time import perf_counter_ns

from posemark.measure.clock import STAGES
from posemark.measure.loop import run_block
from posemark.records.files import read

FRAMES = 20_000


def empty_process(work, lap):
    for stage in STAGES:
        lap(stage)


def harness_alone():
    """Return the microseconds of a frame in which nothing happens, without writing its line."""
    begin = perf_counter_ns()
    uncovered = [
        timed.frame_ns - sum(timed.stages.values())
        for _, _, timed in run_block(iter(range(FRAMES)), lambda frame: frame, empty_process, 3600)
    ]
    whole = (perf_counter_ns() - begin) / FRAMES / 1e3
    print("harness alone (five empty stages), microseconds a frame")
    print(f"  loop, clock and ledger together   {whole:8.2f}")
    print(f"  not covered by stages, median     {statistics.median(uncovered) / 1e3:8.2f}")
    print(f"  not covered by stages, 99.9 %     {quantile(uncovered, 0.999) / 1e3:8.2f}")


def ledger_of(path):
    frames = read(path).good
    rests = [f.frame_ns - sum(f.stages.values()) for f in frames]
    shares = [rest / f.frame_ns for rest, f in zip(rests, frames, strict=True)]
    print(
        f"  {path.stem}: {len(frames)} frames, median {statistics.median(rests) / 1e3:.2f} us, "
        f"99 % {quantile(rests, 0.99) / 1e3:.2f} us, largest share of a frame {max(shares):.4%}"
    )


def quantile(values, share):
    return sorted(values)[int(share * (len(values) - 1))]


if __name__ == "__main__":
    harness_alone()
    if len(sys.argv) > 1:
        print("records: frame time minus the sum of its stages")
    for name in sys.argv[1:]:
        ledger_of(Path(name))
