"""Loads the models of a prediction, each with what it needs to find people in whole pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from posemark.core.errors import UsageError
from posemark.estimator import Estimator
from posemark.run.load import load, needs_boxes
from posemark.run.options import Choices, as_option

DETECTOR = "rtmdet-nano"
"""The detector of top-down models if the user names none."""


@dataclass(frozen=True)
class Loading:
    """How models are loaded.

    Attributes:
        weights: a checkpoint file, a tag or "best".
        setting: the name or the file of a setting.
        detector: the person detector of top-down models; None for DETECTOR.
        every: the detector runs on every k-th frame; None for every frame.
        smooth: whether the movement of key points is smoothed.
        choices: further options of load().
    """

    weights: str
    setting: str | None
    detector: str | None
    every: int | None
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


def _load(name: str, loading: Loading, needs_detector: bool) -> Estimator:
    choices = loading.choices.copy()
    if needs_detector:
        choices["detector"] = loading.detector or DETECTOR
        if loading.every is not None:
            choices["every"] = loading.every
    return load(
        name, loading.weights, loading.setting, loading.smooth, spelled=as_option, **choices
    )


def _require_no_detector(names: Sequence[str], loading: Loading) -> None:
    for option, value in (("--detector", loading.detector), ("--every", loading.every)):
        if value is not None:
            raise UsageError(
                f"{option} {value} does not apply to {' and '.join(names)}: bottom-up models find "
                f"the people in the whole picture themselves. Leave {option} out."
            )
