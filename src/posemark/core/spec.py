"""What a model is, as data: variants, conventions, weights, published figures, jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.core.skeleton import COCO_17, Skeleton

Approach = Literal["top-down", "bottom-up"]
BoxKind = Literal["gt", "detected"]


@dataclass(frozen=True)
class Convention:
    """How one family of repositories maps a person box to a crop and back.

    name: what the record and the docs call it.
    extent: 0 if a span of n pixels counts as n, 1 if as n - 1 (first to last pixel centre).
        It enters the box centre, the affine and, with the opposite sign, cleaned GT boxes.
    keep_line_boxes: whether a cleaned GT box may be one pixel thin (x2 >= x1), or must have
        x2 > x1 and y2 > y1.
    flip_shift: columns by which the flipped-back heatmaps move right before averaging.
    missing_xy: heatmap coordinate given to a key point whose maximum is not positive.
    padding: growth of the box around its centre.
    """

    name: str
    extent: Literal[0, 1]
    keep_line_boxes: bool
    flip_shift: Literal[0, 1]
    missing_xy: float
    padding: float = 1.25


class Codec(Protocol):
    """Key points <-> network output. Coordinates are output cells, (x, y)."""

    @property
    def name(self) -> str: ...

    def encode(
        self, keypoints_xy: Floats, visible: NDArray[np.bool_], size_wh: tuple[int, int]
    ) -> NDArray[np.float32]: ...

    def decode(self, heatmaps: NDArray[np.float32], missing_xy: float) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True)
class Reported:
    """A published AP (0..1) on COCO val2017 with the settings it was measured at."""

    ap: float
    boxes: str
    flip: bool
    source: str


@dataclass(frozen=True)
class Weights:
    """A released checkpoint. Unknown facts are None and print as "unknown".

    sha256 may be the full hex digest or the prefix that its file name carries.
    """

    tag: str
    file: str | None
    url: str | None
    sha256: str | None
    licence: str | None
    trained_on: str
    reported: tuple[Reported, ...] = ()


@dataclass(frozen=True)
class ModelSpec:
    """One complete variant of one family.

    build: returns the torch module; its forward(x (N,3,H,W)) gives a dict of named tensors.
    parameters: learnable numbers. macs: multiply-accumulates of convolutions and matrix
        products for one input of input_hw. Both are recounted by a test.
    origin, licence: the official repository and the licence of its code.
    """

    name: str
    family: str
    paper: str
    origin: str
    licence: str
    input_hw: tuple[int, int]
    build: Callable[[], Any]
    convention: Convention
    codec: Codec
    parameters: int
    macs: int
    weights: tuple[Weights, ...] = ()
    approach: Approach = "top-down"
    output: str = "heatmaps"
    stride: int = 4
    skeleton: Skeleton = COCO_17

    @property
    def output_wh(self) -> tuple[int, int]:
        """(width, height) of the output maps in cells."""
        return self.input_hw[1] // self.stride, self.input_hw[0] // self.stride

    def reported(self, kind: BoxKind, weights: Weights | None = None) -> Reported | None:
        """The first published figure for this kind of boxes, of these or of any weights."""
        rows = [r for w in ((weights,) if weights else self.weights) for r in w.reported]
        return next((r for r in rows if r.boxes.startswith(kind)), None)


@dataclass(frozen=True)
class Entry:
    """A row of the benchmark: a model and where its person boxes come from."""

    model: str
    boxes: BoxKind
    letter: str | None = None

    @property
    def name(self) -> str:
        return f"{self.model}@{self.boxes}"
