"""The data that bottom-up pipelines, geometry and codecs exchange.

A bottom-up network sees the whole image, at one or several scales, and its codec finds the
people. *Base* pixels are the pixels of the network input at scale 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats

Maps = NDArray[np.float32]
Outputs = Mapping[str, Maps]
"""The outputs of a network by name."""

MISSING = (-1.0, -1.0, 0.0)
"""x, y and score of a key point that was not found, in families that mark such key points."""


@dataclass(frozen=True)
class ScaledInput:
    """The network input at one scale.

    Attributes:
        scale: the scale.
        size_wh: width and height of the network input in pixels.
        affine: (2, 3) affine from image pixels to input pixels.
        back: image pixels per input pixel that the family uses when it maps poses back to the
            image; None means the inverse of the affine's zoom.
    """

    scale: float
    size_wh: tuple[int, int]
    affine: Floats
    back: float | None = None


@dataclass(frozen=True)
class Pass:
    """The outputs of the network at one scale.

    Attributes:
        input: the input at this scale.
        outputs: arrays (1, C, h, w) by name.
        mirrored: the outputs for the mirrored input; None without the flip test.
    """

    input: ScaledInput
    outputs: Outputs
    mirrored: Outputs | None = None


class Sizing(Protocol):
    """The rule by which a family resizes whole images."""

    def inputs(self, image_wh: tuple[int, int], scales: Sequence[float]) -> tuple[ScaledInput, ...]:
        """Compute the network inputs of an image.

        Args:
            image_wh: width and height of the image in pixels.
            scales: the scales.

        Returns:
            One input per scale, in the order in which the family runs them (largest first).
        """
        ...

    def to_image(
        self, image_wh: tuple[int, int], inputs: Sequence[ScaledInput]
    ) -> NDArray[np.float64]:
        """Compute the (2, 3) affine from base pixels to image pixels as the family does."""
        ...


class Rescorer(Protocol):
    """A second, small network that rescores poses; its weights are in a separate file."""

    def rescored(self, people: Floats, scores: Floats) -> Floats:
        """Compute new person scores.

        Args:
            people: (P, K, 3) x, y in image pixels, and score.
            scores: (P,) person scores of the codec.

        Returns:
            (P,) new scores.
        """
        ...

    def state(self) -> dict[str, Maps]:
        """Return the tensors by name that it was built from."""
        ...


@dataclass(frozen=True)
class RescoringNet:
    """How a family's rescorer is built from its weights.

    Attributes:
        shapes: shapes of the tensors by name.
        build: makes the rescorer from the tensors by name.
    """

    shapes: dict[str, tuple[int, ...]]
    build: Callable[[dict[str, Maps]], Rescorer]
