"""The lines of a run record.

A record is one JSONL file an entry: a header, a line a frame, a line a block of frames with what
the machine did meanwhile, and an end line once the run finished. Nothing derived is stored:
figures are made from these lines each time.
"""

from typing import Any

import msgspec

SCHEMA = 2


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
    input. mode: burst, sustained or paced; camera_fps: of the paced camera. runtime,
    precision, device: what the network ran on; a session that is anything else never opens.
    The runtime's own words for the device are in the environment, as ran_on. layout: of the
    maps, where another than the runtime's own was asked for. calibrated_on: the data that
    int8 ranges were chosen from. max_batch: crops in one forward at most. card: hash of the
    card that describes an exported model; None for the zoo.
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
    mode: str = "burst"
    camera_fps: float | None = None
    device: str = "cpu"
    layout: str | None = None
    calibrated_on: str | None = None
    max_batch: int = 1
    card: str | None = None


class Header(msgspec.Struct, frozen=True, tag="header", tag_field="kind"):
    """What was run. Two runs with equal identities measured the same thing.

    parameters, macs: None where nobody counted them (of exported models).
    weights_bytes: of the checkpoint; of the parameters as float32 where there is none.
    sigmas: the key points' OKS tolerances, in their order. decoder: version of the decoder's
    rules. truth: name of the file beside the record that holds the annotations scored against.
    own_process: no other entry ran in this process, so its peak memory is this entry's.
    turns: how many entries took turns, block by block. network: name of the network; models that
    share it infer equally fast at the same input size. Empty in records before it was written.
    data_notes: what was left out of annotations and boxes or filled in, one sentence each.
    """

    entry: str
    letter: str | None
    model: str
    family: str
    approach: str
    input_hw: tuple[int, int]
    licence: str
    parameters: int | None
    macs: int | None
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
    weights_bytes: int
    sigmas: tuple[float, ...]
    decoder: int
    own_process: bool
    turns: int
    schema: int = SCHEMA
    network: str = ""
    data_notes: tuple[str, ...] = ()

    def identity(self) -> dict[str, Any]:
        """The part that must agree for a run to be resumed."""
        fields = msgspec.to_builtins(self)
        return {k: v for k, v in fields.items() if k not in _CIRCUMSTANCES}


_CIRCUMSTANCES = ("environment", "started", "own_process", "turns", "network", "data_notes")


class People(msgspec.Struct, frozen=True, array_like=True):
    """Poses of a frame. keypoints: per person x, y, score, 17 times; image pixels."""

    scores: list[float]
    keypoints: list[list[float]]


class FrameLine(msgspec.Struct, frozen=True, tag="frame", tag_field="kind", omit_defaults=True):
    """One finished frame.

    boxes: people handled: boxes run through the network (top-down), people found (bottom-up).
    dropped: boxes that could not be cropped. pixels: of the network's inputs, all scales, where
    they follow the size of the image (bottom-up).
    stages: integer nanoseconds by stage. frame_ns: start to end, by the same clock.
    poses: what the network found; None without trained weights. error: why this frame could
    not be used; then nothing was measured, and a later line of the image holds.
    wait_ns, skipped: in paced mode, from the camera's frame to its start here, and how many
    newer-replaced frames of the camera were dropped just before this one.
    An image may come several times (sustained, paced): each line is a measurement.
    """

    image_id: int
    boxes: int = 0
    dropped: int = 0
    stages: dict[str, int] = {}
    frame_ns: int = 0
    poses: People | None = None
    error: str | None = None
    wait_ns: int = 0
    skipped: int = 0
    pixels: int = 0

    @property
    def load(self) -> int:
        """What the time of a frame mostly follows: pixels where they vary, else people."""
        return self.pixels or self.boxes


class BlockLine(msgspec.Struct, frozen=True, tag="block", tag_field="kind", omit_defaults=True):
    """What the machine did while a block ran: the frames since the last line of this kind.

    frames: their number, failed ones included. began_ns: monotonic, since this machine's boot,
    so that blocks of several entries can be put in order. wall_ns: of the whole block, work
    outside the clock included. sentinel_ns: the fixed workload, run right before the block.
    own_cpu_ns: CPU time of this process. other_cpu_ns: of all others on the machine.
    stolen_ns: by the hypervisor. held_ns: that a CPU quota (cgroup) held this process back.
    major_faults: pages read from disk. preempted: involuntary context switches.
    mhz: mean clock of the cores. celsius: the hottest sensor. throttles: thermal throttle
    events counted by the processor. energy_j: joules by counter. peak_rss: the most memory the
    process ever held, bytes. None where the platform does not tell.
    """

    frames: int
    began_ns: int
    wall_ns: int
    sentinel_ns: int
    own_cpu_ns: int | None = None
    other_cpu_ns: int | None = None
    stolen_ns: int | None = None
    held_ns: int | None = None
    major_faults: int | None = None
    preempted: int | None = None
    mhz: float | None = None
    celsius: float | None = None
    throttles: int | None = None
    energy_j: dict[str, float] = {}
    peak_rss: int | None = None


class PerfectLine(msgspec.Struct, frozen=True, tag="perfect", tag_field="kind"):
    """What perfect outputs for the annotated boxes of one image decode to; not timed."""

    image_id: int
    people: People


class Resumed(msgspec.Struct, frozen=True, tag="resumed", tag_field="kind"):
    """A later process went on from here, in this environment."""

    environment: dict[str, Any]
    started: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """The run came to its own end. reason: all frames, limit, budget or precision."""

    reason: str


Line = Header | FrameLine | BlockLine | PerfectLine | Resumed | End
