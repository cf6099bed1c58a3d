"""Tables of OpenPose's models and thresholds, from facts about the released programs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Build = Literal["gpu", "cpu"]
Ints = NDArray[np.intp]
Flags = NDArray[np.bool_]

STRIDE = 8
"""Input pixels per cell."""

OUTPUT = "maps"
"""Name of the only output."""


@dataclass(frozen=True)
class Layout:
    """Parts and limbs of a model.

    Attributes:
        name: its name in cards.
        parts: number of parts, without the background.
        swaps: (right, left) parts that mirroring exchanges.
        limbs: (from, to) parts of every limb.
        fields: for every limb, the index of its x channel among the field channels; the y
            channel follows it.
        ears: indices of the limbs from shoulders to ears.
        feet: parts of the feet.
        coco: for every COCO key point, its part.
        means: parts that are the mean of two COCO key points, as (part, key points).
    """

    name: str
    parts: int
    swaps: tuple[tuple[int, int], ...]
    limbs: tuple[tuple[int, int], ...]
    fields: tuple[int, ...]
    ears: tuple[int, int]
    feet: tuple[int, ...]
    coco: tuple[int, ...]
    means: tuple[tuple[int, tuple[int, int]], ...]

    @property
    def channels(self) -> int:
        """The number of output channels: parts, background, and two per limb."""
        return self.parts + 1 + 2 * len(self.limbs)

    def x_channel(self, limb: int) -> int:
        """Return the output channel of a limb's x component; y is the next channel."""
        return self.parts + 1 + self.fields[limb]

    @cached_property
    def mirrored_part(self) -> tuple[int, ...]:
        """For every part, its counterpart in a mirrored image."""
        order = list(range(self.parts))
        for right, left in self.swaps:
            order[right], order[left] = left, right
        return tuple(order)

    @cached_property
    def mirrored_channels(self) -> tuple[Ints, NDArray[np.float32]]:
        """For every channel, its counterpart in a mirrored image (C,), and the sign (C, 1, 1)."""
        order, sign = np.arange(self.channels), np.ones((self.channels, 1, 1), np.float32)
        order[: self.parts] = self.mirrored_part
        for limb, (a, b) in enumerate(self.limbs):
            twin = self.limbs.index((self.mirrored_part[a], self.mirrored_part[b]))
            x, other = self.x_channel(limb), self.x_channel(twin)
            order[x : x + 2] = other, other + 1
            sign[x] = -1
        return order, sign


_ARMS_AND_TRUNK = ((2, 5), (3, 6), (4, 7))

# Numbering, limbs and channels of the released models, from facts about their tables.
BODY_25 = Layout(
    name="body25",
    parts=25,
    swaps=(
        *_ARMS_AND_TRUNK,
        *((9, 12), (10, 13), (11, 14), (15, 16), (17, 18), (22, 19), (23, 20), (24, 21)),
    ),
    limbs=(
        *((1, 8), (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (10, 11)),
        *((8, 12), (12, 13), (13, 14), (1, 0), (0, 15), (15, 17), (0, 16), (16, 18)),
        *((2, 17), (5, 18), (14, 19), (19, 20), (14, 21), (11, 22), (22, 23), (11, 24)),
    ),
    fields=(
        *(0, 14, 22, 16, 18, 24, 26, 6, 2, 4, 8, 10, 12, 30, 32, 36, 34, 38, 20, 28),
        *(40, 42, 44, 46, 48, 50),
    ),
    ears=(18, 19),
    feet=(19, 20, 21, 22, 23, 24),
    coco=(0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11),
    means=((1, (5, 6)), (8, (11, 12))),
)
COCO_18 = Layout(
    name="coco",
    parts=18,
    swaps=(*_ARMS_AND_TRUNK, *((8, 11), (9, 12), (10, 13), (14, 15), (16, 17))),
    limbs=(
        *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11)),
        *((11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17)),
    ),
    fields=(12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26),
    ears=(17, 18),
    feet=(),
    coco=(0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10),
    means=((1, (5, 6)),),
)


@dataclass(frozen=True)
class Thresholds:
    """The thresholds for parts, limbs and people.

    Attributes:
        peak: value that the peak of a part must exceed.
        agreeing: more than this fraction of the samples along a limb must agree with the field.
        dot: scalar product of field and limb direction above which a sample agrees.
        parts: smallest number of parts of a person.
        score: smallest mean score of a person.
        skip_feet: whether feet do not count as parts of a person.
    """

    peak: float = 0.05
    agreeing: float = 0.95
    dot: float = 0.05
    parts: int = 3
    score: float = 0.4
    skip_feet: bool = True


# OpenPose's --maximize_positives.
MAXIMIZE_POSITIVES = Thresholds(0.02, 0.75, 0.01, 2, 0.05, skip_feet=False)
