"""Describes the file of an exported network, its input and its output."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["nchw", "nhwc"]
InputType = Literal["float32", "uint8"]


@dataclass(frozen=True)
class FileOutput:
    """Maps the outputs of a model file to one PoseMark output.

    Attributes:
        name: name of the PoseMark output.
        sources: names of the file's outputs, which are joined along their channels. Empty means
            the only output of the file.
        order: channel i of the PoseMark output (row i, if points) is channel order[i] of the
            joined outputs. Empty keeps their order.
        points: whether the output is rows of numbers, of points (N, ..., K, 3) or of boxes
            (N, R, C), instead of maps. The layout of the file does not apply to rows.
    """

    name: str
    sources: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    points: bool = False


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
