"""What a model is, as data: variants, conventions, weights, published figures, jobs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from posemark.core.codec import CropCodec, GroupCodec, Output
from posemark.core.convention import Convention
from posemark.core.model_file import Artefact
from posemark.core.skeleton import COCO_17, Skeleton
from posemark.core.whole_image import RescoringNet, Sizing

Scales = tuple[float, ...]

ONE_SCALE: Scales = (1.0,)
THREE_SCALES: Scales = (0.5, 1.0, 2.0)

Approach = Literal["top-down", "bottom-up"]
BoxKind = Literal["gt", "detected", "none"]
"""Where boxes come from; "none" for bottom-up models, which need no box."""


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
class TopDown:
    """The way of a model that sees one crop per person box.

    Attributes:
        convention: how a box becomes a crop and back.
        codec: reads the network's outputs for crops.
    """

    convention: Convention
    codec: CropCodec

    approach: ClassVar[Approach] = "top-down"
    fixed_size: ClassVar[bool] = True
    rescoring: ClassVar[RescoringNet | None] = None
    published_first: ClassVar[str] = "detected"

    @property
    def runs(self) -> tuple[tuple[BoxKind, Scales], ...]:
        """The boxes and input scales that make its entries."""
        return ("detected", ONE_SCALE), ("gt", ONE_SCALE)

    def output_wh(self, input_wh: tuple[int, int]) -> tuple[int, int]:
        """(width, height) in cells of what the codec reads for an input of this size."""
        return input_wh[0] // self.codec.stride, input_wh[1] // self.codec.stride

    def read_as(self, variant: str) -> "TopDown":
        """The same way with a variant of its codec; UsageError as the codec raises it."""
        return replace(self, codec=self.codec.variant(variant))


@dataclass(frozen=True)
class WholeImage:
    """The way of a model that sees the whole image, and whose codec finds the people.

    Attributes:
        sizing: how an image becomes the network's inputs.
        codec: reads the network's outputs at all scales.
        scale_sets: the sets of input scales that the family publishes.
        mirror_shift: columns by which the mirrored image moves left before it enters the
            network with the flip test (DEKR).
        rescoring: the network that judges the poses, used where its weights (the tag
            "rescore") are present.
    """

    sizing: Sizing
    codec: GroupCodec
    scale_sets: tuple[Scales, ...] = (ONE_SCALE,)
    mirror_shift: int = 0
    rescoring: RescoringNet | None = None

    approach: ClassVar[Approach] = "bottom-up"
    fixed_size: ClassVar[bool] = False
    convention: ClassVar[Convention | None] = None
    published_first: ClassVar[str] = "single"

    @property
    def runs(self) -> tuple[tuple[BoxKind, Scales], ...]:
        """The boxes and input scales that make its entries."""
        return tuple(("none", scales) for scales in self.scale_sets)

    def read_as(self, variant: str) -> "WholeImage":
        """The same way with a variant of its codec; UsageError as the codec raises it."""
        return replace(self, codec=self.codec.variant(variant))


@dataclass(frozen=True)
class ModelSpec:
    """One complete variant of one family.

    build: returns the torch module; its forward(x (N,3,H,W)) gives a dict of named tensors.
    method: what the network sees, crops of people or the whole image, and how its outputs are
        read.
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
    method: TopDown | WholeImage
    pixels: Pixels = IMAGENET
    weights: tuple[Weights, ...] = ()
    convert: Callable[[Any], Any] | None = None
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
        """Whether it sees crops of people (top-down) or the whole image (bottom-up)."""
        return self.method.approach

    @property
    def codec(self) -> CropCodec | GroupCodec:
        """The model's own decoder."""
        return self.method.codec

    @property
    def convention(self) -> Convention | None:
        """How boxes become crops; None for a model that needs no boxes."""
        return self.method.convention

    @property
    def input_wh(self) -> tuple[int, int]:
        """(width, height) of the network's input in pixels."""
        return self.input_hw[1], self.input_hw[0]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The network's outputs that the codec reads."""
        return self.codec.outputs(self.skeleton)

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
        """The model and the variant: "hrnet-w32-256x192@gt"."""
        return f"{self.model}@{self.variant}"
