"""One-line explanations of the names of figures, for tooltips and legends on the page."""

from collections.abc import Iterable

from posemark.measure.camera import MOST_DROPPED

TERMS = {
    "pose FPS": "frames over the time of preprocess, infer and postprocess, for all their people",
    "±": "half the width of the 95% interval of the pose FPS, as a share of it",
    "AP, 95%": "95% interval of the AP, from resampled sets of images",
    "AP, common images": "AP over the images that all entries of the run have: the one compared",
    "published AP": "as its authors reported it, at their settings; not measured here",
    "verdict": "whether the machine was quiet enough for the speed to mean something",
    "pipeline FPS": "frames over the time of all stages, reading the image included",
    "of peak": "the share of the machine's attainable arithmetic that infer reaches",
    "throughput": "frames over the wall time, several at the same time, all stages: no pose FPS",
    "gain": "the throughput over the speed of one frame after the other, on the same frames",
    "predicted": "the gain of overlapping that frames one after the other let expect",
    "age p50 ms": "how old a frame is when its poses are delivered, in the order of the frames",
    "base ms": "the pose time of a frame without people, by a line fitted to all frames",
    "ms / person": "what each person adds to that time",
    "jitter": "how far key points tremble from frame to frame, as a share of the body size",
    "drop-outs": "the share of frames in which a person is missed who was found before",
    "detector looks": "the share of frames at which the person detector looked",
    "ceiling": "the AP that a perfect network would reach with this decoder and these boxes",
    "camera FPS": f"the fastest camera of which at most {100 * MOST_DROPPED:g}% of the frames "
    "would be dropped because the one before was not done",
}
"""Meanings by the name that tables and cards show."""

_IN_LEGEND = ("AP, common images", "of peak", "base ms", "ms / person", "ceiling", "camera FPS")
"""Names that a reader cannot guess: a legend explains them as well."""


def legend(names: Iterable[str]) -> dict[str, str]:
    """Return the meanings of those of these names that a legend must explain."""
    used = set(names)
    return {name: TERMS[name] for name in _IN_LEGEND if name in used}
