"""The options of a run: one type for the command line, for setting files and for Python.

Types, limits and the rules between options are defined only here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Literal, TypedDict

from posemark.core.errors import UsageError
from posemark.core.target import Precision, Target

Persons = Literal["serial", "batched"]
Mode = Literal["burst", "sustained", "paced", "overlapped", "accuracy"]

REPEATING: frozenset[Mode] = frozenset(("sustained", "paced"))
"""The modes in which the frames repeat until the budget is used up."""

MOST_EVERY = 10_000
"""The largest k of a detector that looks at every k-th frame."""

MAX_BATCH = 8
"""Largest number of crops in one forward pass by default.

So many suffice to occupy a CPU. It is a limit because runtimes compile the network again for every
number of crops.
"""

DETECTOR = "detector:"
"""How --boxes begins if it names a person detector."""


@dataclass(frozen=True)
class Options:
    """What the user chose for all entries of a run; None leaves the choice to the entry.

    Attributes:
        data: the data set, as --data names it.
        threads: CPU threads.
        boxes: where person boxes come from, as --boxes names it.
        weights: a tag, a file, "best" or "none".
        codec: a variant of the model's decoder.
        flip: whether outputs are averaged with those of the mirrored input.
        persons: one crop per forward pass, or several.
        max_batch: crops in one forward pass of batched persons; None for MAX_BATCH.
        min_score: boxes scored below this are left out, 0..1; None for 0, and for MIN_SCORE of
            detectors with a detector.
        max_people: the most boxes of a detector per image; None for MOST_PEOPLE of detectors.
        detector_size: longest side of the detector's input in pixels; None for its own size.
        detector_runtime, detector_precision: where the detector runs; None for what its file is
            for.
        limit: largest number of frames.
        budget: seconds for the blocks of each entry.
        mode: burst, sustained, paced or overlapped (docs/protocol.md); or accuracy, in which
            workers share the images (docs/scale.md).
        camera_fps: frames per second of the paced camera.
        streams: frames that are processed at the same time in an overlapped run; None for one per
            thread.
        smooth: whether key points are smoothed over the frames of a clip (One Euro filter).
        until: relative half width of the FPS interval at which a run may stop, 0.02 for 2%.
        runtime, precision, device, layout: see Target; None is the entry's own, which `plan`
            fills in.
        calibrate: the data set that int8 ranges are chosen from.
        repeat: how many times a burst goes through its frames.
        machine: the user's name for this machine.
    """

    data: str
    threads: int
    boxes: str | None = None
    weights: str = "none"
    codec: str | None = None
    flip: bool = False
    persons: Persons = "serial"
    max_batch: int | None = None
    min_score: float | None = None
    max_people: int | None = None
    detector_size: int | None = None
    detector_runtime: str | None = None
    detector_precision: Precision | None = None
    limit: int | None = None
    budget: float | None = None
    mode: Mode = "burst"
    camera_fps: float | None = None
    streams: int | None = None
    smooth: bool = False
    until: float | None = None
    runtime: str | None = None
    precision: Precision | None = None
    device: str = "cpu"
    layout: str | None = None
    calibrate: str | None = None
    repeat: int = 1
    machine: str | None = None

    @property
    def target(self) -> Target:
        """Return where the network runs; only the options of a Job have all choices made."""
        runtime, precision = self.runtime or "torch", self.precision or "fp32"
        return Target(runtime, precision, self.device, self.layout, self.frames_at_once)

    @property
    def frames_at_once(self) -> int:
        """Return the number of frames that are processed at the same time."""
        return (self.streams or self.threads) if self.mode == "overlapped" else 1

    @property
    def threads_per_frame(self) -> int:
        """Return the number of CPU threads that one frame has to itself."""
        return self.threads // self.frames_at_once

    @property
    def repeats(self) -> bool:
        """Return whether the frames repeat until the budget is used up."""
        return self.mode in REPEATING

    @property
    def least_score(self) -> float:
        """Return the least score of a box; only the options of a Job have all choices made."""
        return self.min_score or 0.0

    @property
    def crops_per_pass(self) -> int:
        """Return the largest number of crops in one forward pass."""
        return (self.max_batch or MAX_BATCH) if self.persons == "batched" else 1


class Choices(TypedDict, total=False):
    """The options that make sense in an application, by their names in Options.

    Only two have other names there: the detector "rtmdet-nano" that looks at every 5th frame is
    boxes = "detector:rtmdet-nano@every=5".
    """

    runtime: str
    precision: Precision
    device: str
    layout: str
    threads: int
    persons: Persons
    max_batch: int
    codec: str
    flip: bool
    calibrate: str
    detector: str
    every: int
    min_score: float
    max_people: int
    detector_size: int
    detector_runtime: str
    detector_precision: Precision


LIMITS: Mapping[str, tuple[float, float | None]] = {
    "threads": (1, 1024),
    "max_batch": (2, 4096),
    "min_score": (0, 1),
    "max_people": (1, 1000),
    "detector_size": (32, 4096),
    "limit": (1, None),
    "budget": (0.1, None),
    "camera_fps": (0.1, None),
    "streams": (1, 1024),
    "repeat": (1, 10_000),
}
"""The smallest and the largest value of numeric options; None if there is no largest value."""


_OPTIONS = {"camera_fps": "fps"}
"""Names of options on the command line that differ from their fields, by field."""


def as_option(name: str, value: object) -> str:
    """Return a choice as it is typed on the command line; flags have no value."""
    option = f"--{_OPTIONS.get(name, name).replace('_', '-')}"
    return option if value is True else f"{option} {value}"


def as_key(name: str, value: object) -> str:
    """Return a choice as it is written in a setting file."""
    return f"{name} = {json.dumps(value)}"


def as_argument(name: str, value: object) -> str:
    """Return a choice as it is written in Python."""
    if name == "boxes":
        return f"detector={str(value).removeprefix(DETECTOR)!r}"
    return f"{name}={value!r}"


def with_choices(options: Options, choices: Mapping[str, object]) -> Options:
    """Return the options with a user's choices, whose types and limits are checked.

    Raises:
        ValueError: if a value has another type, is none of the choices or exceeds its limits; the
            message names the option.
    """
    import msgspec  # not at the top, as the command line imports this module for its help

    changed = msgspec.convert(asdict(options) | dict(choices), Options)
    wrong = _out_of_range(changed)
    if wrong:
        raise ValueError(wrong)
    return changed


def _out_of_range(options: Options) -> str:
    """Return the message about the first option outside its limits; "" if all are within."""
    for name, (low, high) in LIMITS.items():
        value: float | int | None = getattr(options, name)
        if value is not None and not low <= value <= (inf if high is None else high):
            wanted = f"{low:g} or more" if high is None else f"{low:g} to {high:g}"
            got = f"{value:g}" if isinstance(value, float) else value  # an int may exceed floats
            return f"{name}: expected {wanted}, got {got}"
    return ""


def require_consistent(options: Options, spelled: Callable[[str, object], str] = as_option) -> None:
    """Check that no option contradicts another.

    Args:
        options: the options.
        spelled: writes an option and its value as the user writes them.

    Raises:
        UsageError: if one contradicts another; the message names both and the remedy.
    """
    for field in fields(options):
        if getattr(options, field.name) == "":
            raise UsageError(
                f"{spelled(field.name, '')}: expected a value, got an empty one. Give one, or "
                "leave the option out."
            )
    batch, data = options.max_batch, options.calibrate
    if batch and options.persons != "batched":
        raise UsageError(_only_with(spelled("max_batch", batch), spelled("persons", "batched")))
    _require_detector(options, spelled)
    if data and options.precision != "int8":
        raise UsageError(_only_with(spelled("calibrate", data), spelled("precision", "int8")))
    _require_mode_consistent(options, spelled)
    _require_no_end_by_time(options, spelled)


def _require_no_end_by_time(options: Options, spelled: Callable[[str, object], str]) -> None:
    """Refuse what ends or repeats a measurement of speed if none is measured."""
    if options.mode != "accuracy":
        return
    chosen = {"budget": options.budget, "until": options.until}
    chosen |= {"repeat": options.repeat if options.repeat > 1 else None, "smooth": options.smooth}
    for name, value in chosen.items():
        if value:
            raise UsageError(
                f"{spelled(name, value)} does not apply with {spelled('mode', 'accuracy')}, in "
                "which each image is used once and no speed is measured. Leave it out, or use "
                "another mode."
            )


def _require_mode_consistent(options: Options, spelled: Callable[[str, object], str]) -> None:
    mode, streams, threads = options.mode, options.streams, options.threads
    if options.repeat > 1 and options.repeats:
        repeat = spelled("repeat", options.repeat)
        raise UsageError(
            f"{repeat} only applies with {spelled('mode', 'burst')} or "
            f"{spelled('mode', 'overlapped')}. In a {mode} run the frames repeat anyway. Leave "
            f"{repeat} out."
        )
    if streams and mode != "overlapped":
        raise UsageError(_only_with(spelled("streams", streams), spelled("mode", "overlapped")))
    if streams and streams > threads:
        raise UsageError(
            f"{spelled('streams', streams)} needs at least one thread for each frame, but there "
            f"are {threads}. Use at most {spelled('streams', threads)}, or more "
            f"{spelled('threads', streams)}."
        )
    if options.smooth and mode == "overlapped":
        smooth = spelled("smooth", True)
        raise UsageError(
            f"{smooth} needs the poses of the frame before, but in {spelled('mode', mode)} frames "
            f"are processed at the same time. Leave {smooth} out, or use another mode."
        )
    if (mode == "paced") != (options.camera_fps is not None):
        both = f"{spelled('mode', 'paced')} {spelled('camera_fps', 30)}"
        raise UsageError(
            "A paced run needs the frame rate of its camera, and no other mode has a camera. For "
            f"example: {both}."
        )


def _require_detector(options: Options, spelled: Callable[[str, object], str]) -> None:
    """Refuse the options of a detector if there is none."""
    if options.boxes and options.boxes.startswith(DETECTOR):
        return
    for name in ("max_people", "detector_size", "detector_runtime", "detector_precision"):
        value = getattr(options, name)
        if value is not None:
            raise UsageError(_only_with(spelled(name, value), spelled("boxes", DETECTOR + "NAME")))


def _only_with(choice: str, needed: str) -> str:
    return f"{choice} only applies with {needed}. Add {needed}, or leave {choice} out."
