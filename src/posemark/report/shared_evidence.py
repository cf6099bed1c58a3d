"""Evidence that rows with the same network share: their inference time rests on all their frames.

Entries that run one network in the same way infer equally fast, so the line of inference time
over people is fitted to the frames of all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posemark.measure.shared_costs import Part, fps_interval, line_of, spread_of
from posemark.records import files, schema
from posemark.report.result_row import Row


@dataclass(frozen=True)
class Derived:
    """The figures of one record, and what the figures of other records need of it.

    Attributes:
        row: the figures of the record by itself.
        parts: parts of the time of its frames: infer, preprocess, postprocess.
        path: the record file.
        images: ids of the measured images.
    """

    row: Row
    parts: tuple[Part, ...]
    path: Path
    images: frozenset[int]


def parts_of(record: files.Record) -> tuple[Part, ...]:
    """Return the time of a frame over its people, in parts: infer, preprocess, postprocess.

    Only inference can be shared with other entries, so it comes first.
    """
    measured = ([f for f in block.frames if f.error is None] for block in record.blocks)
    blocks = [frames for frames in measured if frames]
    top_down = record.header.approach != "bottom-up"
    return tuple(
        Part.of([[(f.boxes, milliseconds(f, stages)) for f in block] for block in blocks], sloped)
        for stages, sloped in (
            (("infer",), top_down),
            (("preprocess",), top_down),
            (("postprocess",), True),
        )
    )


def with_shared_evidence(found: Sequence[Derived]) -> list[Row]:
    """Return the rows in the order given, with inference times from all frames of their network.

    A record contributes to others only if its own speed is valid or noisy.
    """
    return [_with_evidence_of(each, found) for each in found]


def _with_evidence_of(own: Derived, found: Sequence[Derived]) -> Row:
    row, (infer, *rest) = own.row, own.parts
    if not row.timed:
        return row
    if row.overlapped:  # its frames slow each other down, so they say nothing of one frame alone
        return replace(row, network_frames=row.frames)
    others = [
        other
        for other in found
        if other is not own and _shares(other.row, row) and other.row.verdict.kind in _LENDING
    ]
    parts = [infer.joined([other.parts[0] for other in others]), *rest]
    line = line_of(parts) if others and row.frames else None
    spread = spread_of(parts, row.blocks)
    twins = [row, *(other.row for other in others if other.row.boxes == row.boxes)]
    return replace(
        row,
        network_frames=row.frames + sum(other.row.frames for other in others),
        line_spread=spread,
        shared_fps=fps_interval(line, spread, _crowd(twins)) if line and spread else None,
        intercept_ms=line.base if line else row.intercept_ms,
        ms_per_person=line.per_person if line else row.ms_per_person,
    )


def _crowd(rows: Sequence[Row]) -> float:
    """Mean people of a frame, over all frames of these rows."""
    return sum(row.persons for row in rows) / sum(row.frames for row in rows)


_LENDING = ("valid", "noisy")
"""Verdicts of rows whose inference times may count for other rows: nothing disturbed the run."""


def _shares(one: Row, other: Row) -> bool:
    """Whether both run the same network in the same way on the same machine."""
    return _inference(one) == _inference(other)


def _inference(row: Row) -> tuple[object, ...]:
    what = (row.network, row.input_hw, row.approach, row.scales, row.flip, row.persons_mode)
    how = (row.runtime, row.precision, row.device, row.threads, row.mode, row.camera_fps)
    data = row.data if row.approach == "bottom-up" else ""
    same = (row.machine, row.fingerprint.get("protocol", ""), row.fingerprint.get("card", ""))
    return *what, *how, *same, *row.inference, data


def milliseconds(frame: schema.FrameLine, stages: Sequence[str]) -> float:
    """Return the summed time of these stages of a frame in milliseconds."""
    return sum(frame.stages[stage] for stage in stages) / 1e6
