"""What a model is, as data: variants, conventions, weights, published figures, jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats
from posemark.core.model_file import Artefact
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.core.whole_image import GroupCodec, RescoringNet, Sizing

ONE_SCALE = (1.0,)
THREE_SCALES = (0.5, 1.0, 2.0)

Approach = Literal["top-down", "bottom-up"]
BoxKind = Literal["gt", "detected", "none"]
"""Where boxes come from; "none" for bottom-up models, which need no box."""


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
    unpadded_x: the centre's x at which the box does not grow, a leftover of MPII's missing
        boxes in official code; None where there is no such rule.
    """

    name: str
    extent: Literal[0, 1]
    keep_line_boxes: bool
    flip_shift: Literal[0, 1]
    missing_xy: float
    padding: float = 1.25
    unpadded_x: float | None = None


@dataclass(frozen=True)
class Pixels:
    """What a network is fed: value = (byte / divisor - mean) / std, by channel in `order`.

    cubic: when images are sampled bicubically: where they grow, or always; else bilinearly.
    fill: the byte, of every channel, that stands for what lies outside the image.
    """

    order: Literal["rgb", "bgr"]
    divisor: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    cubic: Literal["never", "enlarging", "always"] = "never"
    fill: int = 0


# ImageNet statistics: what every family but OpenPose was trained with.
IMAGENET = Pixels("rgb", 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


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
    """A published AP (0..1) on COCO val2017 with the settings it was measured at.

    boxes: begins with gt or detected; of bottom-up models with single or multi (scales).
    """

    ap: float
    boxes: str
    flip: bool
    source: str


Pin = Literal["SHA-256", "prefix only", "MD5 only", "unpinned"]
"""How firmly it is said which file is meant.

A prefix of eight hex digits, or an MD5, tells a damaged file, but not one made to pass for it.
"""


def pin_of(sha256: str | None, md5: str | None = None) -> Pin:
    """How firmly these digests say which file is meant. sha256: in full, or its beginning."""
    if sha256:
        return "SHA-256" if len(sha256) == SHA256_DIGITS else "prefix only"
    return "MD5 only" if md5 else "unpinned"


SHA256_DIGITS = 64


@dataclass(frozen=True)
class Weights:
    """A released checkpoint. Unknown facts are None and print as "unknown".

    urls: where the file can be fetched from, in the order to be tried; () where it has to be
        downloaded by hand. page: the address for a person with a browser then, if one is known
        that is closer than the model's repository.
    sha256: the full hex digest, or the prefix that the file's name carries. md5: a digest that
        the authors published instead. size: in bytes.
    licence: of the weights, and where that is said: "MIT (repository)".
    """

    tag: str
    file: str | None
    urls: tuple[str, ...]
    sha256: str | None
    licence: str | None
    trained_on: str
    reported: tuple[Reported, ...] = ()
    size: int | None = None
    md5: str | None = None
    page: str | None = None

    @property
    def pin(self) -> Pin:
        """How firmly the registry says which file it is."""
        return pin_of(self.sha256, self.md5)


@dataclass(frozen=True)
class ModelSpec:
    """One complete variant of one family.

    build: returns the torch module; its forward(x (N,3,H,W)) gives a dict of named tensors.
    convention, codec: of top-down models. sizing, grouping: of bottom-up models; scale_sets:
        the sets of input scales that the family publishes. mirror_shift: columns by which the
        mirrored image moves left before the network, with flip test (DEKR). rescoring: the
        network that judges its poses, used where its weights (the tag "rescore") are present.
    convert: state dict of another arrangement (mmpose's DEKR) -> state dict of this one.
    parameters: learnable numbers. macs: multiply-accumulates of convolutions and matrix
        products for one input of input_hw. Both are recounted by a test; of an exported model
        they may be unknown.
    artefact: the file of an exported model, which has no torch module: build() raises. card:
        hash of the card that describes it; with another card it is another model.
    shared_network: name of the network, where several models have the same one (the same
        layers, whatever their weights) at the same input size.
    origin, licence: the official repository and the licence of its code.
    """

    name: str
    family: str
    paper: str
    origin: str
    licence: str
    input_hw: tuple[int, int]
    build: Callable[[], Any]
    parameters: int | None
    macs: int | None
    convention: Convention | None = None
    codec: Codec | None = None
    sizing: Sizing | None = None
    grouping: GroupCodec | None = None
    scale_sets: tuple[tuple[float, ...], ...] = (ONE_SCALE,)
    mirror_shift: int = 0
    rescoring: RescoringNet | None = None
    pixels: Pixels = IMAGENET
    weights: tuple[Weights, ...] = ()
    convert: Callable[[Any], Any] | None = None
    output: str = "heatmaps"
    stride: int = 4
    skeleton: Skeleton = COCO_17
    artefact: Artefact | None = None
    card: str | None = None
    shared_network: str = ""

    @property
    def network(self) -> str:
        """The name of the network, which several models may share; they infer equally fast."""
        return self.shared_network or self.name

    @property
    def approach(self) -> Approach:
        """Bottom-up models are those with a grouping codec."""
        return "bottom-up" if self.grouping else "top-down"

    @property
    def output_wh(self) -> tuple[int, int]:
        """(width, height) of the output maps in cells."""
        return self.input_hw[1] // self.stride, self.input_hw[0] // self.stride

    def reported(self, variant: str, weights: Weights | None = None) -> Reported | None:
        """The first published figure for a variant (Entry.variant), of these or any weights."""
        rows = [r for w in ((weights,) if weights else self.weights) for r in w.reported]
        return next((r for r in rows if r.boxes.startswith(variant)), None)


@dataclass(frozen=True)
class Entry:
    """A row of the benchmark: a model and what it runs on.

    boxes: where a top-down model's person boxes come from. scales: of a bottom-up model's
    input. card: path of the card that describes an exported model. runtime, precision: what
    it runs in where nothing else is asked for.
    """

    model: str
    boxes: BoxKind
    letter: str | None = None
    scales: tuple[float, ...] = ONE_SCALE
    card: str | None = None
    runtime: str = "torch"
    precision: str = "fp32"

    @property
    def variant(self) -> str:
        """What stands after the "@": gt or detected; single or multi for bottom-up models."""
        if self.boxes != "none":
            return self.boxes
        return "single" if self.scales == ONE_SCALE else "multi"

    @property
    def name(self) -> str:
        return f"{self.model}@{self.variant}"
