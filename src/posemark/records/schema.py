"""The lines of a run record.

A record is one JSONL file per entry: a header, one line per frame, one line per block of frames
with what the machine did meanwhile, and an end line once the run finished. Nothing derived is
stored: figures are made from these lines each time.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from posemark.core.stages import STAGES

SCHEMA = 2

FARTHEST = 1e9
"""Pixels that a coordinate may be away from an image, and the most that a score may be: what is
beyond is no pose but an overflow."""

# What a field may hold is declared here and held when a record is read, so that no arithmetic
# behind it has to ask again. The limits only keep out what no run can have written.
Count = Annotated[int, Meta(ge=0, le=10**9)]
Positive = Annotated[int, Meta(ge=1, le=10**9)]
Size = Annotated[int, Meta(ge=0, le=10**18)]
Nanoseconds = Annotated[int, Meta(ge=0, le=10**15)]
Moment = Annotated[int, Meta(ge=0, le=10**18)]
Reading = Annotated[float, Meta(ge=-1e12, le=1e12)]
Rate = Annotated[float, Meta(ge=0, le=1e18)]
Share = Annotated[float, Meta(ge=0, le=1)]
Identifier = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Coordinate = Annotated[float, Meta(ge=-FARTHEST, le=FARTHEST)]
FileName = Annotated[str, Meta(pattern=r"^(?!\.{1,2}$)[^/\\\x00-\x1f]{1,255}$")]

KEYPOINTS = 17
Keypoints = Annotated[list[Coordinate], Meta(min_length=3 * KEYPOINTS, max_length=3 * KEYPOINTS)]


class Published(msgspec.Struct, frozen=True):
    """A published AP (0..1) on COCO val2017 and the settings it was measured at."""

    ap: Share
    boxes: Annotated[str, Meta(pattern=r"^\w")]
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
    card that describes an exported model; None for the zoo. repeat: how many times a burst goes
    through its frames.
    """

    convention: str
    codec: str
    flip: bool
    persons: str
    min_score: Share
    threads: Positive
    runtime: str
    precision: str
    scales: tuple[Annotated[float, Meta(gt=0, le=100)], ...] = (1.0,)
    mode: str = "burst"
    camera_fps: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    device: str = "cpu"
    layout: str | None = None
    calibrated_on: str | None = None
    max_batch: Positive = 1
    card: str | None = None
    repeat: int = 1


class Given(msgspec.Struct, frozen=True):
    """What was typed for inputs that the other fields tell by name and hash alone.

    weights, boxes: of a checkpoint file and a detections file ("file:F"). calibrate: the data of
    int8 ranges. card: of an exported model, unless PoseMark brings it. codec: another than the
    model's own. Empty where there is none.
    """

    weights: str = ""
    boxes: str = ""
    calibrate: str = ""
    card: str = ""
    codec: str = ""


class Environment(msgspec.Struct, frozen=True):
    """The parts of a header's environment that reports rely on; it may hold more.

    cores: that the process could use; cpus: that the machine has. ceiling: what the machine
    attains, multiply-accumulates or bytes a second by name, and the threads used.
    label: the user's name for the machine. board: of the computer, as its firmware says.
    os: name and version; system: that of the kernel. What older records lack is empty.
    """

    cpu: str
    cores: Positive
    cpus: Positive
    system: str | None = None
    python: str | None = None
    libraries: dict[str, str | None] = {}
    ceiling: dict[str, Rate] | None = None
    memory_gib: Rate | None = None
    label: str | None = None
    board: str | None = None
    gpus: tuple[str, ...] = ()
    os: str | None = None


class Header(msgspec.Struct, frozen=True, tag="header", tag_field="kind"):
    """What was run. Two runs with equal identities measured the same thing.

    parameters, macs: None where nobody counted them (of exported models).
    weights_bytes: of the checkpoint; of the parameters as float32 where there is none.
    sigmas: the key points' OKS tolerances, in their order. decoder: version of the decoder's
    rules. truth: name of the file beside the record that holds the annotations scored against.
    own_process: no other entry ran in this process, so its peak memory is this entry's.
    turns: how many entries took turns, block by block. network: name of the network; models that
    share it infer equally fast at the same input size. Empty in records before it was written.
    run: an arbitrary name that every line of the run repeats, beside its number; empty in
    records before it was written. photographs: whether the frames are; None in records before
    it was written.
    data_notes: what was left out of annotations and boxes or filled in, one sentence each.
    given: what to type to run it again; empty in records before it was written.
    """

    entry: str
    letter: str | None
    model: str
    family: str
    approach: Literal["top-down", "bottom-up"]
    input_hw: tuple[Positive, Positive]
    licence: str
    parameters: Size | None
    macs: Size | None
    weights: Source
    data: Source
    boxes: Source
    box_kind: str
    settings: Settings
    published: Published | None
    environment: dict[str, Any]
    posemark: str
    protocol: int
    truth: FileName
    started: str
    weights_bytes: Size
    sigmas: tuple[Annotated[float, Meta(gt=0, le=100)], ...]
    decoder: int
    own_process: bool
    turns: Positive
    schema: int = SCHEMA
    network: str = ""
    run: str = ""
    data_notes: tuple[str, ...] = ()
    photographs: bool | None = None
    given: Given = Given()

    @property
    def scores_ap(self) -> bool:
        """Whether AP over the frames says something about a model: over photographs only."""
        if self.photographs is None:  # the only drawn data set there was before this was written
            return self.data.name != _DRAWN
        return self.photographs

    @property
    def facts(self) -> Environment:
        """What the environment says in the words that reports rely on."""
        return msgspec.convert(self.environment, Environment)

    def identity(self) -> dict[str, Any]:
        """The part that must agree for a run to be resumed."""
        fields = msgspec.to_builtins(self)
        return {k: v for k, v in fields.items() if k not in _CIRCUMSTANCES}


_CIRCUMSTANCES = (
    *("environment", "started", "own_process", "turns", "network", "run", "data_notes"),
    "photographs",  # follows from the data, which are part of the identity
    "given",  # a file may have moved; its hash is part of the identity
)

_DRAWN = "sample"


class People(msgspec.Struct, frozen=True, array_like=True):
    """Poses of a frame. keypoints: per person x, y, score, 17 times; image pixels."""

    scores: list[Coordinate]
    keypoints: list[Keypoints]

    def __post_init__(self) -> None:
        """One score for each person."""
        if len(self.scores) != len(self.keypoints):
            raise ValueError(f"{len(self.scores)} scores of {len(self.keypoints)} people")


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
    An image may come several times (sustained, paced, repeat): each line is a measurement.
    """

    image_id: Identifier
    boxes: Count = 0
    dropped: Count = 0
    stages: dict[str, Nanoseconds] = {}
    frame_ns: Nanoseconds = 0
    poses: People | None = None
    error: str | None = None
    wait_ns: Nanoseconds = 0
    skipped: Count = 0
    pixels: Size = 0

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

    frames: Count
    began_ns: Moment
    wall_ns: Nanoseconds
    sentinel_ns: Nanoseconds
    own_cpu_ns: Size | None = None
    other_cpu_ns: Size | None = None
    stolen_ns: Size | None = None
    held_ns: Size | None = None
    major_faults: Size | None = None
    preempted: Size | None = None
    mhz: Reading | None = None
    celsius: Reading | None = None
    throttles: Size | None = None
    energy_j: dict[str, Reading] = {}
    peak_rss: Size | None = None


class PerfectLine(msgspec.Struct, frozen=True, tag="perfect", tag_field="kind"):
    """What perfect outputs for the annotated boxes of one image decode to; not timed."""

    image_id: Identifier
    people: People


class Resumed(msgspec.Struct, frozen=True, tag="resumed", tag_field="kind"):
    """A later process went on from here, in this environment."""

    environment: dict[str, Any]
    started: str


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """The run came to its end.

    reason: all frames, limit, budget, precision, or
    within: the time that all entries of the run shared was over.
    """

    reason: str


class Stamp(msgspec.Struct, frozen=True):
    """Which run a line belongs to, and which line of it it is, from 1.

    Written into every line beside its own fields. Empty in the lines of records without a run.
    """

    run: str = ""
    line: Count = 0


Line = Header | FrameLine | BlockLine | PerfectLine | Resumed | End


def require_whole(line: Line) -> None:
    """What the types of a line cannot say of it.

    Raises:
        ValueError, msgspec.ValidationError: if the environment lacks what reports rely on, or a
            measured frame lacks the time of a stage.
    """
    if isinstance(line, Header):
        msgspec.convert(line.environment, Environment)
    if isinstance(line, FrameLine) and line.error is None:
        missing = [stage for stage in STAGES if stage not in line.stages]
        if missing:
            raise ValueError(f"a measured frame without the time of {', '.join(missing)}")
