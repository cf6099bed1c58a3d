"""Loads the models of a prediction, each with what it needs to find people in whole pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from posemark.core.errors import UsageError
from posemark.estimator import Estimator
from posemark.run.load import load, needs_boxes, prepare
from posemark.run.options import Choices, as_option
from posemark.run.prepare import Prepared

DETECTOR = "rtmdet-nano"
"""The detector of top-down models if the user names none."""

MIN_SCORE = 0.3
"""The least score of a detector's box if the user names none. It is higher than that of a benchmark
(detectors.MIN_SCORE), because poorer boxes often put a second pose on a person."""


@dataclass(frozen=True)
class Loading:
    """How models are loaded.

    Attributes:
        weights: a checkpoint file, a tag or "best".
        setting: the name or the file of a setting.
        detector: the person detector of top-down models; None for DETECTOR.
        every: the detector runs on every k-th frame; None for every frame.
        min_score: the least score of a detector's box, 0..1; None for MIN_SCORE.
        smooth: whether the movement of key points is smoothed.
        choices: further options of load().
    """

    weights: str
    setting: str | None
    detector: str | None
    every: int | None
    min_score: float | None
    smooth: bool
    choices: Choices


def load_all(names: Sequence[str], loading: Loading) -> list[Estimator]:
    """Load models that find people in whole pictures, top-down models with a detector.

    Raises:
        UsageError: as load() does; also if there are options for a detector, but every model is
            bottom-up.
    """
    top_down = [needs_boxes(name) for name in names]
    if not any(top_down):
        _require_no_detector(names, loading)
    return [_load(name, loading, boxes) for name, boxes in zip(names, top_down, strict=True)]


def prepare_one(name: str, loading: Loading) -> Prepared:
    """Find and check what a model needs to find people in whole pictures; nothing is built.

    Raises:
        UsageError: as load_all() does.
    """
    top_down = needs_boxes(name)
    if not top_down:
        _require_no_detector([name], loading)
    choices = _choices(loading, top_down)
    return prepare(name, loading.weights, loading.setting, spelled=as_option, **choices)


def _load(name: str, loading: Loading, needs_detector: bool) -> Estimator:
    choices = _choices(loading, needs_detector)
    return load(
        name, loading.weights, loading.setting, loading.smooth, spelled=as_option, **choices
    )


def _choices(loading: Loading, needs_detector: bool) -> Choices:
    """Return the options of load(), with the detector of a top-down model."""
    choices = loading.choices.copy()
    if needs_detector:
        choices["detector"] = loading.detector or DETECTOR
        choices["min_score"] = MIN_SCORE if loading.min_score is None else loading.min_score
        if loading.every is not None:
            choices["every"] = loading.every
    return choices


def _require_no_detector(names: Sequence[str], loading: Loading) -> None:
    for name in ("detector", "every", "min_score"):
        value = getattr(loading, name)
        if value is not None:
            option = as_option(name, value)
            raise UsageError(
                f"{option} does not apply to {' and '.join(names)}: bottom-up models find "
                f"the people in the whole picture themselves. Leave {option.split()[0]} out."
            )
