"""Speed figures of an overlapped record, whose frames were in flight at the same time."""

from dataclasses import replace

from posemark.measure.wall_time import ages_ns, wall_ns
from posemark.records import files
from posemark.report.latency import percentiles
from posemark.report.result_row import Row


def with_throughput(row: Row, record: files.Record) -> Row:
    """Fill in the throughput of the run, and how old poses are when they are delivered."""
    settings = record.header.settings
    blocks = [[f for f in block.frames if f.error is None] for block in record.blocks]
    taken_ns = sum(sum(wall_ns(good, settings)) for good in blocks)
    return replace(
        row,
        throughput=per_second(len(record.good), taken_ns),
        age_ms=percentiles([ns for good in blocks for ns in ages_ns(good)]),
    )


def per_second(frames: int, nanoseconds: int) -> float | None:
    """Return frames per second; None if no time was measured."""
    return frames / (nanoseconds / 1e9) if nanoseconds else None
