"""What a bundle is generated with: its entries, and the choices that the target makes."""

from dataclasses import dataclass, replace
from pathlib import Path

from posemark.core.model_file import Artefact, FileOutput, InputType, Layout
from posemark.core.spec import ONE_SCALE, ModelSpec


@dataclass(frozen=True)
class DeclaredFile:
    """What the card of an exported model says of its file: an Artefact without a path.

    Attributes:
        precision: as in Artefact.
        layout: as in Artefact.
        dtype: as in Artefact.
        size_hw: as in Artefact.
        output: as in Artefact.
    """

    precision: str
    layout: Layout
    dtype: InputType
    size_hw: tuple[int, int] | None
    output: FileOutput

    @classmethod
    def of(cls, artefact: Artefact) -> "DeclaredFile":
        """Return what a card says of a file."""
        return cls(
            *(artefact.precision, artefact.layout, artefact.dtype, artefact.size_hw),
            artefact.output,
        )

    def at(self, path: Path, sha256: str) -> Artefact:
        """Return the artefact for a file with this path and digest."""
        return Artefact(
            *(path, sha256, self.precision, self.layout, self.dtype, self.size_hw), self.output
        )


@dataclass(frozen=True)
class BundledEntry:
    """An entry of a bundle: everything about its processing that is code or a constant.

    What is data (its record header, boxes and model files) is in entries/KEY.json.

    Attributes:
        key: the name of its file in the folder entries. It is the key of the record without what
            is chosen on the device: the engine, the precision, the device and the mode.
        spec: the model, as `without_torch` returns it.
        runtime: the entry's own runtime, which a key does not mention.
        precision: the entry's own precision, which a key does not mention.
        scales: the input scales of a bottom-up model.
        flip: whether outputs are averaged with those of the mirrored input.
        most: the largest number of crops in one forward pass.
        trained: whether the weights are trained; if not, perfect outputs are decoded, and no
            poses are stored.
        declared: what the card of an exported model says of its file; None for a network that
            PoseMark has exported.
    """

    key: str
    spec: ModelSpec
    runtime: str = "torch"
    precision: str = "fp32"
    scales: tuple[float, ...] = ONE_SCALE
    flip: bool = False
    most: int = 1
    trained: bool = False
    declared: DeclaredFile | None = None


@dataclass(frozen=True)
class Bundle:
    """The content of a bundle that is part of run.py.

    Attributes:
        posemark: the version of PoseMark that wrote the bundle.
        target: the name of the target that the bundle was written for.
        engines: the names of the engines that may run it, the preferred one first.
        precision: the precision that is tried first; an engine without it runs fp32.
        entries: the entries, in the order in which they run.
        sums: the SHA-256 of every other file that the figures depend on, by its path in the
            folder of the bundle: entries, frames and annotations. Models and images have theirs
            in entries and frames.
    """

    posemark: str
    target: str
    engines: tuple[str, ...]
    precision: str
    entries: tuple[BundledEntry, ...]
    sums: tuple[tuple[str, str], ...] = ()


def without_torch(spec: ModelSpec) -> ModelSpec:
    """Return a model without its torch module, which a device does not need.

    Its published checkpoints, the conversion of their names and the path of an exported file at
    home are left out as well.
    """
    return replace(spec, build=_no_network, weights=(), convert=None, artefact=None)


def _no_network() -> None:
    raise RuntimeError("a bundle has exported networks only")
