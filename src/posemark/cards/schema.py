"""Defines the keys of a card. docs/add-a-model.md has a complete example."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from posemark.codecs import coordinates, heatmap, paf, people_table
from posemark.core.codec import CropCodec, GroupCodec
from posemark.core.model_file import FileOutput
from posemark.core.skeleton import COCO_17
from posemark.core.spec import Approach, BoxKind, TopDown, WholeImage
from posemark.detectors.box_rows import BoxRows, Form
from posemark.geometry import conventions
from posemark.geometry.fixed_height import FixedHeight
from posemark.geometry.letterbox import Rounding
from posemark.geometry.long_side import LongSide

Count = Annotated[int, Meta(ge=1, le=10**15)]
Side = Annotated[int, Meta(ge=1, le=16384)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Share = Annotated[float, Meta(gt=0, lt=1)]
Positive = Annotated[float, Meta(gt=0)]
_SHA256 = r"^[0-9a-f]{64}\Z"
_NAME = r"^[a-z0-9][a-z0-9_-]{0,99}\Z"
_FILE_NAME = r"^[^\x00-\x1f]*\Z"
_URL = r"^https://[^\x00-\x20]{1,2000}\Z"
_OF_BOXES = "^(gt|detected|single)"

PATTERNS = {
    repr(_SHA256): "64 hexadecimal digits",
    repr(_NAME): (
        "at most 100 lower-case letters, digits, hyphens and underscores, of which the first is a "
        "letter or a digit"
    ),
    repr(_FILE_NAME): "a name without control characters",
    repr(_URL): "an address that begins with https:// and has no spaces",
    repr(_OF_BOXES): "text that begins with gt, detected or single",
}
"""What each pattern accepts, in words, by the pattern as msgspec prints it."""

Sha256 = Annotated[str, Meta(pattern=_SHA256)]
Name = Annotated[str, Meta(pattern=_NAME)]
FileName = Annotated[str, Meta(min_length=1, max_length=1000, pattern=_FILE_NAME)]
Url = Annotated[str, Meta(pattern=_URL)]
OfBoxes = Annotated[str, Meta(pattern=_OF_BOXES)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class File(_Section, frozen=True):
    """The file of the exported model.

    Attributes:
        name: path relative to the card or to one of the folders of model files.
        precision: number format of its weights and products.
        trained_on: names of the training data.
        sha256: digest of the file.
        data_sha256: digest of the .bin beside an .xml file.
        source: where the file is published, in words.
        urls: addresses from which `posemark get` downloads the file.
        data_urls: addresses from which it downloads the .bin.
        licence: licence of the weights.
        parameters: as in ModelSpec.
        macs: as in ModelSpec.
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
    """The input of the file: (byte / divisor - mean) / std, with channels in `order`.

    Attributes:
        size: height and width in pixels. For a model of whole images one of them is an example,
            because image.fixed names only one.
        order: order of the colour channels.
        divisor: divides the bytes.
        mean: subtracted per channel after the division.
        std: divides the difference per channel.
        layout: order of the axes of images and maps.
        dtype: number type of the input.
    """

    size: tuple[Side, Side]
    order: Literal["rgb", "bgr"]
    divisor: Positive
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: Literal["float32", "uint8"] = "float32"


class Crop(_Section, frozen=True):
    """How a person box becomes the input of a top-down model (docs/conventions.md).

    Attributes:
        convention: name of the convention.
        padding: factor by which the box grows around its centre.
    """

    convention: Literal["hrnet", "dark", "mmpose0"]
    padding: Annotated[float, Meta(ge=0.5, le=4)] = 1.25


class Image(_Section, frozen=True):
    """How the whole image becomes the input of a bottom-up model.

    Attributes:
        multiple: number of pixels; width and height are multiples of it.
        fixed: the side of every image that is resized to its length in input.size.
        width: whether the width is padded or stretched to a multiple if the height is fixed; None
            if the longest side is fixed, because both sides are padded then.
        fill: byte value of the padding.
        cubic: whether images are sampled bicubically instead of bilinearly.
    """

    multiple: Side
    fixed: Literal["height", "longest"] = "height"
    width: Literal["pad", "stretch"] | None = None
    fill: Byte = 0
    cubic: bool = False


class Heatmap(_Section, frozen=True, tag="heatmap", tag_field="kind"):
    """One heatmap per keypoint.

    Attributes:
        refine: as in codecs.heatmap.Heatmap.
        kernel: DARK's blur size in cells.
        sigma: standard deviation of the Gaussians in the training targets, in cells.
        stride: input pixels per cell.
    """

    refine: Literal["argmax", "quarter", "dark"] = "quarter"
    kernel: Literal[1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21] = 11
    sigma: Positive = 2.0
    stride: Side = 4

    approach: ClassVar[Approach] = "top-down"

    def method(self, card: "Card") -> TopDown:
        """Make the method of the card's model."""
        return card.top_down(heatmap.Heatmap(self.refine, self.sigma, self.kernel, self.stride))


class Boxes(_Section, frozen=True, tag="boxes", tag_field="kind"):
    """Rows of numbers, one for each person box that a detector proposes.

    Attributes:
        rows: as BoxRows.form.
        classes: as in BoxRows.
        person: as in BoxRows.
        strides: as in BoxRows; only for rows of a grid.
        nms: as in BoxRows; left out if the file suppresses duplicates itself.
        least: as in BoxRows.
        most: as in BoxRows.
    """

    rows: Form
    classes: Annotated[int, Meta(ge=1, le=10_000)] = 1
    person: Annotated[int, Meta(ge=0, le=9_999)] = 0
    strides: Annotated[tuple[Side, ...], Meta(max_length=16)] = ()
    nms: Share | None = None
    least: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    most: Annotated[int, Meta(ge=1, le=10_000)] = 100

    @property
    def box_rows(self) -> BoxRows:
        """The decoder of the rows."""
        return BoxRows(
            *(self.rows, self.classes, self.person, self.strides),
            nms=self.nms,
            least=self.least,
            most=self.most,
        )


class Letterbox(_Section, frozen=True):
    """How the whole image is placed in the input of a detector: top left, padded.

    Attributes:
        rounding: how the sides of the resized image become whole numbers.
        fill: byte value of the padding.
        multiple: the file takes every size that is a multiple of this; left out if it takes only
            input.size.
    """

    rounding: Rounding
    fill: Byte = 0
    multiple: Side | None = None


class BoxOutputs(_Section, frozen=True):
    """The outputs of the file that the boxes are in.

    Attributes:
        sources: names of the outputs, whose columns are joined; empty if the file has only one.
    """

    sources: tuple[str, ...] = ()


class Coordinates(_Section, frozen=True, tag="coordinates", tag_field="kind"):
    """Rows of y, x, score, where y and x are fractions of the input's height and width."""

    approach: ClassVar[Approach] = "top-down"

    def method(self, card: "Card") -> TopDown:
        """Make the method of the card's model."""
        return card.top_down(coordinates.Coordinates((card.input.size[1], card.input.size[0])))


class Paf(_Section, frozen=True, tag="paf", tag_field="kind"):
    """Heatmaps of parts and background, and part affinity fields, at 1/8 of the input's size."""

    layout: Literal["coco", "body25"]
    build: Literal["gpu", "cpu"] = "gpu"

    approach: ClassVar[Approach] = "bottom-up"

    def method(self, card: "Card") -> WholeImage:
        """Make the method of the card's model."""
        return card.whole_image(paf.Paf(_LAYOUTS[self.layout], self.build))


class People(_Section, frozen=True, tag="people", tag_field="kind"):
    """A table with one row per person: y, x, score of every key point, a box, a score."""

    approach: ClassVar[Approach] = "bottom-up"

    def method(self, card: "Card") -> WholeImage:
        """Make the method of the card's model."""
        return card.whole_image(people_table.PeopleTable())


_LAYOUTS = {layout.name: layout for layout in (paf.COCO_18, paf.BODY_25)}
_CONVENTIONS = {c.name: c for c in (conventions.HRNET, conventions.DARK, conventions.MMPOSE0)}


class Outputs(_Section, frozen=True):
    """The outputs of the file that the codec reads.

    Attributes:
        sources: names of the outputs, which are joined along their channels; empty if the file
            has only one.
        order: for every channel that the codec expects, the channel of the joined outputs; empty
            if they are the same.
    """

    sources: tuple[str, ...] = ()
    order: tuple[Annotated[int, Meta(ge=0)], ...] = ()


class Published(_Section, frozen=True):
    """A published AP (0..1) on COCO val2017 with its settings.

    Attributes:
        ap: the average precision, 0..1.
        boxes: starts with gt, detected or single.
        flip: whether the flip test was used.
        source: where the figure is published.
    """

    ap: Share
    boxes: OfBoxes
    flip: bool
    source: str


class Card(_Section, frozen=True):
    """A whole card.

    Attributes:
        name: name of the model on the command line and in records.
        family: the name of its family.
        origin: the official repository or page.
        file: the model file.
        input: the input of the file.
        codec: how the outputs are decoded.
        paper: the publication.
        licence: licence of the official code.
        crop: how boxes become crops; only for top-down models.
        image: how images become inputs; only for bottom-up models.
        outputs: the outputs of the file that the codec reads.
        keypoints: the key points that the model finds.
        published: published figures.
    """

    name: Name
    family: str
    origin: str
    file: File
    input: Input
    codec: Heatmap | Coordinates | Paf | People
    paper: str = "none"
    licence: str = "unknown"
    crop: Crop | None = None
    image: Image | None = None
    outputs: Outputs = Outputs()
    keypoints: Literal["coco-17"] = "coco-17"
    published: tuple[Published, ...] = ()

    @property
    def approach(self) -> Approach:
        """Whether the model is top-down or bottom-up, which follows from the codec."""
        return self.codec.approach

    @property
    def variants(self) -> tuple[BoxKind, ...]:
        """The sources of boxes with which the model can be run."""
        return ("detected", "gt") if self.approach == "top-down" else ("none",)

    @property
    def says(self) -> str:
        """What the model is, in words."""
        return self.approach

    @property
    def fixed_hw(self) -> tuple[int, int] | None:
        """Height and width of the input; None if they depend on the image."""
        return self.input.size if self.crop else None

    @property
    def file_output(self) -> FileOutput:
        """How the outputs of the file become the one that the codec reads."""
        (output,) = self.method.codec.outputs(COCO_17)
        return FileOutput(output.name, self.outputs.sources, self.outputs.order, output.form)

    @property
    def method(self) -> TopDown | WholeImage:
        """Whether the network sees crops or the whole image, and how its outputs are decoded."""
        return self.codec.method(self)

    def top_down(self, codec: CropCodec) -> TopDown:
        """Make the method of a model with this codec; reading.read has checked for [crop]."""
        if self.crop is None:
            raise ValueError("a top-down card without the section [crop]")
        convention = _CONVENTIONS[self.crop.convention]
        return TopDown(replace(convention, padding=self.crop.padding), codec)

    def whole_image(self, codec: GroupCodec) -> WholeImage:
        """Make the method of a model with this codec; reading.read has checked for [image]."""
        if self.image is None:
            raise ValueError("a bottom-up card without the section [image]")
        size, image = self.input.size, self.image
        if image.fixed == "longest":
            return WholeImage(LongSide(max(size), image.multiple), codec)
        return WholeImage(FixedHeight(size[0], image.multiple, image.width == "pad"), codec)


class DetectorCard(_Section, frozen=True):
    """A whole card of a person detector.

    Attributes:
        name: name of the detector behind --boxes detector: and in records.
        family: the name of its family.
        origin: the official repository or page.
        file: the model file.
        input: the input of the file.
        letterbox: how images become inputs.
        codec: how the outputs become boxes.
        paper: the publication.
        licence: licence of the official code.
        outputs: the outputs of the file that the codec reads.
    """

    name: Name
    family: str
    origin: str
    file: File
    input: Input
    letterbox: Letterbox
    codec: Boxes
    paper: str = "none"
    licence: str = "unknown"
    outputs: BoxOutputs = BoxOutputs()

    @property
    def says(self) -> str:
        """What the model is, in words."""
        return "a person detector"

    @property
    def fixed_hw(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.input.size

    @property
    def file_output(self) -> FileOutput:
        """How the outputs of the file become the one that the codec reads."""
        return FileOutput("boxes", self.outputs.sources, form="boxes")
