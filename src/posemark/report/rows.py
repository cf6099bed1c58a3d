"""One row of the benchmark: what `run --json` prints and every chart and table shows."""

from dataclasses import dataclass, field

from posemark.measure.clock import STAGES

__all__ = ["POSE_STAGES", "STAGES", "Published", "Row"]

POSE_STAGES = ("preprocess", "infer", "postprocess")
"""What pose FPS counts: neither decoding nor the detector (the blog post's rule)."""


@dataclass(frozen=True)
class Published:
    """A published AP (0..1) on COCO val2017 and the settings it was measured at."""

    AP: float
    boxes: str
    flip: bool
    source: str


@dataclass(frozen=True)
class Row:
    """The figures of one entry. The fields up to codec_ceiling are a public interface.

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
        the frames of the run; None where they determine none.
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
    parameters: int = 0
    macs: int = 0
    failed_frames: int = 0
    dropped_boxes: int = 0
    complete: bool = True
    machine: str = ""
    notes: tuple[str, ...] = field(default=())
    scales: tuple[float, ...] = (1.0,)
    intercept_ms: float | None = None
    ms_per_person: float | None = None
