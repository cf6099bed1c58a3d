"""Exports a network with its weights as an ONNX file, after comparing its outputs with torch's."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import posemark
from posemark import export
from posemark.core.durable import place
from posemark.core.errors import UsageError
from posemark.core.places import exists, is_folder, require_place
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
    """The result of an export.

    Attributes:
        path: the ONNX file.
        spec: the model.
        weights: the label of the checkpoint, or "by formula".
        outputs: the names of the file's outputs.
        error: the largest error of any output, relative to the largest value of that output.
    """

    path: Path
    spec: ModelSpec
    weights: str
    outputs: tuple[str, ...]
    error: float


def export_model(name: str, weights: str, path: Path, threads: int) -> Exported:
    """Write a float32 model as ONNX for any batch size and, if bottom-up, for any image size.

    The file is written only if ONNX Runtime reproduces torch's outputs within export.TOLERANCE,
    for two batches of different sizes.

    Args:
        name: the name of a model of the zoo.
        weights: a tag, a checkpoint file, "best" or "none".
        path: the file to write.
        threads: the number of threads of ONNX Runtime in the comparison.

    Raises:
        UsageError: for an unknown model, a path that does not end in SUFFIX or cannot be
            written, or missing packages.
        CheckpointError: if the checkpoint is missing or unreadable, or does not fit the network.
        ExportError: if the network cannot be exported, or the outputs differ.
    """
    require_output(path, SUFFIX)
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
        place(folder / export.MODEL, path)
    label = checkpoint.label if checkpoint else "by formula"
    return Exported(path, spec, label, outputs, error)


def _best(spec: ModelSpec) -> str:
    return next(iter(at_hand(spec, spec.method.published_first)), NONE)


@contextmanager
def _folder_beside(path: Path) -> Generator[Path, None, None]:
    """Yield an empty temporary folder beside `path`, from which a file can be renamed to `path`.

    Raises:
        UsageError: if the folder cannot be made or written into.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".exporting-", dir=path.parent) as scratch:
            yield Path(scratch)
    except OSError as error:
        raise UsageError(
            f"-o {path}: it cannot be written into {path.parent} ({error.strerror or error}). "
            "Choose another folder, or make room there."
        ) from error


def require_output(path: Path, suffix: str) -> None:
    """Check, before minutes of work, that a file can be written at the path of -o.

    Args:
        path: the file; one that exists would be replaced.
        suffix: how its name must end.

    Raises:
        UsageError: if it has another suffix, or cannot be written.
    """
    if path.suffix != suffix:
        raise UsageError(f"-o {path}: expected a file name that ends in {suffix}.")
    if exists(path.parent) and not is_folder(path.parent):
        raise UsageError(f"-o {path}: {path.parent} is not a folder. Give another name.")
    if not exists(path.parent):
        raise UsageError(
            f"-o {path}: expected a file in a folder that exists. Make {path.parent}, or give "
            "another name."
        )
    _require_room(path)
    require_place(path, "Give another name.")


def _require_room(path: Path) -> None:
    """Check that something can be written beside the path."""
    with _folder_beside(path) as folder:
        (folder / "probe").write_bytes(bytes(4096))
