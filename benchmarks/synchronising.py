"""How long it takes to pass the lines of a block to the disk, and how long to write them only.

The frames of a record are written again into a folder, in blocks as `posemark run` does, with and
without fsync in turns. Each round writes both, in alternating order; the table has the medians of
the rounds, which say what a block costs beside its own half a second.

    python benchmarks/synchronising.py RECORD FOLDER [--rounds 200] [--frames 10]
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

import msgspec

from posemark.core.durable import VARIABLE, WAYS
from posemark.measure.clock import now_ns
from posemark.records import files
from posemark.records.schema import FrameLine


def block_ns(writer: files.Writer, lines: list[FrameLine], way: str) -> int:
    """Return the nanoseconds of writing one block."""
    os.environ[VARIABLE] = way
    began_ns = now_ns()
    for line in lines:
        writer.write(line)
    writer.sync()
    return now_ns() - began_ns


def main() -> None:
    """Print the medians and the largest values in milliseconds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("record", type=Path, help="a record whose first frames are written again")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--frames", type=int, default=10)
    options = parser.parse_args()
    record = files.read(options.record)
    lines = record.good[: options.frames]
    found: dict[str, list[int]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        header = msgspec.structs.replace(record.header, run="synchronising")
        with files.Writer.create(Path(folder) / "record.jsonl", header) as writer:
            for number in range(options.rounds):
                for way in WAYS if number % 2 else reversed(WAYS):
                    found[way].append(block_ns(writer, lines, way))
    print(f"| {VARIABLE} | median, ms | 95 of 100 below, ms | longest, ms |")
    print("| :--- | ---: | ---: | ---: |")
    for way, times in found.items():
        high = statistics.quantiles(times, n=20)[-1]
        figures = [statistics.median(times), high, max(times)]
        print(f"| {way} | " + " | ".join(f"{each / 1e6:.2f}" for each in figures) + " |")


if __name__ == "__main__":
    main()
