"""Loads the models of a prediction, each with what it needs to find people in whole pictures."""

from dataclasses import dataclass

from posemark.estimator import Estimator
from posemark.run.load import load
from posemark.run.options import Choices

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


def load_for_stream(name: str, loading: Loading) -> Estimator:
    """Load a model that finds people in whole pictures, a top-down model with a detector.

    Raises:
        UsageError: as load() does; also if options for a detector are given to a bottom-up model.
    """
    return load(name, loading.weights, loading.setting, **loading.choices)
