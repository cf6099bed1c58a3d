"""Speed figures of an overlapped record, whose frames were in flight at the same time."""

from dataclasses import replace
from statistics import fmean

from posemark.measure.latency import percentiles
from posemark.measure.wall_time import ages_ns, wall_ns
from posemark.records import files
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
        overlap_gain=_gain(record),
        predicted_gain=_predicted_gain(record),
    )


def _gain(record: files.Record) -> float | None:
    """The speed of overlapped frames over that of the same frames one by one, on all threads."""
    settings, wall = record.header.settings, dict[int, list[int]]()
    for block in record.blocks:
        good = [f for f in block.frames if f.error is None]
        for frame, ns in zip(good, wall_ns(good, settings), strict=True):
            wall.setdefault(frame.image_id, []).append(ns)
    pairs = [
        (sum(line.serial.values()), fmean(wall[line.image_id]))
        for line in record.trial
        if line.image_id in wall
    ]
    serial_ns, overlapped_ns = (sum(pair[side] for pair in pairs) for side in (0, 1))
    return serial_ns / overlapped_ns if overlapped_ns else None


def _predicted_gain(record: files.Record) -> float | None:
    """The gain if streams did not slow each other down, and every stream had its own cores."""
    settings = record.header.settings
    serial_ns = sum(sum(line.serial.values()) for line in record.trial)
    stream_ns = sum(sum(line.stream.values()) for line in record.trial)
    threads_each = settings.threads // settings.streams
    at_once = min(settings.streams, record.header.facts.cores / threads_each)
    return at_once * serial_ns / stream_ns if stream_ns else None


def per_second(frames: int, nanoseconds: int) -> float | None:
    """Return frames per second; None if no time was measured."""
    return frames / (nanoseconds / 1e9) if nanoseconds else None
