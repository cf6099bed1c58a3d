"""A network with its weights as an ONNX file that has been shown to give what torch gives."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import posemark
from posemark import export
from posemark.core.errors import UsageError
from posemark.core.spec import ModelSpec
from posemark.core.target import Target
from posemark.models import spec_of
from posemark.run.build import network_of, weights_identity
from posemark.runtimes.onnx_runtime import OnnxRuntimeSession
from posemark.runtimes.registry import require
from posemark.weights import BEST, NONE, at_hand, resolve

SUFFIX = ".onnx"


@dataclass(frozen=True)
class Exported:
    """What was written. error: the largest of any output, in shares of its largest value."""

    path: Path
    spec: ModelSpec
    weights: str
    outputs: tuple[str, ...]
    error: float


def export_model(name: str, weights: str, path: Path, threads: int) -> Exported:
    """Write a model as ONNX, float32, any batch size; bottom-up models: any image size.

    The file appears only after ONNX Runtime has given torch's outputs for two batches of
    different sizes, within export.TOLERANCE.

    Raises:
        UsageError: for an unknown model, a path that is not *.onnx or that cannot be written,
            missing packages.
        CheckpointError: as weights.resolve. ExportError: if the outputs differ.
    """
    _require_path(path)
    target = Target("onnxruntime")
    require(target)
    spec = spec_of(name)
    checkpoint = resolve(spec, _best(spec) if weights == BEST else weights)
    facts = export.facts(spec, weights_identity(checkpoint), posemark.__version__, "fp32")
    with _folder_beside(path) as folder:
        export.write(network_of(spec, checkpoint), spec, folder, facts)
        session = OnnxRuntimeSession(folder / export.MODEL, threads, target)
        error = export.require_parity(spec.name, session.infer, spec, folder)
        outputs = tuple(session.infer(next(iter(export.examples(spec)))))
        (folder / export.MODEL).replace(path)
    label = checkpoint.label if checkpoint else "by formula"
    return Exported(path, spec, label, outputs, error)


def _best(spec: ModelSpec) -> str:
    return next(iter(at_hand(spec, spec.method.published_first)), NONE)


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """An empty folder from which a file can be renamed to the path.

    Raises:
        UsageError: where it cannot be made, or what is written into it cannot.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=path.parent) as scratch:
            yield Path(scratch)
    except OSError as error:
        raise UsageError(
            f"-o {path}: it cannot be written into {path.parent} ({error.strerror or error}). "
            "Choose another folder, or make room there."
        ) from error


def _require_path(path: Path) -> None:
    if path.suffix != SUFFIX:
        raise UsageError(f"-o {path}: expected a file name that ends in {SUFFIX}.")
    if path.is_dir():
        raise UsageError(f"-o {path}: expected a file, but this is a folder. Give another name.")
    if path.parent.exists() and not path.parent.is_dir():
        raise UsageError(f"-o {path}: {path.parent} is no folder. Give another name.")
    if not path.parent.exists():
        raise UsageError(
            f"-o {path}: expected a file in a folder that is there. Make {path.parent}, or give "
            "another name."
        )
    _require_room(path)


def _require_room(path: Path) -> None:
    """Before minutes of work: that something can be written there at all."""
    with _folder_beside(path) as folder:
        (folder / "probe").write_bytes(bytes(4096))
