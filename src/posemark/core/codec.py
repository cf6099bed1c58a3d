"""Protocols of codecs, which encode keypoints as the named outputs of a network and decode them.

A codec declares its outputs, its variants and its limits as data, so that no code outside
`codecs/` asks which class it is. A CropCodec sees one person per crop; a GroupCodec finds the
people in a whole image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from posemark.core.convention import Convention
from posemark.core.errors import UsageError
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import Skeleton
from posemark.core.whole_image import Maps, Outputs, Pass, ScaledInput

Form = Literal["maps", "rows", "people", "boxes"]
"""The axes of an output: maps (N, C, H, W); rows (N, ..., K, 3) of y, x and score, one per key
point; people (N, P, C), one row of C numbers per person, which begins with y, x and score of
every key point and ends with the score of the person; or boxes (N, R, C) of a person detector, one
row of C numbers per box. y and x of key points are fractions of the input's height and width.
"""

CHANNEL_AXIS: dict[Form, int] = {"maps": 1, "rows": -2, "people": -1, "boxes": -1}
"""The axis of an output along which its channels lie."""


@dataclass(frozen=True)
class Output:
    """One output of a network, as its codec reads it.

    Attributes:
        name: key of the tensor in the outputs of the network.
        channels: C of maps and people, K of rows.
        stride: input pixels per cell, the same along both axes.
        meaning: what the channels are, in words ("the keypoints coco-17").
        peaks: number of leading channels that are heatmaps, each with a peak near 1 at its
            keypoint.
        form: the axes of the output.
    """

    name: str
    channels: int
    stride: int
    meaning: str
    peaks: int
    form: Form = "maps"


class Codec(Protocol):
    """The declarations that all codecs share, for crops and for whole images."""

    @property
    def name(self) -> str:
        """The name of the codec in records and for `--codec`."""
        ...

    @property
    def variants(self) -> tuple[str, ...]:
        """The values of `--codec` that it accepts, as patterns; empty if it has no variants."""
        ...

    @property
    def cheaper(self) -> tuple[str, ...]:
        """The variants that decode the same outputs with less work; `tune` tries them."""
        ...

    @property
    def no_flip(self) -> str:
        """The reason why the flip test is impossible, or "" if it is possible."""
        ...

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Describe the outputs of the network that the codec reads."""
        ...

    def variant(self, text: str) -> Self:
        """Return the variant that `--codec` names.

        Args:
            text: the value of `--codec`.

        Raises:
            UsageError: if the text matches none of `variants`.
        """
        ...


class CropCodec(Codec, Protocol):
    """A codec for crops with one person each. Coordinates are output cells in (x, y) order."""

    @property
    def stride(self) -> int:
        """The number of input pixels per output cell."""
        ...

    def encode(
        self, keypoints_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
    ) -> dict[str, Maps]:
        """Compute the outputs that a perfect network would give.

        Args:
            keypoints_xy: (N, K, 2) positions in cells, not rounded.
            visible: (N, K) mask; keypoints outside the mask are not encoded.
            size_wh: width and height of the output in cells.

        Returns:
            The outputs by name, with the shapes that `outputs` declares.
        """
        ...

    def decode(
        self,
        outputs: Outputs,
        mirrored: Outputs | None,
        convention: Convention,
        skeleton: Skeleton,
    ) -> tuple[Floats, Floats]:
        """Decode the keypoints of all crops.

        Args:
            outputs: outputs of the network for N crops.
            mirrored: outputs for the mirrored crops; None without the flip test.
            convention: how the family aligns mirrored maps and where it puts missing keypoints.
            skeleton: names the keypoints that change places in a mirrored crop.

        Returns:
            Positions (N, K, 2) in cells, and scores (N, K).
        """
        ...


class GroupCodec(Codec, Protocol):
    """A codec for whole images, which finds the people itself."""

    def encode(self, truth: Truth, scaled: ScaledInput, mirrored: bool) -> dict[str, Maps]:
        """Compute the outputs that a perfect network would give.

        Args:
            truth: the annotated people of the image, in image pixels.
            scaled: the network input at one scale.
            mirrored: whether the outputs are those for the mirror image of the input.
        """
        ...

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """Decode the people of one image.

        Args:
            passes: the outputs of the network at every scale.

        Returns:
            People (P, K, 3) as x, y in base pixels and score, and person scores (P,). A keypoint
            that was not found may be MISSING; it keeps those values in image pixels.
        """
        ...


class NoVariants:
    """The declarations of a codec without variants whose outputs allow the flip test."""

    @property
    def variants(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    @property
    def cheaper(self) -> tuple[str, ...]:
        """Always empty."""
        return ()

    @property
    def no_flip(self) -> str:
        """Always empty: the flip test is possible."""
        return ""

    def variant(self, text: str) -> Self:
        """Refuse every name, because the codec has no variants.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"--codec {text} names a variant of the decoder, but the decoder of this model has no "
            "variants. Leave the option out."
        )
