"""One row of the benchmark: what every chart and table shows; report/json_result.py is its JSON."""

from dataclasses import dataclass, field

from posemark.measure.clock import POSE_STAGES, STAGES

__all__ = ["POSE_STAGES", "STAGES", "ComparedAP", "Published", "Reproduction", "Row", "Verdict"]


@dataclass(frozen=True)
class Published:
    """A published AP (0..1) on COCO val2017 and the settings it was measured at."""

    AP: float
    boxes: str
    flip: bool
    source: str


@dataclass(frozen=True)
class Reproduction:
    """How the AP of a run stands to the published one (report/expected_ap.py).

    kind: "within tolerance", "differs", or "not comparable". why: what keeps the two from being
    compared, the gravest first; none where they can be.
    """

    kind: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a result is worth, and why.

    kind: valid, noisy, throttled, drifting, contended or incomparable (docs/protocol.md).
    evidence: sentences with figures, the decisive one first; also what was fine.
    """

    kind: str = "valid"
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparedAP:
    """A measured AP (0..1), and the images that it rests on.

    interval, draws: as ap_interval and ap_draws of a row. images: their number. key: their hash.
    """

    AP: float
    interval: tuple[float, float] | None
    draws: tuple[float, ...]
    images: int
    key: str


@dataclass(frozen=True)
class Row:
    """The figures of one entry. Its public form is Result (report/json_result.py, docs/json.md).

    weights: a tag, a file name, or "none" (weights by formula: the speed is measured, the
        accuracy is not). persons: boxes run through the network (top-down) or people found
        (bottom-up), all frames together.
    fps_pose: frames / (preprocess + infer + postprocess); None where that time is zero.
    fps_pipeline: frames / all stages.
    stage_ms: mean milliseconds a frame, by stage.
    ap: AP, AP50, AP75, APM, APL, AR in 0..1, from the poses of this very run; None where no
        real weights or no truth. A size range without people is None.
    codec_ceiling: AP of perfect outputs through the decoder.
    scales: of the input (bottom-up).
    intercept_ms, ms_per_person: the pose time of a frame as a line over its people, fitted to
        the frames of the run; None where they determine none. most_people: in any frame of the
        run; what the line says beyond is extrapolated.
    fps_interval: 95% interval of fps_pose over the very frames of this run; None with too few
        blocks. blocks: how many it rests on. verdict: what the speed is worth.
    latency_ms: p50, p90, p95, p99 of the time of a frame, all stages, those that have enough
        frames; in paced mode from the camera's frame on. histogram: frames by latency bin
        (report/latency.py), (bin, frames).
    timeline: (seconds since the first block, pose FPS, sentinel ms), at most 60 points.
    mode, camera_fps: as run. dropped_share: of the camera's frames (paced). sustainable_fps:
        the fastest camera of which at most 1 % of the frames would be dropped, replayed from
        the times of the frames.
    peak_memory: bytes, where the entry had a process of its own. energy_mj: millijoules a
        frame by counter, where the platform has one. weights_bytes: of the checkpoint, or of
        the parameters.
    share: multiply-accumulates that infer did a second, over those that this machine attains at
        the same precision and number of threads; None where one is not known.
    keypoint_accuracy: mean OKS similarity by key point, 0..1. ap_interval: 95 % of AP, images
        resampled. ap_draws: AP over each of the resampled sets of images, which are the same
        ones wherever the images are; none with too few images. ap_images: that AP rests on.
    ap_common: AP over the images that all records of the run have; None where they have the same
        ones (report/common_images.py).
    images: hash of the images that AP rests on. fingerprint: what else decides whether two
        results measure the same: images, data, boxes, sigmas, decoder, weights, precision,
        protocol. started: wall-clock time.
    expected: "expected 74.4 (detected, flip test), got 74.3", or why the published figure
        says nothing about this run; "" where none is published or nothing was measured.
    reproduction: the same as a verdict; None where expected is "".
    unscored: why poses of trained weights have no AP; "" where they have one, or where the
        weights are not trained.
    machine: all that is known to tell it from others; speeds of two are never compared.
    host: the shortest name of it: the user's own, else the board's, else the processor's.
    network: its name; models that share one infer equally fast at the same input size.
    network_frames: frames of all rows read together that share this row's inference, its own
        among them; 0 where a row was read alone. line_spread: half width squared of the 95 %
        interval of the line's time at n people, in ms^2, as the polynomial a + b n + c n^2;
        None with too few blocks. inference: what else its speed depends on: most crops in a
        forward, layout.
    shared_fps: 95% interval of FPS by that line, at the mean people of all frames of its network
        on its boxes; None where no other row shares its network. min_score: of boxes.
    typed: options as they were typed, where the other fields do not hold them: "--weights" of a
        file, "--boxes" of a file, "--calibrate", "--machine", "--repeat". card: path of the card
        of an exported model, as typed; "" for those of PoseMark.
    folder: where the record lies, as it was named; "" where nobody knows. data_images: of the
        whole data set, however few of them were measured; 0 where nobody knows.
    """

    entry: str
    letter: str | None
    model: str
    weights: str
    runtime: str
    precision: str
    boxes: str
    frames: int
    persons: int
    fps_pose: float | None
    fps_pipeline: float | None
    stage_ms: dict[str, float]
    ap: dict[str, float | None] | None
    ap_published: Published | None
    codec_ceiling: float | None

    family: str = ""
    approach: str = "top-down"
    input_hw: tuple[int, int] = (0, 0)
    licence: str = ""
    weights_licence: str | None = None
    codec: str = ""
    flip: bool = False
    persons_mode: str = "serial"
    data: str = ""
    threads: int = 0
    parameters: int | None = 0
    macs: int | None = 0
    failed_frames: int = 0
    dropped_boxes: int = 0
    complete: bool = True
    machine: str = ""
    notes: tuple[str, ...] = field(default=())
    scales: tuple[float, ...] = (1.0,)
    intercept_ms: float | None = None
    ms_per_person: float | None = None
    most_people: int = 0
    fps_interval: tuple[float, float] | None = None
    blocks: int = 0
    verdict: Verdict = field(default=Verdict())
    latency_ms: dict[str, float] = field(default_factory=dict[str, float])
    histogram: tuple[tuple[int, int], ...] = ()
    timeline: tuple[tuple[float, float, float], ...] = ()
    mode: str = "burst"
    camera_fps: float | None = None
    dropped_share: float | None = None
    sustainable_fps: float | None = None
    peak_memory: int | None = None
    energy_mj: dict[str, float] | None = None
    weights_bytes: int = 0
    keypoint_accuracy: dict[str, float] | None = None
    ap_interval: tuple[float, float] | None = None
    images: str = ""
    fingerprint: dict[str, str] = field(default_factory=dict[str, str])
    device: str = "cpu"
    started: str = ""
    expected: str = ""
    reproduction: Reproduction | None = None
    share: float | None = None
    network: str = ""
    network_frames: int = 0
    line_spread: tuple[float, float, float] | None = None
    inference: tuple[str, ...] = ()
    unscored: str = ""
    host: str = ""
    shared_fps: tuple[float, float] | None = None
    min_score: float = 0.0
    ap_draws: tuple[float, ...] = ()
    ap_images: int = 0
    typed: dict[str, str] = field(default_factory=dict[str, str])
    card: str = ""
    ap_common: ComparedAP | None = None
    folder: str = ""
    data_images: int = 0

    @property
    def compared(self) -> ComparedAP | None:
        """The measured AP that may stand beside those of other rows; None where none is."""
        ap = self.ap["AP"] if self.ap else None
        if self.ap_common or ap is None:
            return self.ap_common
        return ComparedAP(ap, self.ap_interval, self.ap_draws, self.ap_images, self.images)
