"""From names on the command line to jobs with stable keys."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from posemark.core.errors import UsageError
from posemark.core.names import nearest
from posemark.core.spec import BoxKind, Entry
from posemark.models import all_models

# The configurations of the blog post, under its letters (k-n and s-y come with their models).
SEED = tuple(
    Entry(model, boxes, letter)
    for letters, model in (
        ("ab", "hrnet-w32-256x192"),
        ("cd", "hrnet-w48-384x288"),
        ("ef", "fpd-w32-256x192"),
        ("gh", "dark-w32-256x192"),
        ("ij", "dark-w48-384x288"),
        ("op", "naive-litehrnet-18-256x192"),
        ("qr", "litehrnet-18-256x192"),
    )
    for letter, boxes in zip(letters, ("detected", "gt"), strict=True)
)


@dataclass(frozen=True)
class Options:
    """What the user chose for all entries of a run; None leaves the choice to the entry."""

    data: str
    boxes: str | None
    weights: str
    codec: str | None
    flip: bool
    persons: str
    min_score: float
    threads: int
    limit: int | None
    budget: float | None


@dataclass(frozen=True)
class Job:
    """One entry with everything settled. boxes: gt, simulated or file:F."""

    entry: Entry
    boxes: str
    options: Options

    def key(self, weights: str | None) -> str:
        """The entry's name with everything that differs from its defaults.

        weights: the tag or file stem really loaded, None for formula weights.
        """
        options = self.options
        tag = f".{weights}" if weights else ""
        parts = [f"{self.entry.model}{tag}@{self.entry.boxes}"]
        parts += [options.codec.replace(":", "")] if options.codec else []
        parts += ["flip"] if options.flip else []
        parts += ["batched"] if options.persons == "batched" else []
        parts += [f"min{options.min_score:g}"] if options.min_score else []
        return "+".join(parts)


def suites() -> dict[str, tuple[Entry, ...]]:
    """Named groups of entries. seed: the blog post's. all: every model, both kinds of boxes."""
    known = {(e.model, e.boxes): e for e in SEED}
    every = [Entry(model, boxes) for model in all_models() for boxes in ("detected", "gt")]
    return {"seed": SEED, "all": tuple(known.get((e.model, e.boxes), e) for e in every)}


def plan(names: Iterable[str], options: Options) -> list[Job]:
    """Jobs for entries, globs, suites or letters, each once, in the order named.

    Raises:
        UsageError: if a name matches nothing (names the nearest), or an entry's kind of boxes
            contradicts --boxes.
    """
    jobs = [
        Job(entry, _boxes(entry, options), replace(options, weights=tag) if tag else options)
        for name in names
        for entry, tag in _matches(name, options)
    ]
    return list(dict.fromkeys(jobs))


def _matches(name: str, options: Options) -> list[tuple[Entry, str]]:
    if name in suites():
        return [(entry, "") for entry in suites()[name]]
    by_letter = [(entry, "") for entry in SEED if entry.letter == name]
    if by_letter:
        return by_letter
    pattern, _, kind = name.partition("@")
    model, _, tag = pattern.partition(".")
    kinds = kind or _default_kind(options)
    found = [e for e in suites()["all"] if fnmatchcase(e.name, f"{model}@{kinds}")]
    if not found:
        raise UsageError(_unknown(name, model, kind))
    return [(entry, tag) for entry in found]


def _default_kind(options: Options) -> BoxKind:
    return "gt" if options.boxes in (None, "gt") else "detected"


def _unknown(name: str, model: str, kind: str) -> str:
    if kind not in ("", "gt", "detected") and model in all_models():
        return f"{name!r}: after '@' stands gt or detected, not {kind!r}."
    known = [*all_models(), *suites(), *(e.letter for e in SEED if e.letter)]
    return f"no entry, suite or glob match for {name!r}. {nearest(model, known)}"


def _boxes(entry: Entry, options: Options) -> str:
    if entry.boxes == "gt":
        return "gt"
    if options.boxes == "gt":
        raise UsageError(
            f"{entry.name} runs on detected boxes, which contradicts --boxes gt. Name "
            f"{entry.model}@gt, or leave --boxes out."
        )
    if options.boxes:
        return options.boxes
    if options.data == "sample":
        return "simulated"
    raise UsageError(
        f"{entry.name} needs detected boxes, and {options.data} has none of its own. Add "
        f"--boxes file:detections.json (COCO results format), or name {entry.model}@gt."
    )
