"""Describes models as data: their networks, processing, weights and published figures."""

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
"""The source of the person boxes; "none" for bottom-up models, which need no boxes."""


@dataclass(frozen=True)
class Pixels:
    """How pixels become network input: value = (byte / divisor - mean) / std, per channel.

    Attributes:
        order: order of the colour channels of the input, and of mean and std.
        divisor: divides the bytes.
        mean: subtracted after the division.
        std: divides the difference.
        cubic: when images are sampled bicubically instead of bilinearly; "enlarging" means only
            if the image grows.
        fill: byte value, in all channels, of pixels outside the image.
    """

    order: Literal["rgb", "bgr"]
    divisor: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    cubic: Literal["never", "enlarging", "always"] = "never"
    fill: int = 0


# ImageNet statistics; all families except OpenPose were trained with them.
IMAGENET = Pixels("rgb", 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Reported:
    """A published AP on COCO val2017, with the settings of its measurement.

    Attributes:
        ap: the average precision, 0..1.
        boxes: starts with gt or detected; for bottom-up models with single or multi (scales).
        flip: whether the flip test was used.
        source: where the figure is published.
    """

    ap: float
    boxes: str
    flip: bool
    source: str


Pin = Literal["SHA-256", "prefix only", "MD5 only", "unpinned"]
"""How reliably a published digest identifies a file.

A prefix of eight hexadecimal digits or an MD5 detects damage, but not deliberate replacement.
"""


def pin_of(sha256: str | None, md5: str | None = None) -> Pin:
    """Say how reliably these digests identify a file.

    Args:
        sha256: the full digest or its first digits; None if it is not published.
        md5: the full digest; None if it is not published.
    """
    if sha256:
        return "SHA-256" if len(sha256) == SHA256_DIGITS else "prefix only"
    return "MD5 only" if md5 else "unpinned"


SHA256_DIGITS = 64


@dataclass(frozen=True)
class Weights:
    """A released checkpoint. Unknown facts are None and are printed as "unknown".

    Attributes:
        tag: identifies the checkpoint among those of its model.
        file: name of the released file.
        urls: addresses of the file, in the order to try; () if the user has to download it.
        sha256: the full digest in hexadecimal digits, or the prefix in the file's name.
        licence: licence of the weights, and its source in brackets: "MIT (repository)".
        trained_on: names of the training data.
        reported: published figures.
        size: of the file in bytes.
        md5: a digest that the authors published instead of the SHA-256.
        page: web page from which a user can download the file, if it is closer than the
            repository of the model.
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
        """How reliably the registry identifies the file."""
        return pin_of(self.sha256, self.md5)


@dataclass(frozen=True)
class TopDown:
    """The method of a model that sees one crop per person box.

    Attributes:
        convention: how a box becomes a crop and back.
        codec: decodes the outputs of the network for crops.
    """

    convention: Convention
    codec: CropCodec

    approach: ClassVar[Approach] = "top-down"
    fixed_size: ClassVar[bool] = True
    rescoring: ClassVar[RescoringNet | None] = None
    published_first: ClassVar[str] = "detected"

    @property
    def runs(self) -> tuple[tuple[BoxKind, Scales], ...]:
        """The sources of boxes and the input scales of the model's entries."""
        return ("detected", ONE_SCALE), ("gt", ONE_SCALE)

    def output_wh(self, input_wh: tuple[int, int]) -> tuple[int, int]:
        """Compute (width, height) of the outputs in cells for an input of this size in pixels."""
        return input_wh[0] // self.codec.stride, input_wh[1] // self.codec.stride


@dataclass(frozen=True)
class WholeImage:
    """The method of a model that sees the whole image, and whose codec finds the people.

    Attributes:
        sizing: how an image becomes the inputs of the network.
        codec: decodes the outputs of the network at all scales.
        scale_sets: the sets of input scales for which the family publishes figures.
        mirror_shift: columns by which the flip test moves the mirrored image to the left before
            it enters the network (DEKR).
        rescoring: a second network that rescores the poses. It is used if its weights (the tag
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
        """The sources of boxes and the input scales of the model's entries."""
        return tuple(("none", scales) for scales in self.scale_sets)


@dataclass(frozen=True)
class ModelSpec:
    """One complete variant of one family.

    Attributes:
        name: its name on the command line and in records.
        family: the name of its family.
        paper: the publication.
        origin: the official repository.
        licence: the licence of the official code.
        input_hw: height and width of the network input in pixels.
        build: returns the torch module; its forward(x (N, 3, H, W)) gives a dict of named tensors.
            It raises for an exported model.
        parameters: number of learnable parameters. A test recounts them. None if unknown, which
            only an exported model may have.
        macs: multiply-accumulate operations of convolutions and matrix products for one input of
            input_hw. A test recounts them. None as for parameters.
        method: whether the network sees crops or the whole image, and how its outputs are decoded.
        pixels: how pixels become network input.
        weights: the released checkpoints.
        convert: converts a state dict with other names or shapes (mmpose's DEKR) to this network.
        skeleton: the key points that it finds.
        artefact: the file of an exported model, which has no torch module.
        card: hash of the card that describes an exported model; another hash means another model.
        shared_network: name of the network, if several models have the same one (the same layers
            at the same input size, whatever their weights).
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
        """The name of the network. Models that share it have the same inference time."""
        return self.shared_network or self.name

    @property
    def approach(self) -> Approach:
        """Whether the network sees crops of people (top-down) or the whole image (bottom-up)."""
        return self.method.approach

    @property
    def codec(self) -> CropCodec | GroupCodec:
        """The default decoder of the model."""
        return self.method.codec

    @property
    def convention(self) -> Convention | None:
        """How a box becomes a crop and back; None for a model that needs no boxes."""
        return self.method.convention

    @property
    def input_wh(self) -> tuple[int, int]:
        """(width, height) of the network's input in pixels."""
        return self.input_hw[1], self.input_hw[0]

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs of the network that the codec reads."""
        return self.codec.outputs(self.skeleton)

    def read_as(self, variant: str) -> "ModelSpec":
        """Return the same model with a variant of its codec.

        Args:
            variant: the value of `--codec`.

        Raises:
            UsageError: if the codec has no such variant.
        """
        return replace(self, method=replace(self.method, codec=self.codec.variant(variant)))

    def reported(self, variant: str, weights: Weights | None = None) -> Reported | None:
        """Find the first published figure for a variant.

        Args:
            variant: a variant as Entry.variant names it.
            weights: searches only these weights; None searches all weights of the model.

        Returns:
            The figure; None if none is published.
        """
        rows = [r for w in ((weights,) if weights else self.weights) for r in w.reported]
        return next((r for r in rows if r.boxes.startswith(variant)), None)


@dataclass(frozen=True)
class Entry:
    """A row of the benchmark: a model with the source of its boxes or the scales of its input.

    Attributes:
        model: name of the model.
        boxes: source of the person boxes of a top-down model.
        letter: its letter in the table of the blog post; None if it is not in that table.
        scales: input scales of a bottom-up model.
        card: path of the card that describes an exported model.
        runtime: the runtime, unless the command line names another one.
        precision: the precision, unless the command line names another one.
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
        """The part of the name after "@": gt or detected; single or multi for bottom-up models."""
        if self.boxes != "none":
            return self.boxes
        return "single" if self.scales == ONE_SCALE else "multi"

    @property
    def name(self) -> str:
        """The model and the variant: "hrnet-w32-256x192@gt"."""
        return f"{self.model}@{self.variant}"
