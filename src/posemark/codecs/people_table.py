"""The codec of networks such as MoveNet MultiPose that give the people of an image as a table.

The network finds and groups the key points itself. Every row of its table is one person: y, x and
score of each key point, then the box as ymin, xmin, ymax, xmax, then the score of the person. All
positions are fractions of the height and width of the network input, 0 at its top-left corner and
1 at its bottom-right corner.

*Base* pixels are such a fraction times the side of the input, without a half-pixel term.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.codec import NoVariants, Output
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import Skeleton
from posemark.core.whole_image import Maps, Pass, ScaledInput

OUTPUT = "people"

PEOPLE = 6
"""Number of rows in an encoded table, as in MoveNet MultiPose."""

_OTHERS = 5
"""Numbers of a row after its key points: the four of the box, and the score."""


@dataclass(frozen=True)
class PeopleTable(NoVariants):
    """One row of numbers per person."""

    @property
    def name(self) -> str:
        """The name of the codec in records."""
        return "people-table"

    @property
    def no_flip(self) -> str:
        """The reason why the flip test is impossible: there are no maps to average."""
        return "it gives a table of people, and the flip test averages maps"

    def outputs(self, skeleton: Skeleton) -> tuple[Output, ...]:
        """Describe the table, with the numbers of a row as its channels."""
        numbers = 3 * len(skeleton.keypoints) + _OTHERS
        meaning = f"the key points {skeleton.name}, a box and a score per person"
        return (Output(OUTPUT, numbers, 1, meaning, 0, "people"),)

    def encode(
        self,
        truth: Truth,
        scaled: ScaledInput,
        mirrored: bool,  # noqa: ARG002 (no_flip)
    ) -> dict[str, Maps]:
        """Compute the table (1, PEOPLE, C) that a perfect network would give.

        It has the PEOPLE largest people with labelled key points, largest first. The scores of
        these people and of their labelled key points inside the input are 1. The numbers of other
        key points, and of empty rows, are 0.

        Args:
            truth: the annotated people of the image, in image pixels.
            scaled: the network input at one scale.
            mirrored: always False, because the flip test is impossible.
        """
        shown, covered = _largest(truth), _image_pixels(scaled)
        xyv, xywh = truth.keypoints_xyv[shown], truth.boxes_xywh[shown]
        yx = (xyv[..., :2] / covered)[..., ::-1]
        seen = (xyv[..., 2] > 0) & ((yx >= 0) & (yx <= 1)).all(-1)
        joints = np.concatenate([yx, np.ones_like(yx[..., :1])], -1) * seen[..., None]
        corners = np.stack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1) / covered
        count, numbers = len(shown), 3 * xyv.shape[1]
        table = np.zeros((1, PEOPLE, numbers + _OTHERS), np.float32)
        table[0, :count, :numbers] = joints.reshape(count, numbers)
        table[0, :count, numbers:-1] = corners[..., ::-1].reshape(count, 4)
        table[0, :count, -1] = 1
        return {OUTPUT: table}

    def decode(self, passes: Sequence[Pass]) -> tuple[Floats, Floats]:
        """Decode the people of one image.

        Rows with score 0 are empty; every other row is a person, however low its score.

        Args:
            passes: one pass, because such a network runs at one scale.

        Returns:
            People (P, K, 3) as x, y in base pixels and score, and person scores (P,), in the
            order of the table.
        """
        (only,) = passes
        table = only.outputs[OUTPUT][0].astype(np.float64)
        table = table[table[:, -1] != 0]
        rows = table[:, :-_OTHERS].reshape(len(table), (table.shape[1] - _OTHERS) // 3, 3)
        points = rows[..., 1::-1] * only.input.size_wh
        return np.concatenate([points, rows[..., 2:]], -1), table[:, -1]


def _largest(truth: Truth) -> NDArray[np.intp]:
    """Find the indices of the PEOPLE largest people with labelled key points, largest first."""
    posed = np.flatnonzero((truth.keypoints_xyv[..., 2] > 0).any(1) & ~truth.is_crowd)
    return posed[np.argsort(-truth.areas[posed], kind="stable")[:PEOPLE]]


def _image_pixels(scaled: ScaledInput) -> NDArray[np.float64]:
    """Compute the width and height in image pixels that the input covers with its padding."""
    per_pixel = scaled.back or 1 / scaled.affine.diagonal()
    return per_pixel * np.array(scaled.size_wh)
