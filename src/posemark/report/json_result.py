"""The public form of one entry's figures: `run --json`, `report -o x.json` and .csv.

The names are those of the tables. The program itself works on Row, which may change from release
to release; docs/json.md is generated from this type.
"""

from typing import Annotated, Any

import msgspec

from posemark.report.json_descriptions import SCHEMA, about
from posemark.report.result_row import Row


class Bounds(msgspec.Struct, frozen=True, array_like=True):
    """The two ends of a 95% interval: an array of two numbers, low and high."""

    low: Annotated[float, about("The lower end.")]
    high: Annotated[float, about("The upper end.")]


class Stages(msgspec.Struct, frozen=True):
    """Mean milliseconds per frame by stage; all zero where no frame was timed."""

    decode: Annotated[float, about("Decoding the image.", "ms")] = 0.0
    detect: Annotated[float, about("Detecting people; 0 with given boxes.", "ms")] = 0.0
    preprocess: Annotated[float, about("Cropping, resizing, normalising.", "ms")] = 0.0
    infer: Annotated[float, about("Running the network.", "ms")] = 0.0
    postprocess: Annotated[float, about("Decoding the network's output into key points.", "ms")] = (
        0.0
    )


class Accuracy(msgspec.Struct, frozen=True):
    """COCO's key point metrics, 0 to 1. A size range without people is null."""

    AP: Annotated[float | None, about("Mean AP over OKS thresholds 0.50 to 0.95.")]
    AP50: Annotated[float | None, about("AP at OKS threshold 0.50.")]
    AP75: Annotated[float | None, about("AP at OKS threshold 0.75.")]
    APM: Annotated[float | None, about("AP for people of medium size.")]
    APL: Annotated[float | None, about("AP for large people.")]
    AR: Annotated[float | None, about("Mean recall over the same thresholds as AP.")]


class BoxAccuracy(msgspec.Struct, frozen=True):
    """Accuracy of a detector's boxes over all annotated people, with and without key points.

    A size range without people is null.
    """

    AP: Annotated[float | None, about("COCO's box AP of the category person, 0 to 1.")]
    AP50: Annotated[float | None, about("AP at IoU threshold 0.50.")]
    AP75: Annotated[float | None, about("AP at IoU threshold 0.75.")]
    APS: Annotated[float | None, about("AP for small people.")]
    APM: Annotated[float | None, about("AP for people of medium size.")]
    APL: Annotated[float | None, about("AP for large people.")]
    AR100: Annotated[float | None, about("Mean recall of the 100 best boxes per image.")]
    recall: Annotated[
        float | None,
        about("Share of people who have one of the boxes that were used, at IoU threshold 0.50."),
    ]


class UsedDetector(msgspec.Struct, frozen=True):
    """The person detector inside the timed loop."""

    name: Annotated[str, about("Name of the detector.")]
    sha256: Annotated[
        str, about("Digest of its file, or the version of the library that it is part of.")
    ]
    size: Annotated[int, about("Longest side of its input.", "px")]
    runtime: Annotated[str, about("Runtime that ran it.")]
    precision: Annotated[str, about("Precision of its arithmetic.")]
    min_score: Annotated[float, about("Boxes with a lower score were not used.")]
    max_people: Annotated[int, about("Most boxes per image that were used.")]
    every: Annotated[
        int | None,
        about("It looked at every n-th frame only; null where it looked at every frame."),
    ]


class PublishedAccuracy(msgspec.Struct, frozen=True):
    """A published AP and the settings at which it was measured."""

    AP: Annotated[float, about("AP on COCO val2017, 0 to 1.")]
    boxes: Annotated[
        str, about("Source of the person boxes, or the scales of a bottom-up network.")
    ]
    flip: Annotated[bool, about("Whether the flip test was used.")]
    source: Annotated[str, about("Where it was published.")]


class Worth(msgspec.Struct, frozen=True):
    """What a speed is worth, and why (docs/protocol.md)."""

    kind: Annotated[
        str,
        about(
            "`valid`, `noisy`, `throttled`, `drifting`, `contended`, `incomparable` or "
            "`unmeasured`."
        ),
    ]
    evidence: Annotated[tuple[str, ...], about("Sentences with figures, the decisive one first.")]


class Common(msgspec.Struct, frozen=True):
    """AP over the images that all records of a run have."""

    AP: Annotated[float, about("AP over these images, 0 to 1.")]
    interval: Annotated[Bounds | None, about("95% interval of AP, images resampled.")]
    images: Annotated[int, about("Number of images.")]
    key: Annotated[str, about("Hash of the images.")]


class Reproduced(msgspec.Struct, frozen=True):
    """How a measured AP compares to the published one."""

    kind: Annotated[str, about("`within tolerance`, `differs` or `not comparable`.")]
    why: Annotated[
        tuple[str, ...],
        about("What prevents the comparison, the most serious reason first; else empty."),
    ]


class GroupRecall(msgspec.Struct, frozen=True):
    """How many people of one size, crowding or occlusion were found."""

    by: Annotated[str, about("What the people have in common: `size`, `overlap` or `hidden`.")]
    name: Annotated[
        str,
        about(
            "`small`, `medium`, `large` (COCO's areas); `no`, `some`, `much overlap` (largest IoU "
            "with the box of another person: 0, up to 0.2, above); `nothing`, `some`, `much "
            "hidden` (share of hidden key points: 0, up to 0.25, above)."
        ),
    ]
    people: Annotated[int, about("Number of people.")]
    recall: Annotated[
        float | None,
        about("COCO's AR over these people, 0 to 1; null with fewer than 30 people."),
    ]


class Latency(msgspec.Struct, frozen=True):
    """Percentiles of the time of a frame by nearest rank; null with too few frames.

    They need 10 frames (p50, p90), 20 (p95) and 100 (p99), so that at least one frame is slower.
    """

    p50: Annotated[float | None, about("Half of the frames took no longer.", "ms")] = None
    p90: Annotated[float | None, about("90% of the frames took no longer.", "ms")] = None
    p95: Annotated[float | None, about("95% of the frames took no longer.", "ms")] = None
    p99: Annotated[float | None, about("99% of the frames took no longer.", "ms")] = None


class Frequency(msgspec.Struct, frozen=True):
    """How often something happened."""

    events: Annotated[int, about("Number of times that it happened.")]
    chances: Annotated[int, about("Number of times that it could have happened.")]
    share: Annotated[
        float | None, about("Events divided by chances, 0 to 1; null with fewer than 300 chances.")
    ]


class FoundLate(msgspec.Struct, frozen=True):
    """People who appear after the first frame of their clip."""

    people: Annotated[int, about("Their number.")]
    never: Annotated[int, about("Those who were not found before they left or the clip ended.")]
    frames: Annotated[
        float | None,
        about("Mean frames until the others were found; null with fewer than 30 of them."),
    ]


class SmoothingEffect(msgspec.Struct, frozen=True):
    """What smoothing changes, by the poses of the same frames before it."""

    jitter_before: Annotated[float | None, about("Jitter of the poses before it.", "body sizes")]
    lag: Annotated[
        float | None,
        about("By how much smoothed poses are behind the poses before it.", "frames"),
    ]


class Steady(msgspec.Struct, frozen=True):
    """How steady poses are from frame to frame (docs/video.md).

    Figures from fewer than 300 movements are null.
    """

    annotated: Annotated[
        bool,
        about(
            "Whether the figures are measured against annotated people. If not, they are "
            "estimates: jitter is an upper bound, and drop-outs are gaps in tracks."
        ),
    ]
    clips: Annotated[int, about("Number of clips.")]
    frames: Annotated[int, about("Number of their frames; passes over the same ones count once.")]
    jitter: Annotated[
        float | None,
        about(
            "RMS of the movement of key points, from one frame to the next, that is neither the "
            "people's nor the camera's.",
            "body sizes",
        ),
    ]
    jumps: Annotated[
        Frequency, about("Movements of more than 0.2 body sizes, which are not part of the jitter.")
    ]
    drop_outs: Annotated[
        Frequency, about("Frames in which a person is missed who was found before.")
    ]
    swaps: Annotated[
        Frequency, about("Changes of left-right pairs of key points between right and swapped.")
    ]
    identity_switches: Annotated[
        Frequency | None,
        about("Changes of the id of a person; null without annotated people or ids."),
    ]
    newcomers: Annotated[
        FoundLate | None, about("People who appear later; null without annotated people.")
    ]
    lag: Annotated[
        float | None,
        about(
            "By how much poses are behind the annotated people; null if nobody moves enough.",
            "frames",
        ),
    ]
    smoothing: Annotated[
        SmoothingEffect | None, about("The effect of `--smooth`; null without it.")
    ]


class DetectorLooks(msgspec.Struct, frozen=True):
    """When a detector looked that looks at every n-th frame only."""

    every: Annotated[int, about("n.")]
    due: Annotated[int, about("Frames at which it was due by its schedule.")]
    scheduled: Annotated[int, about("Frames at which it looked because it was due.")]
    early: Annotated[int, about("Frames at which it looked because somebody was lost.")]
    followed: Annotated[int, about("Frames at which it did not look.")]
    looked_ms: Annotated[Latency, about("Time of a frame with a look, as `latency_ms`.", "ms")]
    followed_ms: Annotated[Latency, about("Time of a frame without one.", "ms")]


class Result(msgspec.Struct, frozen=True):
    """The figures of one entry."""

    schema: Annotated[int, about("Version of this form.")]
    entry: Annotated[str, about("Name of the entry: model, boxes or scales, settings.")]
    letter: Annotated[str | None, about("Letter of the entry in the suite `seed`.")]
    model: Annotated[str, about("Name of the model.")]
    weights: Annotated[
        str,
        about(
            "A tag, a file name, or `none`: weights by formula, with which only the speed is "
            "measured."
        ),
    ]
    runtime: Annotated[str, about("Runtime that ran the network.")]
    precision: Annotated[
        str, about("Precision of the network's arithmetic: `fp32`, `bf16`, `int8` ...")
    ]
    boxes: Annotated[str, about("Source of the person boxes.")]
    frames: Annotated[int, about("Number of measured frames.")]
    persons: Annotated[
        int,
        about(
            "Boxes run through the network (top-down) or people found (bottom-up), summed over "
            "all frames."
        ),
    ]
    fps_pose: Annotated[
        float | None,
        about(
            "Frames divided by the time of preprocess, infer and postprocess; null if frames "
            "overlapped.",
            "1/s",
        ),
    ]
    fps_pipeline: Annotated[
        float | None,
        about("Frames divided by the time of all stages; null if frames overlapped.", "1/s"),
    ]
    stage_ms: Annotated[Stages, about("Mean time per frame by stage.", "ms")]
    ap: Annotated[
        Accuracy | None,
        about(
            "Accuracy of the poses of this very run; null without trained weights or without "
            "annotations."
        ),
    ]
    ap_published: Annotated[
        PublishedAccuracy | None, about("Published accuracy, not measured here.")
    ]
    codec_ceiling: Annotated[
        float | None, about("AP of perfect network outputs through the decoder, 0 to 1.")
    ]
    family: Annotated[str, about("Family of the model.")]
    approach: Annotated[str, about("`top-down` or `bottom-up`.")]
    input_hw: Annotated[
        tuple[int, int], about("Height and width of the network's input.", "px", joined="x")
    ]
    licence: Annotated[str, about("Licence of the code.")]
    weights_licence: Annotated[str | None, about("Licence of the weights; null where unknown.")]
    codec: Annotated[str, about("How key points are decoded from the network's output.")]
    flip: Annotated[bool, about("Whether the flip test was used.")]
    persons_mode: Annotated[str, about("`serial` or `batched`: how the crops of a frame are run.")]
    min_score: Annotated[float, about("Boxes with a lower score were left out.")]
    data: Annotated[str, about("Name of the data set.")]
    threads: Annotated[int, about("Number of CPU threads.")]
    parameters: Annotated[
        int | None, about("Parameters of the network; null where they were not counted.")
    ]
    macs: Annotated[
        int | None,
        about("Multiply-accumulates of one forward pass; null where they were not counted.", "MAC"),
    ]
    failed_frames: Annotated[int, about("Frames that failed; not counted in `frames`.")]
    dropped_boxes: Annotated[
        int, about("Boxes without size or area, or outside the image, which were not run.")
    ]
    complete: Annotated[bool, about("False where the run stopped early.")]
    machine: Annotated[str, about("Everything known that distinguishes the machine from others.")]
    notes: Annotated[tuple[str, ...], about("Remarks on the data and on what went wrong.")]
    scales: Annotated[tuple[float, ...], about("Scales of the input (bottom-up).")]
    base_ms: Annotated[
        float | None,
        about(
            "Pose time of a frame without people, by a line over the people of each frame; null "
            "where the frames do not determine a line.",
            "ms",
        ),
    ]
    ms_per_person: Annotated[float | None, about("Slope of the same line.", "ms")]
    most_people: Annotated[
        int, about("Most people in any frame of the run; the line is extrapolated beyond them.")
    ]
    fps_interval: Annotated[
        Bounds | None, about("95% interval of `fps_pose`; null with too few blocks.", "1/s")
    ]
    blocks: Annotated[int, about("Blocks of frames that `fps_interval` rests on.")]
    verdict: Annotated[Worth, about("What the speed is worth.")]
    latency_ms: Annotated[
        Latency,
        about(
            "Time of a frame over all stages; in paced mode from the moment of the camera's frame.",
            "ms",
        ),
    ]
    histogram: Annotated[
        tuple[tuple[int, int], ...],
        about(
            "Frames by latency: (bin, frames), where bin n extends from 0.1 x 10^(n/20) ms to "
            "0.1 x 10^((n+1)/20) ms.",
            csv=False,
        ),
    ]
    timeline: Annotated[
        tuple[tuple[float, float, float], ...],
        about(
            "(seconds since the first block, pose FPS, ms of the fixed workload), at most 60 "
            "points.",
            csv=False,
        ),
    ]
    mode: Annotated[
        str,
        about(
            "`burst`, `sustained`, `paced` or `overlapped`; or `accuracy`: workers shared the "
            "images, so that all figures of speed are null, zero or empty."
        ),
    ]
    paced_fps: Annotated[float | None, about("Requested rate of the camera in paced mode.", "1/s")]
    dropped_share: Annotated[
        float | None, about("Share of the camera's frames dropped in paced mode, 0 to 1.")
    ]
    camera_fps: Annotated[
        float | None,
        about(
            "Rate of the fastest camera of which at most 1% of the frames would be dropped, "
            "simulated from the times of the frames.",
            "1/s",
        ),
    ]
    peak_memory: Annotated[
        int | None,
        about(
            "Peak memory of the entry's process; null where the process also ran other entries.",
            "bytes",
        ),
    ]
    energy_mj: Annotated[
        dict[str, float] | None,
        about("Energy per frame, by counter; null where the platform has no counter.", "mJ"),
    ]
    weights_bytes: Annotated[int, about("Size of the checkpoint, or of the parameters.", "bytes")]
    keypoint_accuracy: Annotated[
        dict[str, float] | None, about("Mean OKS similarity by key point, 0 to 1.")
    ]
    people_groups: Annotated[
        tuple[GroupRecall, ...],
        about(
            "Recall by size, crowding and occlusion of people; empty where no AP was measured.",
            csv=False,
        ),
    ]
    ap_interval: Annotated[
        Bounds | None,
        about("95% interval of AP; images, or the clips they are frames of, resampled."),
    ]
    ap_common: Annotated[
        Common | None,
        about(
            "AP over the images that all entries of the run have, which is the one compared; null "
            "where they all have the same images."
        ),
    ]
    images: Annotated[str, about("Hash of the images that AP rests on.")]
    fingerprint: Annotated[
        dict[str, str],
        about(
            "What decides whether two results measure the same thing: data, boxes, sigmas, "
            "decoder, weights, precision, protocol ..."
        ),
    ]
    device: Annotated[str, about("`cpu`, or the accelerator and its name.")]
    started: Annotated[str, about("Start of the run: wall-clock time, ISO 8601, UTC.")]
    reproduction: Annotated[
        Reproduced | None,
        about("The verdict on measured against published AP; null where one of them is unknown."),
    ]
    expected: Annotated[
        str,
        about(
            "Whether the published AP was reproduced, or why it says nothing about this run; "
            "empty where no AP is published or none was measured."
        ),
    ]
    of_peak: Annotated[
        float | None,
        about(
            "Utilisation: multiply-accumulates per second of the stage infer, divided by those "
            "that this machine attains at the same precision and number of threads; null where "
            "one of them is unknown."
        ),
    ]
    network: Annotated[
        str, about("Name of the network; models that share a network infer equally fast.")
    ]
    network_frames: Annotated[
        int,
        about(
            "Frames of all entries read together that share this inference; 0 where the entry was "
            "read alone."
        ),
    ]
    line_spread: Annotated[
        tuple[float, float, float] | None,
        about(
            "(a, b, c) of a + b n + c n^2, the square of the half width of the 95% interval of "
            "the line's time at n people.",
            "ms^2",
            csv=False,
        ),
    ]
    unscored: Annotated[
        str, about("Why poses of trained weights have no AP; empty where they have one.")
    ]
    host: Annotated[str, about("Short name of the machine.")]
    streams: Annotated[int, about("Number of frames that were in flight at the same time.")]
    throughput: Annotated[
        float | None,
        about(
            "Frames divided by the wall time, all stages, while every stream had a frame; null "
            "unless frames overlapped.",
            "1/s",
        ),
    ]
    throughput_interval: Annotated[
        Bounds | None, about("95% interval of `throughput`; null with too few blocks.", "1/s")
    ]
    age_ms: Annotated[
        Latency,
        about(
            "Age of a frame when its poses are delivered in the order of the frames, since a "
            "stream took it; null unless frames overlapped, because it is the latency otherwise.",
            "ms",
        ),
    ]
    overlap_gain: Annotated[
        float | None,
        about(
            "Throughput divided by the speed, over all stages, of one frame after the other on "
            "all threads, on the same frames; null where both were not measured in one run."
        ),
    ]
    predicted_gain: Annotated[
        float | None,
        about(
            "The same, predicted: the number of streams, times the time of a frame on all threads, "
            "divided by its time on the threads of one stream alone."
        ),
    ]
    detector: Annotated[
        UsedDetector | None,
        about(
            "The person detector inside the timed loop; null where the boxes were given. `ap` is "
            "then the accuracy of detector and network together."
        ),
    ]
    model_ap: Annotated[
        float | None,
        about(
            "AP of the same network on ground-truth boxes of the same images, 0 to 1; null "
            "without a detector, or while images lack these poses."
        ),
    ]
    box_accuracy: Annotated[
        BoxAccuracy | None, about("Accuracy of the detector's boxes; null without a detector.")
    ]
    smooth: Annotated[bool, about("Whether key points were smoothed over the frames of a clip.")]
    looks: Annotated[
        DetectorLooks | None,
        about("When the detector looked; null unless it looked at every n-th frame only."),
    ]
    steadiness: Annotated[
        Steady | None,
        about(
            "How steady poses are from frame to frame; null unless the frames are clips of "
            "photographs or of a video, and people are annotated or followed."
        ),
    ]


_OF_ROW = {
    "base_ms": "intercept_ms",
    "camera_fps": "sustainable_fps",
    "of_peak": "share",
    "paced_fps": "camera_fps",
}
"""Fields whose name in Row differs from their public name."""


def result_of(row: Row) -> Result:
    """Return the public form of a row."""
    names = (name for name in Result.__struct_fields__ if name != "schema")
    fields: dict[str, Any] = {name: getattr(row, _OF_ROW.get(name, name)) for name in names}
    return msgspec.convert({"schema": SCHEMA, **fields}, Result, from_attributes=True)
