"""Loads a model for an application, by the name that `posemark run` takes."""

from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from typing import Unpack

from posemark.core.errors import UsageError
from posemark.datasets.sample import Sample
from posemark.estimator import Estimator
from posemark.measure.environment import usable_cores
from posemark.pipelines.smoothed import Smoothed
from posemark.run.best_weights import with_best
from posemark.run.build import build_estimator
from posemark.run.detection import EVERY
from posemark.run.options import (
    DETECTOR,
    MOST_EVERY,
    Choices,
    Options,
    as_argument,
    require_consistent,
    with_choices,
)
from posemark.run.plan import Job, plan
from posemark.run.prepare import Prepared, prepare_job
from posemark.run.setting import with_setting
from posemark.weights import BEST, NONE

Text = str | PathLike[str]
"""A name or a path."""


def load(
    name: Text,
    weights: Text | None = None,
    setting: Text | None = None,
    smooth: bool = False,
    spelled: Callable[[str, object], str] = as_argument,
    **choices: Unpack[Choices],
) -> Estimator:
    """Return the estimator of one entry; posemark.load documents it.

    Messages name options as `spelled` writes them: in Python, or on the command line.
    """
    _require_flag("smooth", smooth)
    estimator = build_estimator(prepare(name, weights, setting, spelled, **choices))
    return _smoothed(estimator) if smooth else estimator


def prepare(
    name: Text,
    weights: Text | None = None,
    setting: Text | None = None,
    spelled: Callable[[str, object], str] = as_argument,
    **choices: Unpack[Choices],
) -> Prepared:
    """Find and check what the estimator of one entry needs, as load() does; nothing is built."""
    name = _text("name", name)
    weights = None if weights is None else _text("weights", weights)
    setting = None if setting is None else _text("setting", setting)
    options = _options(NONE if weights is None else weights, choices, spelled)
    jobs = plan([name], options)
    if len(jobs) != 1:
        named = ", ".join([job.entry.name for job in jobs[:8]] + ["..."] * (len(jobs) > 8))
        raise UsageError(f"{name!r} matches {len(jobs)} entries; load one of them: {named}.")
    (job,) = with_best(jobs)
    _require_boxes_needed(job, options)
    _require_weights(job, weights, spelled)
    job = job if setting is None else _one_by_one(with_setting(job, setting, choices))
    return prepare_job(job, Sample(), [])


def needs_boxes(name: Text) -> bool:
    """Return whether a model is top-down, so that it needs a detector for whole pictures.

    Raises:
        UsageError: if there is no such model.
        CardError: if its card has a mistake.
    """
    usual = Options("sample", usable_cores())
    return any(job.entry.boxes != "none" for job in plan([_text("name", name)], usual))


def _smoothed(estimator: Estimator) -> Estimator:
    """Let an estimator smooth the movement of key points."""
    people = Smoothed(estimator.pipeline.people)
    return replace(estimator, pipeline=estimator.pipeline.with_people(people))


def _one_by_one(job: Job) -> Job:
    """Return the job without the streams of its setting: an estimator is called image by image."""
    return replace(job, options=replace(job.options, mode="burst", streams=None))


def _text(argument: str, value: object) -> str:
    """Return an argument that may be text or a path as text."""
    if (isinstance(value, str) or hasattr(value, "__fspath__")) and str(value):
        return str(value)
    raise UsageError(f"load(): {argument}: expected a name or a path, got {value!r}.")


def _require_flag(argument: str, value: object) -> None:
    if not isinstance(value, bool):
        raise UsageError(f"load(): {argument}: expected True or False, got {value!r}.")


def _options(weights: str, choices: Choices, spelled: Callable[[str, object], str]) -> Options:
    unknown = choices.keys() - Choices.__annotations__.keys()
    if unknown:
        known = ", ".join(Choices.__annotations__)
        raise UsageError(f"load() takes no option {min(unknown)!r}; it takes {known}.")
    usual = Options("sample", usable_cores(), weights=weights)  # no frame of the data is read
    given: dict[str, object] = dict(choices)
    every = given.pop("every", None)
    if "detector" in given:
        detector = _text("detector", given.pop("detector"))
        given["boxes"] = f"{DETECTOR}{detector}{_every(detector, every, spelled)}"
    elif every is not None or "min_score" in given:
        what = "min_score" if every is None else "every"
        raise UsageError(
            f"load(): {what} only applies with a detector. Name one, such as "
            f"detector='rtmdet-nano', or leave {what} out."
        )
    try:
        options = with_choices(usual, given)
    except ValueError as error:
        raise UsageError(f"load(): {error}.") from error
    require_consistent(options, spelled)
    return options


def _every(detector: str, every: object, spelled: Callable[[str, object], str]) -> str:
    """Return what follows the name of a detector in the option boxes."""
    name, at, _ = detector.rpartition(EVERY)
    if at:
        raise UsageError(
            f"{spelled('detector', detector)}: expected the name or the card of a detector alone. "
            f"Write {spelled('detector', name)}, and how often it looks as {spelled('every', 5)}."
        )
    if every is None:
        return ""
    if type(every) is int and 1 <= every <= MOST_EVERY:
        return f"{EVERY}{every}"
    raise UsageError(
        f"{spelled('every', every)}: expected a whole number from 1 to {MOST_EVERY}. With 5, the "
        "detector looks at every 5th frame."
    )


def _require_boxes_needed(job: Job, options: Options) -> None:
    if options.boxes is None or job.detector is not None:
        return
    if job.entry.boxes == "gt":
        raise UsageError(
            f"{job.entry.name!r} names ground-truth boxes, but a detector finds its own. "
            "Leave '@gt' or the detector out."
        )
    raise UsageError(
        f"{job.entry.model!r} takes no detector, because the model is bottom-up: it finds "
        "the people in the whole image itself. Leave the detector out."
    )


def _require_weights(job: Job, weights: str | None, spelled: Callable[[str, object], str]) -> None:
    if job.entry.card:  # its weights are in its own file
        return
    if weights != NONE and job.options.weights == NONE:
        model = job.entry.model
        known = weights == BEST
        why = "no weights of it are imported here" if known else "no weights are named"
        best = "" if known else f" or {spelled('weights', BEST)}"
        raise UsageError(
            f"{model} cannot find people untrained, and {why}. Name an imported tag "
            f"({model}.TAG){best}, give {spelled('weights', 'FILE')}, or "
            f"{spelled('weights', NONE)} if only its speed matters."
        )
