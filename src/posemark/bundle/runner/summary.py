"""The table at the end, for a console of 80 columns; the report at home has everything else."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from posemark.bundle.runner.record import Existing
from posemark.core.stages import POSE_STAGES
from posemark.measure.energy import WHOLE_BOARD
from posemark.measure.latency import percentiles

_SHARES = ("decode", "preprocess", "infer", "postprocess")

HEADER = (
    "  engine      prec frames  p50 ms  p99 ms     FPS dec pre inf post degC     W",
    "  (ms: a frame; FPS: without decoding; stages in % of a frame; W: mean power)",
)


def table(records: Sequence[Existing]) -> Iterator[str]:
    """Yield the lines of the table: two for each record, and what deserves attention.

    Args:
        records: the records, which have at least their headers.
    """
    yield from HEADER
    for record in records:
        yield str(record.header["entry"]) + ("" if record.complete else "  (not finished)")
        yield _figures(record)
        yield from _notes(record)


def _figures(record: Existing) -> str:
    settings, frames = record.header["settings"], record.measured
    known = percentiles([frame["frame_ns"] for frame in frames])
    cells = [
        f"  {settings['runtime']:<11} {settings['precision']:<4}",
        f"{len(frames):>6}",
        f"{_decimal(known.get('p50')):>7}",
        f"{_decimal(known.get('p99')):>7}",
        f"{_decimal(pose_fps(frames)):>7}",
        _shares(frames),
        f"{_decimal(_hottest(record), 0):>4}",
        f"{_decimal(watts(record), 1):>5}",
    ]
    return " ".join(cells)


def _decimal(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits if value < 1000 else 0}f}"


def pose_fps(frames: Sequence[dict[str, Any]]) -> float | None:
    """Return frames per second over the pose stages; None without a measured time."""
    total = sum(frame["stages"][stage] for frame in frames for stage in POSE_STAGES)
    return len(frames) * 1e9 / total if total else None


def _shares(frames: Sequence[dict[str, Any]]) -> str:
    total = sum(frame["frame_ns"] for frame in frames)
    if not total:
        return "  -   -   -    -"
    shares = [100 * sum(frame["stages"][stage] for frame in frames) / total for stage in _SHARES]
    return f"{shares[0]:>3.0f} {shares[1]:>3.0f} {shares[2]:>3.0f} {shares[3]:>4.0f}"


def _hottest(record: Existing) -> float | None:
    values = [block["celsius"] for block in record.blocks if "celsius" in block]
    return max(values, default=None)


def watts(record: Existing) -> float | None:
    """Return the mean power of the board, or else of all counters; None without any."""
    blocks = [block for block in record.blocks if block.get("energy_j") and block["wall_ns"]]
    if not blocks:
        return None
    board = [name for name in WHOLE_BOARD if name in blocks[0]["energy_j"]]
    joules = sum(
        value
        for block in blocks
        for name, value in block["energy_j"].items()
        if not board or name == board[0]
    )
    return joules / sum(block["wall_ns"] for block in blocks) * 1e9


def _notes(record: Existing) -> Iterator[str]:
    events = sum(block.get("throttles", 0) for block in record.blocks)
    if events:
        yield f"  throttled: the device counted {events} events"
    failed = sum(1 for line in record.lines if line.get("kind") == "frame" and line.get("error"))
    if failed:
        yield f"  {failed} frames failed; the record says why"
    if record.header["settings"]["mode"] == "sustained" and len(record.blocks) >= 2 * _ENDS:
        first, last = (_usual_ms(record, part) for part in (slice(0, _ENDS), slice(-_ENDS, None)))
        yield f"  first {_ENDS} blocks {first:.1f} ms a frame, last {_ENDS} blocks {last:.1f} ms"


_ENDS = 20
"""Number of blocks, of half a second, at both ends of a sustained run."""


def _usual_ms(record: Existing, part: slice) -> float:
    times = [block["wall_ns"] / block["frames"] for block in record.blocks[part]]
    return median(times) / 1e6
