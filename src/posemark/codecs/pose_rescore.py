"""The rescoring network of DEKR (arXiv 2104.02300), which estimates the OKS of a pose.

It has three linear layers, 74 -> 256 -> 256 -> 1, and runs in numpy, because a few poses per frame
do not need a runtime. The published APs include it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.core.whole_image import RescoringNet

# The order of the limbs in the input of the released network (HRNet/DEKR).
LIMBS = (
    *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6), (5, 7), (5, 11)),
    *((6, 8), (6, 12), (7, 9), (8, 10), (11, 12), (11, 13), (12, 14), (13, 15), (14, 16)),
)

# Left and right limb from shoulder to hip; their mean length is the unit of all lengths.
_TORSO = (LIMBS.index((5, 11)), LIMBS.index((6, 12)))


def features(people: Floats) -> NDArray[np.float32]:
    """Compute the input of the network.

    Args:
        people: (P, 17, 3) x, y in image pixels, and score.

    Returns:
        (P, 74): 19 limb vectors (x, y) and 19 limb lengths, both in units of the torso length, and
        17 joint scores. A torso shorter than one pixel counts as one pixel.
    """
    starts, ends = np.array(LIMBS).T
    limbs = people[:, starts, :2] - people[:, ends, :2]
    lengths = np.linalg.norm(limbs, axis=2)
    torso = np.maximum(lengths[:, list(_TORSO)].mean(1, keepdims=True), 1)
    vectors = (limbs / torso[..., None]).reshape(len(people), 2 * len(LIMBS))
    rows = np.concatenate([vectors, lengths / torso, people[:, :, 2]], axis=1)
    return rows.astype(np.float32)


_LAYERS = ("l1", "l2", "l3")
"""The names of the layers in the released file."""


@dataclass(frozen=True, eq=False)
class PoseRescore:
    """The rescoring network.

    Attributes:
        layers: weight (outputs, inputs) and bias (outputs,) of every layer.
    """

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[np.float32]]) -> "PoseRescore":
        """Build the network from the arrays of the released file, such as l1.weight and l1.bias."""
        return cls(tuple((state[f"{n}.weight"], state[f"{n}.bias"]) for n in _LAYERS))

    def state(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays of the released file by name."""
        found: dict[str, NDArray[np.float32]] = {}
        for name, (weight, bias) in zip(_LAYERS, self.layers, strict=True):
            found[f"{name}.weight"], found[f"{name}.bias"] = weight, bias
        return found

    def trust(self, people: Floats) -> NDArray[np.float32]:
        """Estimate the OKS (P,) of every pose; estimates may be below 0 or above 1."""
        values = features(people)
        *hidden, (weight, bias) = self.layers
        for inner, shift in hidden:
            values = np.maximum(values @ inner.T + shift, 0)
        return (values @ weight.T + bias)[:, 0]

    def rescored(self, people: Floats, scores: Floats) -> Floats:
        """Multiply person scores (P,) by the estimated OKS; NaN becomes 0."""
        return np.nan_to_num(self.trust(people) * scores)


_HIDDEN = 256

DEKR_RESCORING = RescoringNet(
    shapes={
        "l1.weight": (_HIDDEN, 74),
        "l1.bias": (_HIDDEN,),
        "l2.weight": (_HIDDEN, _HIDDEN),
        "l2.bias": (_HIDDEN,),
        "l3.weight": (1, _HIDDEN),
        "l3.bias": (1,),
    },
    build=PoseRescore.from_state,
)
