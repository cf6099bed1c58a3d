"""What a card may say. docs/add-a-model.md has a complete example."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from posemark.codecs import coordinates, heatmap, paf
from posemark.core.codec import CropCodec, GroupCodec
from posemark.core.spec import Approach, BoxKind, TopDown, WholeImage
from posemark.geometry import conventions
from posemark.geometry.fixed_height import FixedHeight

Count = Annotated[int, Meta(ge=1)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}\Z")]
FileName = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*\Z")]
Url = Annotated[str, Meta(pattern=r"^https://[^\x00-\x20]{1,2000}\Z")]
OfBoxes = Annotated[str, Meta(pattern="^(gt|detected|single)")]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class File(_Section, frozen=True):
    """The exported model.

    name: relative to the card, or looked for in the folders of models. precision: of its
    weights and products. sha256: of the file; data_sha256: of the .bin beside an .xml. source:
    where it can be had, in words; urls, data_urls: addresses that `posemark get` fetches it and
    the .bin from. licence: of the weights. parameters, macs: as in ModelSpec.
    """

    name: FileName
    precision: Literal["fp32", "fp16", "int8"]
    trained_on: str
    sha256: Sha256 | None = None
    data_sha256: Sha256 | None = None
    source: str | None = None
    urls: tuple[Url, ...] = ()
    data_urls: tuple[Url, ...] = ()
    licence: str | None = None
    parameters: Count | None = None
    macs: Count | None = None


class Input(_Section, frozen=True):
    """What the file is fed: (byte / divisor - mean) / std, channels in `order`.

    size: height and width; of whole images the width is an example.
    """

    size: tuple[Count, Count]
    order: Literal["rgb", "bgr"]
    divisor: Positive
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "uint8"] = "float32"


class Crop(_Section, frozen=True):
    """Top-down: how a person box becomes the input (docs/conventions.md)."""

    convention: Literal["hrnet", "dark", "mmpose0"]
    padding: Annotated[float, Meta(ge=0.5, le=4)] = 1.25


class Image(_Section, frozen=True):
    """Bottom-up: how the whole image becomes the input, whose height is fixed.

    width: padded with `fill` or stretched to a multiple of `multiple` pixels.
    """

    width: Literal["pad", "stretch"]
    multiple: Count
    fill: Byte = 0
    cubic: bool = False


class Heatmap(_Section, frozen=True, tag="heatmap", tag_field="kind"):
    """One heatmap per keypoint. sigma: of the training targets, in cells."""

    refine: Literal["argmax", "quarter", "dark"] = "quarter"
    kernel: Literal[1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21] = 11
    sigma: Positive = 2.0
    stride: Count = 4

    approach: ClassVar[Approach] = "top-down"

    def method(self, card: "Card") -> TopDown:
        """The way of the card's model."""
        return card.top_down(heatmap.Heatmap(self.refine, self.sigma, self.kernel, self.stride))


class Coordinates(_Section, frozen=True, tag="coordinates", tag_field="kind"):
    """Rows y, x, score, as shares of the input."""

    approach: ClassVar[Approach] = "top-down"

    def method(self, card: "Card") -> TopDown:
        """The way of the card's model."""
        return card.top_down(coordinates.Coordinates((card.input.size[1], card.input.size[0])))


class Paf(_Section, frozen=True, tag="paf", tag_field="kind"):
    """Heatmaps of parts, background and part affinity fields, at an eighth of the input."""

    layout: Literal["coco", "body25"]
    build: Literal["gpu", "cpu"] = "gpu"

    approach: ClassVar[Approach] = "bottom-up"

    def method(self, card: "Card") -> WholeImage:
        """The way of the card's model."""
        return card.whole_image(paf.Paf(_LAYOUTS[self.layout], self.build))


_LAYOUTS = {layout.name: layout for layout in (paf.COCO_18, paf.BODY_25)}
_CONVENTIONS = {c.name: c for c in (conventions.HRNET, conventions.DARK, conventions.MMPOSE0)}


class Outputs(_Section, frozen=True):
    """sources: outputs of the file that the codec reads, joined along the channels.

    order: for every channel that the codec expects, the file's.
    """

    sources: tuple[str, ...] = ()
    order: tuple[Annotated[int, Meta(ge=0)], ...] = ()


class Published(_Section, frozen=True):
    """An AP (0..1) on COCO val2017 and its settings; boxes: begins with gt, detected or single."""

    ap: Share
    boxes: OfBoxes
    flip: bool
    source: str


class Card(_Section, frozen=True):
    """All of it. crop: of top-down models; image: of bottom-up models."""

    name: Name
    family: str
    origin: str
    file: File
    input: Input
    codec: Heatmap | Coordinates | Paf
    paper: str = "none"
    licence: str = "unknown"
    crop: Crop | None = None
    image: Image | None = None
    outputs: Outputs = Outputs()
    keypoints: Literal["coco-17"] = "coco-17"
    published: tuple[Published, ...] = ()

    @property
    def approach(self) -> Approach:
        """What the codec implies."""
        return self.codec.approach

    @property
    def variants(self) -> tuple[BoxKind, ...]:
        """The kinds of boxes that it can be run on."""
        return ("detected", "gt") if self.approach == "top-down" else ("none",)

    @property
    def method(self) -> TopDown | WholeImage:
        """What the network sees and how its outputs are read."""
        return self.codec.method(self)

    def top_down(self, codec: CropCodec) -> TopDown:
        """The way of a model with this codec; its section [crop] is there (reading.read)."""
        if self.crop is None:
            raise ValueError("a top-down card without the section [crop]")
        convention = _CONVENTIONS[self.crop.convention]
        return TopDown(replace(convention, padding=self.crop.padding), codec)

    def whole_image(self, codec: GroupCodec) -> WholeImage:
        """The way of a model with this codec; its section [image] is there (reading.read)."""
        if self.image is None:
            raise ValueError("a bottom-up card without the section [image]")
        image = self.image
        sizing = FixedHeight(self.input.size[0], image.multiple, image.width == "pad")
        return WholeImage(sizing, codec)
