"""Defines the lines of a run record.

A record is one JSONL file per entry: a header, one line per frame, one line per block of frames
with the activity of the machine during the block, and an end line once the run has finished.
Nothing derived is stored; figures are computed from these lines each time.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from posemark.core.frame import Origin
from posemark.core.stages import STAGES
from posemark.records.identity import identity_of

SCHEMA = 2
"""The version of this format; a record of another version is refused."""

FARTHEST = 1e9
"""Largest absolute value of a coordinate (px) or a score; larger values come from an overflow."""

# The ranges of the fields are checked when a record is read, so that the code that computes with
# them need not check again. They only exclude values that no run can have written.
Count = Annotated[int, Meta(ge=0, le=10**9)]
TrackId = Annotated[int, Meta(ge=-1, le=10**9)]
"""The number of a person in a clip; -1 for a pose that belongs to nobody who is followed."""

Positive = Annotated[int, Meta(ge=1, le=10**9)]
Size = Annotated[int, Meta(ge=0, le=10**18)]
Nanoseconds = Annotated[int, Meta(ge=0, le=10**15)]
Moment = Annotated[int, Meta(ge=0, le=10**18)]
Reading = Annotated[float, Meta(ge=-1e12, le=1e12)]
Rate = Annotated[float, Meta(ge=0, le=1e18)]
Share = Annotated[float, Meta(ge=0, le=1)]
Identifier = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Coordinate = Annotated[float, Meta(ge=-FARTHEST, le=FARTHEST)]
Name = Annotated[str, Meta(min_length=1)]
FileName = Annotated[str, Meta(pattern=r"^(?!\.{1,2}$)[^/\\\x00-\x1f]{1,255}$")]

ACCURACY = "accuracy"
"""The mode of a run whose images were shared by workers; it has no speed."""

KEYPOINTS = 17
"""Key points of a person (COCO's)."""

BoxRow = tuple[Coordinate, Coordinate, Coordinate, Coordinate, Share]
"""x, y, w, h (image pixels) and score of a person box."""

Keypoints = Annotated[list[Coordinate], Meta(min_length=3 * KEYPOINTS, max_length=3 * KEYPOINTS)]
Positions = Annotated[list[Coordinate], Meta(min_length=2 * KEYPOINTS, max_length=2 * KEYPOINTS)]


class Published(msgspec.Struct, frozen=True):
    """A published AP (0..1) on COCO val2017 with the settings of its measurement.

    Attributes:
        ap: AP (0..1).
        boxes: the boxes used; begins with gt or detected, or with single or multi (scales) for
            bottom-up models.
        flip: whether the flip test was used.
        source: where the figure was published.
    """

    ap: Share
    boxes: Annotated[str, Meta(pattern=r"^\w")]
    flip: bool
    source: str


class Source(msgspec.Struct, frozen=True):
    """An input that a result depends on, identified by its name and the hash of its content."""

    name: str
    sha256: str
    licence: str | None = None


class Settings(msgspec.Struct, frozen=True):
    """All choices of the user that change the figures.

    Attributes:
        convention: the box convention of a top-down model; "" for bottom-up models.
        codec: the name of the codec.
        flip: whether the flip test was used.
        persons: serial (one crop per forward pass) or batched (several crops of a frame).
        min_score: the least score of the boxes that are used.
        threads: the number of threads of the runtime.
        runtime: the name of the runtime. A session with another runtime, precision or device is
            never opened.
        precision: the precision of the network.
        scales: the scales of a bottom-up model's input.
        mode: burst, sustained, paced or overlapped; or accuracy, if workers shared the images, so
            that no speed was measured.
        camera_fps: the frames per second of the camera in paced mode; else None.
        device: the device of the network. The runtime's own name for it is stored in the
            environment as ran_on.
        layout: the memory layout of feature maps; None for the runtime's own choice.
        calibrated_on: the data from which int8 ranges were chosen; None without calibration.
        max_batch: the most crops in one forward pass.
        card: the hash of the card of an exported model; None for a model of the zoo.
        repeat: how many times the run goes through its frames.
        streams: the number of frames that are processed at the same time. Each has its part of
            the threads.
        smooth: whether key points were smoothed over the frames of a clip.
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
    streams: Positive = 1
    smooth: bool = False

    def __post_init__(self) -> None:
        """Require at least one thread for each of the streams.

        Raises:
            ValueError: if there are fewer.
        """
        if self.streams > self.threads:
            raise ValueError(f"{self.streams} streams with {self.threads} threads")


class Detector(msgspec.Struct, frozen=True):
    """The person detector of a run, which works inside the clock.

    Attributes:
        name: the name of the detector.
        sha256: the digest of its file, or the version of the library that it is part of.
        size: the longest side of its input, in pixels.
        runtime: the name of its runtime.
        precision: the precision of its network.
        min_score: the least score of the boxes that are used.
        max_people: the most boxes per image that are used.
        every: the detector looks at every n-th frame only, and people are followed in between;
            None if it looks at every frame.
    """

    name: str
    sha256: str
    size: Positive
    runtime: str
    precision: str
    min_score: Share
    max_people: Positive
    every: Positive | None = None


class Shard(msgspec.Struct, frozen=True):
    """The part of a run's images that a record has, if several workers shared the images.

    Attributes:
        number: the number of the part, from 1.
        of: the number of parts.
        images: a digest of the ids of all images of the run, in their order.
    """

    number: Positive
    of: Positive
    images: str

    def __post_init__(self) -> None:
        """Require a number that is at most the number of parts.

        Raises:
            ValueError: if it is larger.
        """
        if self.number > self.of:
            raise ValueError(f"shard {self.number} of {self.of}")


class Given(msgspec.Struct, frozen=True):
    """The options as the user typed them, for inputs that other fields identify by hash only.

    Each is empty if the option was not given.

    Attributes:
        weights: a checkpoint file.
        boxes: a file of detections ("file:F"), or a person detector ("detector:NAME").
        calibrate: the data for int8 ranges.
        card: the card of an exported model, unless it comes with PoseMark.
        codec: a codec other than the model's own.
    """

    weights: str = ""
    boxes: str = ""
    calibrate: str = ""
    card: str = ""
    codec: str = ""


class Environment(msgspec.Struct, frozen=True):
    """The parts of a header's environment that reports use; the environment may hold more.

    Fields that older records lack have their default.

    Attributes:
        cpu: the name of the processor.
        cores: the number of cores that the process could use.
        cpus: the number of logical cores of the machine.
        system: name and version of the kernel.
        python: the version of Python.
        libraries: versions by package; None if a package is not installed.
        ceiling: the peak of the machine: multiply-accumulates or bytes per second by name, and
            the number of threads used.
        memory_gib: the main memory in GiB.
        label: the user's name for the machine.
        board: the name of the computer according to its firmware.
        gpus: the names of the GPUs.
        os: name and version of the operating system.
        power_mode: the power mode of a board that has some, and whether its clocks are fixed.
        contradiction: a sentence if the processor is not that of the board named.
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
    power_mode: str | None = None
    contradiction: str | None = None


class Header(msgspec.Struct, frozen=True, tag="header", tag_field="kind"):
    """The first line of a record: what was run, with which inputs, on which machine.

    Two runs with equal identities measured the same thing. Fields that older records lack have
    their default.

    Attributes:
        entry: the name of the entry in its suite or on the command line.
        letter: the letter of the configuration in the blog post; None if it has none.
        model: the name of the model.
        family: the family of the model.
        approach: top-down or bottom-up.
        input_hw: height and width of the network's input, in pixels.
        licence: the licence of the model's code.
        parameters: the number of parameters; None if unknown (exported models).
        macs: multiply-accumulates of one forward pass; None if unknown (exported models).
        weights: the checkpoint.
        data: the data set.
        boxes: the source of the person boxes.
        box_kind: gt, detected or none.
        settings: the choices of the user.
        published: the published AP for the model; None if there is none.
        environment: the machine and the software; `facts` gives the parts that reports use.
        posemark: the version of PoseMark.
        protocol: the version of the measurement protocol.
        truth: the name of the file beside the record with the annotations to score against.
        started: date and time of the start (UTC, ISO 8601).
        weights_bytes: the size of the checkpoint, or of the parameters as float32 if there is
            no checkpoint.
        sigmas: the OKS sigmas, in the order of the key points; the square of a much smaller one
            would be 0.
        decoder: the version of the decoder's rules.
        own_process: whether no other entry ran in this process, so that the peak memory is that
            of this entry.
        turns: the number of entries that took turns, block by block.
        schema: the version of this format.
        network: the name of the network; models that share it have equal inference times at the
            same input size.
        run: an arbitrary name of the run that every line repeats, together with its number.
        data_notes: one sentence for each thing that was left out of annotations and boxes, or
            filled in.
        photographs: whether the frames are photographs; None if unknown.
        given: the options to type for the same run.
        detector: the person detector inside the clock; None if the boxes were given.
        shard: the part of the run's images that the record has; None if it has all of them.
    """

    entry: Name
    letter: str | None
    model: Name
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
    sigmas: tuple[Annotated[float, Meta(ge=1e-4, le=100)], ...]
    decoder: int
    own_process: bool
    turns: Positive
    schema: int = SCHEMA
    network: str = ""
    run: str = ""
    data_notes: tuple[str, ...] = ()
    photographs: bool | None = None
    given: Given = Given()
    detector: Detector | None = None
    shard: Shard | None = None

    @property
    def timed(self) -> bool:
        """Return whether the run measured speed."""
        return self.settings.mode != ACCURACY

    @property
    def scores_ap(self) -> bool:
        """Return whether AP over the frames describes a model, which only photographs allow."""
        if self.photographs is None:  # older records knew one data set of drawings
            return self.data.name != _DRAWN
        return self.photographs

    @property
    def bundled(self) -> bool:
        """Return whether run.py of a bundle measured the run, on a device."""
        return "edge" in self.environment

    @property
    def facts(self) -> Environment:
        """Return the parts of the environment that reports use."""
        return msgspec.convert(self.environment, Environment)

    def identity(self) -> dict[str, Any]:
        """Return the fields that must agree for a run to be resumed."""
        fields = msgspec.to_builtins(self)
        return identity_of(fields)


_DRAWN = "sample"


class People(msgspec.Struct, frozen=True, array_like=True):
    """The poses of a frame.

    Attributes:
        scores: one score per person.
        keypoints: per person 17 times x, y (image pixels) and score.
    """

    scores: list[Coordinate]
    keypoints: list[Keypoints]

    def __post_init__(self) -> None:
        """Require one score per person.

        Raises:
            ValueError: if the numbers differ.
        """
        if len(self.scores) != len(self.keypoints):
            raise ValueError(f"{len(self.scores)} scores of {len(self.keypoints)} people")


class FrameLine(msgspec.Struct, frozen=True, tag="frame", tag_field="kind", omit_defaults=True):
    """One measurement of a frame, or its failure.

    An image may occur several times (sustained, paced, repeat); each line is a measurement.

    Attributes:
        image_id: the id of the image in its data set.
        boxes: the number of people: boxes run through the network (top-down), or people found
            (bottom-up).
        dropped: the number of boxes that could not be cropped.
        stages: nanoseconds by stage.
        frame_ns: nanoseconds from start to end of the frame, by the same clock.
        poses: the poses found; None without trained weights.
        error: why the frame could not be used; nothing was measured then, and a later line of
            the same image replaces this one. None for a measurement.
        wait_ns: in paced mode, nanoseconds from the camera's exposure to the start of the frame.
        skipped: in paced mode, the number of camera frames dropped right before this one.
        pixels: pixels of the network's inputs over all scales, if they follow the size of the
            image (bottom-up); else 0.
        origin: where the person boxes come from.
        found: the person boxes that were found inside the clock, first the `boxes` that were
            used, then those that a detector found beside them; empty if they were given.
        ids: who is who in a clip, one number per person of `poses`, or -1 for a pose of nobody who
            is followed; empty if nobody is followed.
        unsmoothed: per person of `poses` 17 times x, y (image pixels) before smoothing; empty if
            nothing was smoothed.
        stream: in overlapped mode, the number of the thread that processed the frame, from 0.
        began_ns: in overlapped mode, the monotonic time of the start, by the clock of the block;
            the frame ended frame_ns later.
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
    origin: Origin = "given"
    found: list[BoxRow] = []
    ids: list[TrackId] = []
    unsmoothed: list[Positions] = []
    stream: Count = 0
    began_ns: Moment = 0

    @property
    def load(self) -> int:
        """Return what the time of a frame mostly depends on: pixels if they vary, else people."""
        return self.pixels or self.boxes

    @property
    def inferred(self) -> bool:
        """Return whether the network ran: it does not on a frame without boxes."""
        return self.stages.get("infer", 0) > 0


class BlockLine(msgspec.Struct, frozen=True, tag="block", tag_field="kind", omit_defaults=True):
    """The activity of the machine during a block: the frames since the last line of this kind.

    A reading that the platform does not provide is None.

    Attributes:
        frames: the number of frames, failed ones included.
        began_ns: the monotonic start time, in nanoseconds since the machine's boot, so that the
            blocks of several entries can be ordered.
        wall_ns: the duration of the block, with the work outside the clock.
        sentinel_ns: the time of the fixed workload that runs right before the block; 0 in a run
            that measures no speed.
        own_cpu_ns: the CPU time of this process.
        other_cpu_ns: the CPU time of all other processes on the machine.
        stolen_ns: the CPU time that the hypervisor took.
        held_ns: the time for which a CPU quota (cgroup) held this process back.
        major_faults: the number of page faults that read from a disk.
        preempted: the number of involuntary context switches.
        mhz: the mean clock frequency of the cores.
        celsius: the temperature of the hottest sensor.
        throttles: the number of times that heat, current or voltage slowed the machine down; see
            posemark.board.throttling.
        energy_j: joules by energy counter.
        peak_rss: the largest resident memory of the process so far, in bytes.
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
    """The poses decoded from perfect network outputs for one image's annotations; not timed."""

    image_id: Identifier
    people: People


class TrialLine(msgspec.Struct, frozen=True, tag="trial", tag_field="kind"):
    """One frame that ran alone before an overlapped run, twice, to predict the gain.

    Attributes:
        image_id: the id of the image in its data set.
        serial: nanoseconds by stage on all threads of the run.
        stream: nanoseconds by stage on the threads of one stream.
    """

    image_id: Identifier
    serial: dict[str, Nanoseconds]
    stream: dict[str, Nanoseconds]


class OnTruthLine(msgspec.Struct, frozen=True, tag="on_truth", tag_field="kind"):
    """The poses of one image on ground-truth boxes, in a run with a person detector; not timed."""

    image_id: Identifier
    people: People


class Resumed(msgspec.Struct, frozen=True, tag="resumed", tag_field="kind"):
    """A later process resumed the run from here, in this environment."""

    environment: dict[str, Any]
    started: str


class Damaged(msgspec.Struct, frozen=True, tag="damaged", tag_field="kind"):
    """The run was resumed from here although some lines above were damaged.

    Attributes:
        lines: the numbers of the damaged lines, which are passed over. What they held is measured
            again.
    """

    lines: list[Positive]


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind"):
    """The run ended by itself.

    Attributes:
        reason: all frames, limit, budget or precision; within, if the time that all entries
            of the run shared was used up; or shard, if the record has a part of the images.
    """

    reason: str


class Stamp(msgspec.Struct, frozen=True):
    """The name of the run that a line belongs to, and its line number, from 1.

    Both are written into every line beside its own fields, followed by a checksum
    (core/line_sums.py); lines of older records lack them.
    """

    run: str = ""
    line: Count = 0


Line = (
    Header | FrameLine | BlockLine | PerfectLine | OnTruthLine | TrialLine | Resumed | Damaged | End
)


def require_whole(line: Line) -> None:
    """Check the conditions on a line that its types cannot express.

    Raises:
        msgspec.ValidationError: if the environment lacks a part that reports use.
        ValueError: if a measured frame lacks the time of a stage, or has not one id or one row of
            unsmoothed points per person.
    """
    if isinstance(line, Header):
        msgspec.convert(line.environment, Environment)
    if isinstance(line, FrameLine) and line.error is None:
        missing = [stage for stage in STAGES if stage not in line.stages]
        if missing:
            raise ValueError(f"a measured frame without the time of {', '.join(missing)}")
        _require_one_per_person(line)


def _require_one_per_person(line: FrameLine) -> None:
    people = len(line.poses.scores) if line.poses else 0
    for name, each in (("ids", line.ids), ("rows of unsmoothed points", line.unsmoothed)):
        if each and len(each) != people:
            raise ValueError(f"{len(each)} {name} of {people} people")
