"""Speed figures of a record: those of its measured frames, and those of its blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from statistics import fmean

from posemark.measure.camera import sustainable_fps
from posemark.measure.latency import histogram, percentiles
from posemark.measure.people_cost import Line, fit
from posemark.measure.speed_interval import Interval, pose_interval
from posemark.measure.wall_time import pose_ns, speed_ns, timed_blocks
from posemark.records import files, schema
from posemark.report import formats, utilisation
from posemark.report.header_row import row_of_header
from posemark.report.result_row import POSE_STAGES, STAGES, Row
from posemark.report.shared_evidence import milliseconds
from posemark.report.throughput import per_second, with_throughput
from posemark.report.verdict import judge

_MOST_POINTS = 60
"""Points of a timeline: as many as a chart of the page can show apart."""


def speed_of(record: files.Record) -> Row:
    """Return the figures of one record that need no scoring of its poses.

    Speed rests on every measured frame. The accuracy fields of the row keep their defaults. A run
    whose images were shared by workers has no speed, and neither has one of which frames failed
    while the network ran on none of the others, where nobody was to be seen.
    """
    row = _with_frames(row_of_header(record.header), record)
    if not record.header.timed:
        return row
    if record.failed and not any(line.inferred for line in record.good):
        record = _without_good(record)
    row = _with_times(row, record)
    row = with_throughput(row, record) if row.overlapped else _with_speed(row, record)
    return _with_blocks(row, record)


def _without_good(record: files.Record) -> files.Record:
    failed = [[f for f in block.frames if f.error is not None] for block in record.blocks]
    blocks = zip(record.blocks, failed, strict=True)
    return replace(record, blocks=[replace(block, frames=frames) for block, frames in blocks])


def _with_frames(row: Row, record: files.Record) -> Row:
    """Fill in what follows from the measured frames in every mode, without their times."""
    good = record.good
    return replace(
        row,
        frames=len(good),
        persons=sum(f.boxes for f in good),
        most_people=max((f.boxes for f in good), default=0),
        dropped_share=_dropped_share(record),
        failed_frames=len(record.failed),
        dropped_boxes=sum(f.dropped for f in record.frames),
        complete=record.complete,
        notes=tuple(_notes(record)),
    )


def _with_times(row: Row, record: files.Record) -> Row:
    """Fill in what follows from the times of frames in every mode with speed."""
    good = record.good
    totals = {stage: sum(f.stages[stage] for f in good) for stage in STAGES}
    latencies_ns = [f.frame_ns + f.wait_ns for f in good]
    return replace(
        row,
        stage_ms={stage: total / 1e6 / max(1, len(good)) for stage, total in totals.items()},
        latency_ms=percentiles(latencies_ns),
        histogram=histogram(latencies_ns),
    )


def _with_speed(row: Row, record: files.Record) -> Row:
    """Fill in what follows from the times of frames that ran one after the other."""
    good, line = record.good, _time_over_people(record.good, row.approach)
    return replace(
        row,
        fps_pose=per_second(len(good), sum(map(pose_ns, good))),
        fps_pipeline=per_second(len(good), sum(sum(f.stages.values()) for f in good)),
        intercept_ms=line.base if line else None,
        ms_per_person=line.per_person if line else None,
        sustainable_fps=sustainable_fps([f.frame_ns for f in good]),
        share=utilisation.share(record.header, good),
    )


def _time_over_people(frames: list[schema.FrameLine], approach: str) -> Line | None:
    """Fit the time of the pose stages in ms as a line over the people of each frame.

    A bottom-up network processes the whole image however many people are in it, so only its
    post-processing can depend on people. The other stages vary with the image size and are
    averaged instead: fitted together with the rest, that variation would hide the slope.
    """
    per_person = ("postprocess",) if approach == "bottom-up" else POSE_STAGES
    line = fit([f.boxes for f in frames], [milliseconds(f, per_person) for f in frames])
    fixed = tuple(stage for stage in POSE_STAGES if stage not in per_person)
    return line and replace(line, base=line.base + fmean(milliseconds(f, fixed) for f in frames))


def _dropped_share(record: files.Record) -> float | None:
    """The share of the camera's frames, up to the last one handled, that were dropped.

    It is None for a run without a camera.
    """
    if record.header.settings.camera_fps is None:
        return None
    handled = [f for block in record.blocks for f in block.frames]
    dropped = sum(f.skipped for f in handled)
    return dropped / (dropped + len(handled)) if handled else None


def _notes(record: files.Record) -> Iterable[str]:
    if record.header.facts.contradiction:
        yield record.header.facts.contradiction
    yield from record.header.data_notes
    failed = [f.error for f in record.failed if f.error is not None]
    if failed:
        frames = formats.counted(len(failed), "frame")
        yield f"{frames} failed, not counted; the first: {failed[0]}"
    dropped = sum(f.dropped for f in record.frames)
    if dropped:
        boxes = formats.counted(dropped, "box", "boxes")
        yield f"dropped {boxes} without size or area, or outside the image"
    share = _dropped_share(record)
    if share:
        yield f"dropped {formats.percent(share)} of the camera's frames, as newer ones came"
    if record.passed_over:
        lines = ", ".join(map(str, record.passed_over))
        yield f"{record.path}: damaged lines, passed over and measured again: {lines}"
    if not record.complete:
        again = "by run.py on its device" if record.header.bundled else "with --resume"
        yield f"the run was stopped before its end; continue it {again}"


def _with_blocks(row: Row, record: files.Record) -> Row:
    """Fill in what follows from the blocks: interval, verdict, timeline, memory and energy."""
    blocks = timed_blocks(record)
    interval = pose_interval(blocks)
    return replace(
        row,
        blocks=len(blocks),
        fps_interval=_ends(row.fps_pose, interval),
        throughput_interval=_ends(row.throughput, interval),
        verdict=judge(record, interval),
        timeline=_timeline(record),
        peak_memory=_peak_memory(record),
        energy_mj=_energy_mj(record),
    )


def _ends(fps: float | None, relative: Interval | None) -> tuple[float, float] | None:
    return (fps * relative.low, fps * relative.high) if fps and relative else None


def _timeline(record: files.Record) -> tuple[tuple[float, float, float], ...]:
    """Points of (seconds since the first block, pose FPS or throughput, sentinel ms).

    Neighbouring blocks are merged where there are more than _MOST_POINTS.
    """
    settings = record.header.settings
    blocks = [
        (block.readings, speed_ns(good, settings))
        for block in record.blocks
        if block.readings and (good := [f for f in block.frames if f.error is None])
    ]
    seconds = _seconds([readings for readings, _ in blocks])
    step = -(-len(blocks) // _MOST_POINTS) or 1
    points: list[tuple[float, float, float]] = []
    for start in range(0, len(blocks), step):
        merged = blocks[start : start + step]
        taken_ns = [ns for _, own in merged for ns in own]
        fps = per_second(len(taken_ns), sum(taken_ns))
        sentinel_ms = fmean(readings.sentinel_ns for readings, _ in merged) / 1e6
        if fps:
            points.append((seconds[start], fps, sentinel_ms))
    return tuple(points)


def _seconds(readings: Sequence[schema.BlockLine]) -> list[float]:
    """When each block began, in seconds since the first one.

    The clock restarts when the machine does, and a run may be resumed after that: then the
    duration of the block before is taken as the gap.
    """
    gaps = (
        after.began_ns - before.began_ns if after.began_ns >= before.began_ns else before.wall_ns
        for before, after in pairwise(readings)
    )
    return [nanoseconds / 1e9 for nanoseconds in accumulate(gaps, initial=0)]


def _peak_memory(record: files.Record) -> int | None:
    """Peak memory in bytes, or None where other entries ran in the same process.

    There the peak would be that of the largest entry.
    """
    if not record.header.own_process:
        return None
    peaks = [block.readings.peak_rss for block in record.blocks if block.readings]
    return max((peak for peak in peaks if peak is not None), default=None)


def _energy_mj(record: files.Record) -> dict[str, float] | None:
    """Millijoules per frame by counter, over the blocks that have a reading of it.

    It is None where no block has a reading of any counter.
    """
    joules: dict[str, float] = {}
    frames: dict[str, int] = {}
    for block in record.blocks:
        for name, more in (block.readings.energy_j if block.readings else {}).items():
            joules[name] = joules.get(name, 0.0) + more
            frames[name] = frames.get(name, 0) + sum(f.error is None for f in block.frames)
    return {name: 1000 * joules[name] / count for name, count in frames.items() if count} or None
