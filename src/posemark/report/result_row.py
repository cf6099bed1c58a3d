"""One row of the benchmark: what every chart and table shows; report/json_result.py is its JSON."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posemark.measure.clock import POSE_STAGES, STAGES
from posemark.report.clip_figures import Looks, Steadiness

if TYPE_CHECKING:  # they load numpy, which `posemark --help` does without
    from posemark.records.schema import Detector
    from posemark.score.people_groups import PeopleGroup

__all__ = ["POSE_STAGES", "STAGES", "ComparedAP", "Published", "Reproduction", "Row", "Verdict"]


@dataclass(frozen=True)
class Published:
    """A published AP on COCO val2017 and the settings it was measured at.

    Attributes:
        AP: 0..1.
        boxes: source of the person boxes, or the scales of a bottom-up network.
        flip: whether with flip test.
        source: where it was published.
    """

    AP: float
    boxes: str
    flip: bool
    source: str


@dataclass(frozen=True)
class Reproduction:
    """How the AP of a run compares to the published one (report/expected_ap.py).

    Attributes:
        kind: "within tolerance", "differs", or "not comparable".
        why: what prevents the comparison, the most serious reason first; empty where the two can
            be compared.
    """

    kind: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a result is worth, and why.

    Attributes:
        kind: valid, noisy, throttled, drifting, contended, incomparable or unmeasured
            (docs/protocol.md).
        evidence: sentences with figures, the decisive one first; also those of passed checks.
    """

    kind: str = "valid"
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComparedAP:
    """A measured AP and the images that it rests on.

    Attributes:
        AP: 0..1.
        interval: as ap_interval of a row.
        draws: as ap_draws of a row.
        images: number of images.
        key: hash of the images.
    """

    AP: float
    interval: tuple[float, float] | None
    draws: tuple[float, ...]
    images: int
    key: str


@dataclass(frozen=True)
class Row:
    """The figures of one entry. Its public form is Result (report/json_result.py, docs/json.md).

    Attributes:
        entry: name of what was run: model, boxes or scales, settings.
        letter: letter of the entry in its suite.
        weights: a tag, a file name, or "none" (weights by formula: speed is measured, accuracy is
            not).
        boxes: name of the source of person boxes, or the scales of a bottom-up model.
        frames: measured frames.
        persons: boxes run through the network (top-down) or people found (bottom-up), summed over
            all frames.
        fps_pose: frames / (preprocess + infer + postprocess); None where that time is zero, and for
            overlapped frames, whose times do not add up to the time of the run.
        fps_pipeline: frames / all stages; None as fps_pose.
        stage_ms: mean milliseconds per frame, by stage.
        ap: AP, AP50, AP75, APM, APL, AR in 0..1, from the poses of this very run; None without
            trained weights or without annotations. A size range without people is None.
        ap_published: the AP that the authors published.
        codec_ceiling: AP (0..1) of perfect network outputs through the decoder.
        approach: top-down or bottom-up.
        input_hw: height and width of the network's input in pixels.
        weights_licence: licence of the weights; None where unknown.
        persons_mode: how the crops of a frame are run: "serial" or "batched".
        data: name of the data set.
        parameters: parameters of the network; None where they were not counted.
        macs: multiply-accumulates of one forward pass; None where they were not counted.
        dropped_boxes: boxes without size or area, or outside the image.
        complete: whether the run reached its own end.
        machine: everything known that distinguishes the machine; speeds of two machines are never
            compared.
        scales: scales of the input (bottom-up).
        intercept_ms: pose time of a frame without people, by a line over people that is fitted to
            the frames of the run; None where the frames do not determine a line.
        ms_per_person: slope of that line.
        most_people: the most people in any frame of the run; beyond them the line is extrapolated.
        fps_interval: 95% interval of fps_pose over the frames of this run; None with too few
            blocks.
        blocks: number of blocks that fps_interval rests on.
        verdict: what the speed is worth.
        latency_ms: those of p50, p90, p95 and p99 that have enough frames: percentiles of the time
            of a frame over all stages, in paced mode from the camera's frame on.
        streams: number of frames that were in flight at the same time.
        smooth: whether key points were smoothed over the frames of a clip.
        looks: when the detector looked; None unless it looked at every k-th frame only.
        steadiness: how steady poses are from frame to frame; None unless the frames are clips.
        throughput: frames / wall time of overlapped frames; None in other modes.
        throughput_interval: 95% interval of throughput; None with too few blocks.
        age_ms: percentiles, as in latency_ms, of the age of a frame when its poses are delivered in
            the order of the frames; empty in other modes, where it is the latency.
        overlap_gain: throughput over the speed of one frame after the other, all stages, on the
            same frames; None where that was not measured in the same run.
        predicted_gain: the same, predicted from frames that ran one after the other.
        histogram: (bin, frames) of the time of a frame (measure/latency.py).
        timeline: (seconds since the first block, pose FPS, sentinel ms), at most 60 points.
        mode: burst, sustained, paced, overlapped or accuracy (without any speed).
        camera_fps: rate of the camera in paced mode.
        dropped_share: share of the camera's frames that were dropped, in paced mode.
        sustainable_fps: the fastest camera of which at most 1% of the frames would be dropped,
            simulated from the times of the frames.
        peak_memory: bytes; None where the entry had no process of its own.
        energy_mj: millijoules per frame by counter; None where the platform has no counter.
        weights_bytes: size of the checkpoint, or of the parameters.
        keypoint_accuracy: mean OKS similarity by key point, 0..1.
        ap_interval: 95% interval of AP, images resampled.
        images: hash of the images that AP rests on.
        fingerprint: what else decides whether two results measure the same thing: images, data,
            boxes, sigmas, decoder, weights, precision, protocol.
        device: "cpu", or the accelerator and its name.
        started: wall-clock time, ISO 8601, UTC.
        expected: "expected 74.4 (detected, flip test), got 74.3", or why the published figure
            says nothing about this run; "" where no AP is published or none was measured.
        reproduction: the same as a verdict; None where `expected` is "".
        share: multiply-accumulates per second of the stage infer, over those that this machine
            attains at the same precision and number of threads; None where one is unknown.
        network: name of the network; models that share one infer equally fast at the same input
            size.
        network_frames: frames of all rows read together that share this row's inference, its own
            among them; 0 where a row was read alone.
        line_spread: the square of the half width of the 95% interval of the line's time at n
            people, in ms^2, as the polynomial a + b n + c n^2; None with too few blocks.
        inference: what else the speed of inference depends on: most crops per forward pass,
            layout.
        unscored: why poses of trained weights have no AP; "" where they have one, or where the
            weights are not trained.
        host: short name of the machine: the user's own, else the board's, else the processor's.
        shared_fps: 95% interval of FPS by the line, at the mean people of all frames of its
            network on its boxes; None where no other row shares its network.
        min_score: boxes with a lower score were left out.
        ap_draws: AP of each resampled set of images; the sets are the same for rows over the same
            images. Empty with too few images.
        ap_images: number of images that AP rests on.
        typed: options as they were typed, where no other field holds them: "--weights" of a file,
            "--boxes" of a file, "--calibrate", "--machine", "--repeat".
        card: path of the card of an exported model, as typed; "" for PoseMark's own models.
        ap_common: AP over the images that all records of the run have; None where they all have
            the same images (report/common_images.py).
        folder: folder of the record, as it was given; "" where unknown.
        data_images: images of the whole data set, however few of them were measured; 0 where
            unknown.
        detector: the person detector inside the clock; None where boxes were given. `ap` is then
            that of the whole pipeline.
        model_ap: AP (0..1) of the same network over the same images on ground-truth boxes, where
            a detector found the boxes; None where not all images have such poses.
        box_accuracy: AP, AP50, AP75, APS, APM, APL and AR100 (0..1) of the detector's boxes, and
            the recall of those that were used (score/boxes.py); None without a detector.
        people_groups: accuracy by size, crowding and occlusion of people; empty without a measured
            AP.
        bundled: whether it was measured on a device, with run.py of a bundle.
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
    detector: "Detector | None" = None
    model_ap: float | None = None
    box_accuracy: dict[str, float | None] | None = None
    people_groups: "tuple[PeopleGroup, ...]" = ()
    streams: int = 1
    smooth: bool = False
    looks: Looks | None = None
    steadiness: Steadiness | None = None
    throughput: float | None = None
    throughput_interval: tuple[float, float] | None = None
    age_ms: dict[str, float] = field(default_factory=dict[str, float])
    overlap_gain: float | None = None
    predicted_gain: float | None = None
    bundled: bool = False

    @property
    def timed(self) -> bool:
        """Whether the run measured speed."""
        return self.verdict.kind != "unmeasured"

    @property
    def overlapped(self) -> bool:
        """Whether frames were in flight at the same time, so that only throughput is a speed."""
        return self.mode == "overlapped"

    @property
    def compared(self) -> ComparedAP | None:
        """The measured AP that may be compared with those of other rows; None without one."""
        ap = self.ap["AP"] if self.ap else None
        if self.ap_common or ap is None:
            return self.ap_common
        return ComparedAP(ap, self.ap_interval, self.ap_draws, self.ap_images, self.images)
