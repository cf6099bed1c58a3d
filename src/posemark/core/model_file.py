"""An exported network: its file, and what goes in and comes out of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Layout = Literal["nchw", "nhwc"]
InputType = Literal["float32", "uint8"]


@dataclass(frozen=True)
class FileOutput:
    """One of our outputs, made of those of a file.

    name: ours. sources: the file's, joined along their channels; none means its only one.
    order: channel i (of points: row i) of ours is theirs at order[i]; none leaves them.
    points: rows of numbers (N, ..., K, 3) instead of maps, which no layout turns.
    """

    name: str
    sources: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    points: bool = False


@dataclass(frozen=True)
class Artefact:
    """A network as a file that some runtimes read as it is.

    path: its first file; sha256: of all its files, in hex. precision: fp32, fp16 or int8, what
    its weights and products are in. layout: of images and maps. dtype: of the input.
    size_hw: of the input, None where it takes any.
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
        """The suffix that tells how to read it: .onnx, .xml, .tflite or .pb."""
        return self.path.suffix.lower()

    @property
    def files(self) -> tuple[Path, ...]:
        """All its files: OpenVINO keeps weights in a .bin beside the .xml."""
        if self.format == ".xml":
            return self.path, self.path.with_suffix(".bin")
        return (self.path,)
