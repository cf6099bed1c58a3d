"""Turns names on the command line into jobs with stable keys."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from posemark import cards
from posemark.cards.model import default_runtime
from posemark.core.errors import UsageError
from posemark.core.names import nearest
from posemark.core.places import with_home
from posemark.core.spec import ONE_SCALE, THREE_SCALES, Entry, ModelSpec
from posemark.datasets import kind_of
from posemark.detectors import MIN_SCORE, MOST_PEOPLE
from posemark.models import all_models
from posemark.run import detection
from posemark.run.options import DETECTOR, MAX_BATCH, Options, require_consistent

SEED = (
    *(
        Entry(model, boxes, letter)
        for letters, model in (
            ("ab", "hrnet-w32-256x192"),
            ("cd", "hrnet-w48-384x288"),
            ("ef", "fpd-w32-256x192"),
            ("gh", "dark-w32-256x192"),
            ("ij", "dark-w48-384x288"),
            ("kl", "transpose-r-a3-256x192"),
            ("mn", "transpose-h-a6-256x192"),
            ("op", "naive-litehrnet-18-256x192"),
            ("qr", "litehrnet-18-256x192"),
        )
        for letter, boxes in zip(letters, ("detected", "gt"), strict=True)
    ),
    Entry("openpose-body25", "none", "s"),
    *(
        Entry(model, "none", letter, scales)
        for letters, model in (
            ("tu", "higherhrnet-w32-512"),
            ("vw", "dekr-w32-512"),
            ("xy", "dekr-w48-640"),
        )
        for letter, scales in zip(letters, (ONE_SCALE, THREE_SCALES), strict=True)
    ),
)
"""The entries of the blog post, with its letters."""


@dataclass(frozen=True)
class Job:
    """An entry with all choices made.

    Attributes:
        entry: the model, its variant and its scales.
        boxes: source of the person boxes: gt, simulated, file:F, detector:NAME, or none for a
            model that takes whole images.
        options: the options, in which nothing is left to the entry or to the detector.
    """

    entry: Entry
    boxes: str
    options: Options

    @property
    def detector(self) -> detection.Named | None:
        """The person detector that finds the boxes; None if they are given."""
        return detection.named(self.boxes)

    def name(self, weights: str | None) -> str:
        """Return the name of the entry with its weights: "hrnet-w32-256x192.official@gt".

        Args:
            weights: the tag or file stem of the loaded weights; None for formula weights.
        """
        tag = f".{weights}" if weights else ""
        return f"{self.entry.model}{tag}@{self.entry.variant}"

    def key(self, weights: str | None) -> str:
        """Return the name of the entry with every choice that differs from its defaults.

        Args:
            weights: as in name().
        """
        options, parts = self.options, [self.name(weights)]
        parts += [options.codec.replace(":", "")] if options.codec else []
        parts += ["flip"] if options.flip else []
        parts += _batching(options)
        parts += self._detecting()
        parts += ["smooth"] if options.smooth else []
        parts += [f"paced{options.camera_fps:g}"] if options.camera_fps else []
        parts += [options.mode] if options.mode in ("sustained", "accuracy") else []
        parts += [f"overlapped{options.frames_at_once}"] if options.mode == "overlapped" else []
        running = options.target.key_parts(self.entry.runtime, self.entry.precision)
        return "+".join(parts + running)

    def _detecting(self) -> list[str]:
        """Return the parts of a key for the person detector, and for the boxes that are used."""
        options, usual = self.options, 0.0
        parts: list[str] = []
        if self.detector:
            usual = MIN_SCORE
            parts += [detection.known(self.detector.name).name]
            parts += [f"every{self.detector.every}"] if self.detector.every else []
            parts += [str(options.detector_size)] if options.detector_size else []
            parts += [
                each for each in (options.detector_runtime, options.detector_precision) if each
            ]
            parts += [f"most{options.max_people}"] if options.max_people != MOST_PEOPLE else []
        least = options.least_score
        return ["-".join(parts)] * bool(parts) + ([f"min{least:g}"] if least != usual else [])


def _batching(options: Options) -> list[str]:
    """Return the part of a key for the number of crops per forward pass."""
    if options.persons != "batched":
        return []
    most = options.crops_per_pass
    return ["batched" + (str(most) if most != MAX_BATCH else "")]


def suites() -> dict[str, tuple[Entry, ...]]:
    """Return the named groups of entries.

    "seed" has the entries of the blog post, "all" every model in every variant, and "light" the
    exported models whose cards are part of PoseMark, except on detected boxes.
    """
    known = {e.name: e for e in SEED}
    every = [entry for spec in all_models().values() for entry in _variants(spec)]
    light = (entry for path in cards.built_in().values() for entry in _card_entries(path))
    return {
        "seed": SEED,
        "all": tuple(known.get(e.name, e) for e in every),
        "light": tuple(entry for entry in light if entry.boxes != "detected"),
    }


def _card_entries(path: Path) -> list[Entry]:
    """Return an entry for each variant of the exported model that a card describes.

    Raises:
        CardError: if the card has a mistake.
    """
    card = cards.read(path)
    runtime, precision = default_runtime(card), card.file.precision
    return [
        Entry(card.name, boxes, card=str(path), runtime=runtime, precision=precision)
        for boxes in card.variants
    ]


def _variants(spec: ModelSpec) -> list[Entry]:
    return [Entry(spec.name, boxes, None, scales) for boxes, scales in spec.method.runs]


def plan(names: Iterable[str], options: Options) -> list[Job]:
    """Return the jobs that names and options describe, each once, in the order of the names.

    Args:
        names: entries, globs, suites, letters of the blog post, or card files.
        options: the options of all jobs.

    Raises:
        UsageError: if a name matches nothing (the message suggests similar names), if an entry
            needs other boxes than --boxes gives, or if options contradict each other.
        CardError: if a card cannot be read or has a mistake.
    """
    require_consistent(options)
    detected, other = detection.settled(options), detection.without(options)
    jobs = [
        Job(
            entry,
            _boxes(entry, options),
            _settled(entry, tag, detected if entry.boxes == "detected" else other),
        )
        for name in names
        for entry, tag in _matches(name, options)
    ]
    return list(dict.fromkeys(jobs))


def _settled(entry: Entry, tag: str, options: Options) -> Options:
    """Return the options with the choices that were left to the entry."""
    return replace(
        options,
        weights=tag or options.weights,
        runtime=options.runtime or entry.runtime,
        precision=options.precision or entry.precision,
    )


def _matches(name: str, options: Options) -> list[tuple[Entry, str]]:
    """Return the entries that a name matches, each with its tag of weights; "" without a tag."""
    folder, suffix, after = name.rpartition(cards.SUFFIX)
    if suffix and (not after or after.startswith("@")):  # folders may have an "@", too
        return [(entry, "") for entry in _of_card(Path(folder + suffix), after[1:], options)]
    if name in suites():
        return [(entry, "") for entry in suites()[name]]
    by_letter = [(entry, "") for entry in SEED if entry.letter == name]
    if by_letter:
        return by_letter
    pattern, _, variant = name.partition("@")
    model, _, tag = pattern.partition(".")
    if pattern in cards.built_in():
        return [(entry, "") for entry in _of_card(cards.built_in()[pattern], variant, options)]
    found = [
        entry
        for entry in suites()["all"]
        if fnmatchcase(entry.model, model) and _meant(entry, variant, options)
    ]
    if not found:
        raise UsageError(_unknown(name, model))
    return [(entry, tag) for entry in found]


def _of_card(path: Path, variant: str, options: Options) -> list[Entry]:
    entries = _card_entries(with_home(path).resolve())
    found = [entry for entry in entries if _meant(entry, variant, options)]
    if not found:
        variants = [entry.variant for entry in entries]
        raise UsageError(f"{path}@{variant}: {_expected_variants(variants, path)}")
    return found


def _meant(entry: Entry, variant: str, options: Options) -> bool:
    wanted = (variant,) if variant else _default_variants(options)
    return any(fnmatchcase(entry.variant, each) for each in wanted)


def _default_variants(options: Options) -> tuple[str, str]:
    """Return the variants that a model name without "@" matches.

    Boxes are ground truth unless --boxes names others, and whole images have one scale.
    """
    return ("gt" if options.boxes in (None, "gt") else "detected"), "single"


def _unknown(name: str, model: str) -> str:
    if model in all_models():
        variants = [entry.variant for entry in _variants(all_models()[model])]
        return f"{name!r}: {_expected_variants(variants, name.partition('@')[0])}"
    if model in detection.names():
        return (
            f"{name!r} is a person detector, and an entry is a pose model. For example: "
            f"posemark run tinypose-256x192 --boxes {DETECTOR}{model}."
        )
    if instead := cards.mistaken_for_card(Path(name)):
        return instead
    known = [*all_models(), *cards.built_in(), *suites(), *(e.letter for e in SEED if e.letter)]
    return f"{name!r} matches no entry, suite or letter. {nearest(model, known)}"


def _expected_variants(variants: list[str], model: str | Path) -> str:
    expected = " or ".join(variants)
    return f"after '@', expected {expected} for this model. For example: {model}@{variants[0]}."


def _boxes(entry: Entry, options: Options) -> str:
    """Return the source of boxes for an entry, as Job.boxes names it."""
    kind = kind_of(options.data)
    if kind and not kind.annotated and (entry.boxes == "gt" or options.boxes == "gt"):
        raise UsageError(
            f"{entry.name} needs annotated people, but {options.data} has no annotations. Add "
            f"--boxes detector:NAME, or --boxes file:detections.json (COCO results format, images "
            "numbered from 1), or name a bottom-up model, which needs no boxes."
        )
    if entry.boxes != "detected":
        return entry.boxes
    if options.boxes == "gt":
        raise UsageError(
            f"{entry.name} runs on detected boxes, which contradicts --boxes gt. Name "
            f"{entry.model}@gt, or leave --boxes out."
        )
    if options.boxes:
        return options.boxes
    if kind and kind.own_boxes and options.data == kind.name:
        return kind.own_boxes
    others = f", or name {entry.model}@gt" if kind and kind.annotated else ""
    raise UsageError(
        f"{entry.name} needs detected boxes, but {options.data} comes without any. Add "
        f"--boxes detector:NAME, or --boxes file:detections.json (COCO results format){others}."
    )
