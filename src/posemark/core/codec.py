"""What a codec is: keypoints written into the named outputs of a network, and read back.

A codec declares its outputs, its variants and what it cannot do as data, so that nothing outside
`codecs/` asks which class it is. Codecs of crops see one person per crop; codecs of whole images
find the people themselves.
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


@dataclass(frozen=True)
class Output:
    """One output of a network, as its codec reads it.

    Attributes:
        name: the name under which the network gives it.
        channels: C of maps (N, C, H, W), or K of rows (N, ..., K, 3).
        stride: input pixels per cell along either side.
        meaning: what the channels are, in words ("the keypoints coco-17").
        peaks: how many of the first channels are heatmaps, each with a peak near 1 where its
            keypoint is.
        form: "maps", or "rows" of y, x, score, where y and x are shares of the input.
    """

    name: str
    channels: int
    stride: int
    meaning: str
    peaks: int
    form: Literal["maps", "rows"] = "maps"


class Codec(Protocol):
    """What every codec declares, whatever its network sees."""

    @property
    def name(self) -> str:
        """What the record calls it."""
        ...

    @property
    def variants(self) -> tuple[str, ...]:
        """What `--codec` may name in its place, as patterns; empty where it has no variant."""
        ...

    @property
    def cheaper(self) -> tuple[str, ...]:
        """The variants that do less work on the same outputs, for `tune` to try."""
        ...

    @property
    def no_flip(self) -> str:
        """Why outputs cannot be averaged with those of a mirrored input; "" where they can."""
        ...

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """The network's outputs that it reads."""
        ...

    def variant(self, text: str) -> Self:
        """The variant that `--codec` names.

        Raises:
            UsageError: if it is none of `variants`.
        """
        ...


class CropCodec(Codec, Protocol):
    """One person per crop <-> network outputs. Coordinates are output cells, (x, y)."""

    @property
    def stride(self) -> int:
        """Input pixels per output cell."""
        ...

    def encode(
        self, keypoints_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
    ) -> dict[str, Maps]:
        """The outputs of a perfect network.

        Args:
            keypoints_xy: (N, K, 2) cells, not rounded.
            visible: (N, K); the other keypoints leave no trace.
            size_wh: of the output in cells.
        """
        ...

    def decode(
        self,
        outputs: Outputs,
        mirrored: Outputs | None,
        convention: Convention,
        skeleton: Skeleton,
    ) -> tuple[Floats, Floats]:
        """Cells (N, K, 2) and scores (N, K).

        Args:
            outputs: of the crops.
            mirrored: of the mirrored crops; None without the flip test.
            convention: what the family does with mirrored maps and with missing keypoints.
            skeleton: says which keypoints change places in a mirrored crop.
        """
        ...


class GroupCodec(Codec, Protocol):
    """People <-> network outputs for a whole image."""

    def encode(self, truth: Truth, scaled: ScaledInput, mirrored: bool) -> dict[str, Maps]:
        """The outputs of a perfect network for this input (mirrored: of its mirror image)."""
        ...

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """People (P, K, 3) x, y, score in base pixels, and person scores (P,).

        A keypoint at MISSING with score 0 was not found; it has that place in the image as well.
        """
        ...


class OneWay:
    """The declarations of a codec that reads its outputs in one way only, and can be flipped."""

    @property
    def variants(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def cheaper(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def no_flip(self) -> str:
        """Nothing speaks against the flip test."""
        return ""

    def variant(self, text: str) -> Self:
        """There is none.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"--codec {text} names another way to read the network's outputs, and this model has "
            "one way only. Leave it out."
        )
