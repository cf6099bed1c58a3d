"""What bottom-up pipelines, geometry and codecs hand to each other.

A bottom-up network sees the whole image, at one or several scales, and its codec finds the
people. Coordinates of *base* pixels are those of the network input at scale 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats

Maps = NDArray[np.float32]
Outputs = Mapping[str, Maps]
"""What a network gives, by name."""

MISSING = (-1.0, -1.0, 0.0)
"""x, y and score of a key point that was not found, where a family says so."""


@dataclass(frozen=True)
class ScaledInput:
    """The image at one scale. size_wh: of the network input in pixels.

    affine: (2, 3) from image pixels to input pixels. back: image pixels in an input pixel as
    the family reckons on the way back; None: the inverse of the affine's zoom.
    """

    scale: float
    size_wh: tuple[int, int]
    affine: Floats
    back: float | None = None


@dataclass(frozen=True)
class Pass:
    """The named outputs (1, C, h, w) of one scale, and of its mirrored image with flip test."""

    input: ScaledInput
    outputs: Outputs
    mirrored: Outputs | None = None


class Sizing(Protocol):
    """How a family resizes whole images: a geometry rule, as data."""

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """One input a scale, in the order in which the family runs them (largest first)."""
        ...

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """(2, 3) affine from base pixels to image pixels, as the family computes it."""
        ...


class Rescorer(Protocol):
    """A second, small network that judges finished poses; its weights are a file of their own."""

    def rescored(self, people: Floats, scores: Floats) -> Floats:
        """Person scores (P,) anew, from people (P, K, 3) in image pixels and their scores."""
        ...


@dataclass(frozen=True)
class RescoringNet:
    """How a family's rescorer is read: tensor shapes by name, and what builds it from them."""

    shapes: dict[str, tuple[int, ...]]
    build: Callable[[dict[str, Maps]], Rescorer]
