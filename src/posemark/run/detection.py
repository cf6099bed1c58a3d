"""Finds the person detector that --boxes names, checks its options, and opens it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from posemark import cards, detectors
from posemark.cards import DetectorCard
from posemark.cards.detector import require_size, with_artefact
from posemark.cards.model import default_runtime, digest, find_artefact
from posemark.core.errors import UsageError
from posemark.core.frame import NOBODY, Boxes, Frame
from posemark.core.names import nearest
from posemark.core.places import with_home
from posemark.core.target import Target
from posemark.datasets.boxes import BoxSource
from posemark.detectors import MIN_SCORE, MOST_PEOPLE, BuiltIn, Detector
from posemark.detectors.network import BoxNetwork, open_network
from posemark.detectors.people import DetectedPeople
from posemark.pipelines.follow import Follower
from posemark.pipelines.people import People
from posemark.records import schema
from posemark.run.options import DETECTOR, MOST_EVERY, Options
from posemark.runtimes.registry import require

_DIGITS = 16
"""Hexadecimal digits of a fingerprint."""


def names() -> list[str]:
    """Return the names of all detectors that PoseMark knows."""
    return sorted([*cards.built_in_detectors(), *detectors.built_in()])


EVERY = "@every="
"""What follows the name of a detector that looks at every n-th frame only."""


class Named(NamedTuple):
    """The detector that --boxes names.

    Attributes:
        name: the name of a detector, or the path of a card.
        every: it looks at every n-th frame only, and people are followed in between; None if it
            looks at every frame and nobody is followed.
    """

    name: str
    every: int | None


def named(boxes: str | None) -> Named | None:
    """Return the detector that --boxes names; None if it names another source of boxes.

    Raises:
        UsageError: if "@every=" is not followed by a whole number from 1 to MOST_EVERY.
    """
    if not (boxes and boxes.startswith(DETECTOR)):
        return None
    text = boxes.removeprefix(DETECTOR)
    name, at, count = text.rpartition(EVERY)
    if not at:
        return Named(text, None)
    every = int(count) if count.isascii() and count.isdigit() and len(count) < _DIGITS else 0
    if not 1 <= every <= MOST_EVERY:
        raise UsageError(
            f"--boxes {boxes}: expected a whole number from 1 to {MOST_EVERY} after {EVERY}, got "
            f"{count!r}. For example: {DETECTOR}{name}{EVERY}5."
        )
    return Named(name, every)


def known(name: str) -> DetectorCard | BuiltIn:
    """Return the card of a detector, or the detector that needs no file.

    Args:
        name: the name of a detector, or the path of a card.

    Raises:
        UsageError: if there is no such detector.
        CardError: if the card has a mistake.
    """
    if name in detectors.built_in():
        return detectors.built_in()[name]
    if name in cards.built_in_detectors() or name.endswith(cards.SUFFIX):
        return cards.read_detector(_card_path(name))
    raise UsageError(
        f"{DETECTOR}{name}: expected the name of a person detector, which are "
        f"{', '.join(names())}, or the path of a card of your own, a {cards.SUFFIX} file. "
        f"{nearest(name, names())}"
    )


def _card_path(name: str) -> Path:
    return cards.built_in_detectors().get(name) or with_home(name).resolve()


def without(options: Options) -> Options:
    """Return the options of an entry whose boxes no detector finds, although --boxes names one."""
    if named(options.boxes) is None:
        return options
    return replace(
        options,
        min_score=None,
        max_people=None,
        detector_size=None,
        detector_runtime=None,
        detector_precision=None,
    )


def settled(options: Options) -> Options:
    """Return the options with the choices that were left to the detector, if --boxes names one.

    Choices that name the detector's own size, runtime or precision become None.

    Raises:
        UsageError: if the detector is unknown, or does not take the size, runtime or precision.
        CardError: if its card has a mistake.
    """
    wanted = named(options.boxes)
    if wanted is None:
        return options
    if wanted.every and options.mode == "overlapped":
        raise UsageError(
            f"--boxes {options.boxes} follows people from frame to frame, but in --mode overlapped "
            f"frames are processed at the same time. Leave {EVERY}{wanted.every} out, or use "
            "another mode."
        )
    found = known(wanted.name)
    if isinstance(found, BuiltIn):
        _require_own(found, options)
        own = (found.size, found.runtime, _EXACT)
    else:
        if options.detector_size is not None:
            require_size(found, options.detector_size)
        own = (max(found.input.size), default_runtime(found), found.file.precision)
    chosen = (options.detector_size, options.detector_runtime, options.detector_precision)
    size, runtime, precision = (
        None if choice == usual else choice for choice, usual in zip(chosen, own, strict=True)
    )
    return replace(
        options,
        min_score=MIN_SCORE if options.min_score is None else options.min_score,
        max_people=options.max_people or MOST_PEOPLE,
        detector_size=size,
        detector_runtime=runtime,
        detector_precision=precision,
    )


_EXACT = "fp32"
"""The precision of detectors that need no file."""


def _require_own(found: BuiltIn, options: Options) -> None:
    own = {"detector_runtime": found.runtime, "detector_precision": _EXACT}
    for name, usual in own.items():
        value = getattr(options, name)
        if value not in (None, usual):
            raise UsageError(
                f"--{name.replace('_', '-')} {value}: the detector {found.name} is part of "
                f"{found.runtime} and runs there only, in {_EXACT}. Leave the option out."
            )


@dataclass(frozen=True)
class PreparedDetector:
    """A detector whose file has been found and checked; its network is not opened yet.

    Attributes:
        facts: what the record says of it.
        target: where it runs; a detector that needs no file runs in its library.
        network: its network; None for a detector that needs no file.
        fingerprint: a hash that changes whenever its boxes may.
    """

    facts: schema.Detector
    target: Target
    network: BoxNetwork | None
    fingerprint: str

    def open(self, options: Options) -> People:
        """Open the detector; see detectors.network.open_network for the errors."""
        facts = self.facts
        people = DetectedPeople(self._ready(options), facts.min_score, facts.max_people)
        return people if facts.every is None else Follower(people, facts.every)

    def _ready(self, options: Options) -> Detector:
        if self.network is None:
            return detectors.built_in()[self.facts.name].open(self.facts.size)
        target = replace(self.target, streams=options.frames_at_once)
        return open_network(self.network, target, options.threads_per_frame)

    @property
    def source(self) -> BoxSource:
        """The source of boxes for the record; it gives none, because the detector finds them."""
        every = "" if self.facts.every is None else f"{EVERY}{self.facts.every}"
        label = f"{DETECTOR}{self.facts.name}{every}"
        return BoxSource(label, "detected", self.fingerprint, _nobody)


def _nobody(_: Frame) -> Boxes:
    return NOBODY


def prepare_detector(wanted: Named, options: Options, frames: Sequence[Frame]) -> PreparedDetector:
    """Find the file of a detector, and check that its runtime is available.

    Args:
        wanted: the detector.
        options: the options of a job, as settled() returns them.
        frames: the frames of the run.

    Raises:
        UsageError: if the runtime is not available, or does not run the file, or if people are to
            be followed through images that stand alone.
        CardError: if the card has a mistake.
        CheckpointError: if the file is missing or another than the card's.
    """
    found = known(wanted.name)
    if wanted.every and any(frame.moment is None for frame in frames):
        raise UsageError(
            f"--boxes {options.boxes} follows people from frame to frame, but each image of "
            f"{options.data} stands alone. Leave {EVERY}{wanted.every} out, or use a data set "
            "with clips."
        )
    if isinstance(found, BuiltIn):
        return _without_file(found, wanted.every, options)
    artefact = find_artefact(found, _card_path(wanted.name))
    network = with_artefact(found, artefact, options.detector_size)
    target = Target(
        options.detector_runtime or default_runtime(found),
        options.detector_precision or found.file.precision,
    )
    try:
        require(target, artefact=network.artefact)
    except UsageError as error:
        raise UsageError(
            f"The detector {found.name} (--detector-runtime, --detector-precision): {error}"
        ) from error
    facts = _facts(found.name, artefact.sha256, max(network.input_hw), target, options)
    facts = structs.replace(facts, every=wanted.every)
    return PreparedDetector(facts, target, network, _fingerprint(facts, digest(found)))


def _without_file(found: BuiltIn, every: int | None, options: Options) -> PreparedDetector:
    if found.unavailable():
        raise UsageError(f"{DETECTOR}{found.name}: {found.unavailable()}")
    target, size = Target(found.runtime), options.detector_size or found.size
    facts = _facts(found.name, found.version(), size, target, options)
    facts = structs.replace(facts, every=every)
    return PreparedDetector(facts, target, None, _fingerprint(facts, ""))


def _facts(name: str, version: str, size: int, target: Target, options: Options) -> schema.Detector:
    return schema.Detector(
        *(name, version, size, target.runtime, target.precision),
        min_score=options.least_score,
        max_people=options.max_people or MOST_PEOPLE,
    )


def _fingerprint(facts: schema.Detector, card: str) -> str:
    """Hash what the boxes depend on. Runtimes give the same boxes, and reports add min_score."""
    depends = [facts.sha256, card, facts.size, facts.precision, facts.max_people, facts.every]
    return sha256(json.dumps(depends).encode()).hexdigest()[:_DIGITS]
