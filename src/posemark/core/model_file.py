"""Describes the file of an exported network, its input and its output."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posemark.core.codec import Form

Layout = Literal["nchw", "nhwc"]
InputType = Literal["float32", "uint8"]


@dataclass(frozen=True)
class FileOutput:
    """Maps the outputs of a model file to one PoseMark output.

    Attributes:
        name: name of the PoseMark output.
        sources: names of the file's outputs, which are joined along their channels. Empty means
            the only output of the file.
        order: channel i of the PoseMark output (row i of the form "rows") is channel order[i] of
            the joined outputs. Empty keeps their order.
        form: the axes of the output. The layout of the file applies to maps only.
    """

    name: str
    sources: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    form: Form = "maps"


@dataclass(frozen=True)
class Artefact:
    """The file of an exported network, which some runtimes open unchanged.

    Attributes:
        path: its first file.
        sha256: digest of all its files, in hexadecimal digits.
        precision: fp32, fp16 or int8, the number format of its weights and products.
        layout: order of the axes of images and maps.
        dtype: number type of the input.
        size_hw: height and width of the input in pixels; None if it accepts any size.
        output: how the outputs of the file become one PoseMark output.
    """

    path: Path
    sha256: str
    precision: str
    layout: Layout
    dtype: InputType
    size_hw: tuple[int, int] | None
    output: FileOutput

    @property
    def format(self) -> str:
        """The suffix of the file, which identifies its format: .onnx, .xml, .tflite or .pb."""
        return self.path.suffix.lower()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the network: OpenVINO stores weights in a .bin file beside the .xml file."""
        if self.format == ".xml":
            return self.path, self.path.with_suffix(".bin")
        return (self.path,)
