"""Turns the built-in scenes into clips under a moving camera, to try clips without a download."""

from posemark.datasets import DataKind
from posemark.datasets.motion import Motion
from posemark.datasets.sample import Sample

_NAME = "motion:sample"


def _open(_: str) -> Motion:
    return Motion(Sample(), _NAME)


KIND = DataKind(
    _NAME,
    "motion:sample (built-in scenes under a moving camera)",
    _open,
    "simulated",
    takes_place=False,
    photographs=False,
)
