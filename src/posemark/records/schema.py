"""The lines of a run record.

A record is one JSONL file an entry: a header, a line a frame, and an end line once the run
finished. Nothing derived is stored: figures are made from these lines each time.
"""

from typing import Any

import msgspec

SCHEMA = 1


class Published(msgspec.Struct, frozen=True):
    """A published AP (0..1) on COCO val2017 and the settings it was measured at."""

    ap: float
    boxes: str
    flip: bool
    source: str


class Source(msgspec.Struct, frozen=True):
    """Something a result depends on, by name and content hash."""

    name: str
    sha256: str
    licence: str | None = None


class Settings(msgspec.Struct, frozen=True):
    """Everything a user can choose that changes the figures.

    convention: of a top-down model's boxes, "" for bottom-up. scales: of a bottom-up model's
    input.
    """

    convention: str
    codec: str
    flip: bool
    persons: str
    min_score: float
    threads: int
    runtime: str
    precision: str
    scales: tuple[float, ...] = (1.0,)


class Header(msgspec.Struct, frozen=True, tag="header", tag_field="kind"):
    """What was run. Two runs with equal identities measured the same thing.

    truth: name of the file beside the record that holds the annotations scored against.
    """

    entry: str
    letter: str | None
    model: str
    family: str
    approach: str
    input_hw: tuple[int, int]
    licence: str
    parameters: int
    macs: int
    weights: Source
    data: Source
    boxes: Source
    box_kind: str
    settings: Settings
    published: Published | None
    environment: dict[str, Any]
    posemark: str
    protocol: int
    truth: str
    started: str
    schema: int = SCHEMA

    def identity(self) -> dict[str, Any]:
        """The part that must agree for a run to be resumed."""
        fields = msgspec.to_builtins(self)
        return {k: v for k, v in fields.items() if k not in ("environment", "started")}


class People(msgspec.Struct, frozen=True, array_like=True):
    """Poses of a frame. keypoints: per person x, y, score, 17 times; image pixels."""

    scores: list[float]
    keypoints: list[list[float]]


class FrameLine(msgspec.Struct, frozen=True, tag="frame", tag_field="kind", omit_defaults=True):
    """One finished frame.

    boxes: people handled: boxes run through the network (top-down), people found (bottom-up).
    dropped: boxes that could not be cropped.
    stages: integer nanoseconds by stage. frame_ns: start to end, by the same clock.
    poses: what the network found; None without trained weights. error: why this frame could
    not be used; then nothing was measured. Of two lines of one image the later one holds.
    """

    image_id: int
    boxes: int = 0
    dropped: int = 0
    stages: dict[str, int] = {}
    frame_ns: int = 0
    poses: People | None = None
    error: str | None = None


class PerfectLine(msgspec.Struct, frozen=True, tag="perfect", tag_field="kind"):
    """What perfect outputs for the annotated boxes of one image decode to; not timed."""

    image_id: int
    people: People


class Resumed(msgspec.Struct, frozen=True, tag="resumed", tag_field="kind"):
    """A later process went on from here, in this environment."""

    environment: dict[str, Any]
    started: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """The run came to its own end. reason: all frames, limit or budget."""

    reason: str


Line = Header | FrameLine | PerfectLine | Resumed | End
