"""What names of figures mean, a line each: titles under the mouse, and legends on the page."""

from collections.abc import Iterable

from posemark.measure.camera import MOST_DROPPED

TERMS = {
    "pose FPS": "frames over the time of preprocess, infer and postprocess, for all their people",
    "±": "half the width of the 95 % interval of the pose FPS, as a share of it",
    "AP, 95 %": "where 95 % of the APs lie when the images are drawn again",
    "published AP": "as its authors reported it, at their settings; not measured here",
    "verdict": "whether the machine was quiet enough for the speed to mean something",
    "pipeline FPS": "frames over the time of all stages, reading the image included",
    "of peak": "the share that infer reaches of the arithmetic that this machine attains at the "
    "same precision and number of threads",
    "base ms": "the pose time of a frame without people, by a line fitted to all frames",
    "ms / person": "what each person adds to that time",
    "ceiling": "the AP of perfect network outputs through the same decoder and boxes",
    "camera FPS": f"the fastest camera of which at most {100 * MOST_DROPPED:g} % of the frames "
    "would be dropped, because a newer one came before the last was done; replayed from the times "
    "of the measured frames",
}
"""By the name that tables and cards show."""

_SAID = ("of peak", "base ms", "ms / person", "ceiling", "camera FPS")
"""Those that a reader cannot guess: they stand in a legend as well."""


def legend(names: Iterable[str]) -> str:
    """What those of these names mean that need to be said: "of peak: ...; ceiling: ...."."""
    used = set(names)
    told = "; ".join(f"{name}: {TERMS[name]}" for name in _SAID if name in used)
    return f"{told}." if told else ""
