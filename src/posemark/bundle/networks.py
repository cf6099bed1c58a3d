"""The model files of a bundle: networks that are exported for its target, and files of cards."""

import io
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

import posemark
from posemark import export
from posemark.bundle.operators import problems
from posemark.bundle.runner.engines.engine import Engine
from posemark.bundle.runner.engines.known import engine_named
from posemark.bundle.runner.entry_file import ModelFile
from posemark.bundle.targets import BundleTarget
from posemark.core.digests import sha256_of
from posemark.core.model_file import Artefact
from posemark.core.target import Target
from posemark.run.build import artefacts, network_of, weights_identity
from posemark.run.prepare import Prepared
from posemark.runtimes.model_file import reading_errors
from posemark.runtimes.onnx_runtime import OnnxRuntimeSession

MODELS = "models"
"""The folder of the model files, in the folder of the bundle."""

_DIGITS = 12
"""Hexadecimal digits of the digest in the name of a file."""


class NotReadError(Exception):
    """No engine of the target runs an entry; the message is the reason, without the name."""


@dataclass(frozen=True)
class Network:
    """A model file at home.

    Attributes:
        path: where it is.
        model: what the bundle says of it.
    """

    path: Path
    model: ModelFile


def network_file(prepared: Prepared, target: BundleTarget) -> Network:
    """Return the model file of an entry for a target; it is exported if necessary.

    Args:
        prepared: the entry.
        target: the kind of device.

    Raises:
        NotReadError: if no engine of the target reads the file.
        CheckpointError: if the weights cannot be read, or do not fit the network.
        ExportError: if ONNX Runtime computes other outputs with the file than torch.
    """
    artefact = prepared.spec.artefact
    if artefact:
        _require_engine(artefact, target)
        path, outputs = artefact.path, ()
    else:
        path, outputs = _exported(prepared, target)
    if path.suffix.lower() == ".onnx":
        _require_read(path, target)
    digest = sha256_of(path)
    name = f"{MODELS}/{prepared.spec.name}-{digest[:_DIGITS]}{path.suffix.lower()}"
    return Network(path, ModelFile(name, digest, outputs))


def rescorer_file(prepared: Prepared) -> tuple[ModelFile, bytes] | None:
    """Return the weights of the network that rescores an entry's poses; None if it has none."""
    if prepared.rescorer is None:
        return None
    buffer = io.BytesIO()
    arrays: dict[str, Any] = dict(prepared.rescorer.state())  # savez mixes up options and arrays
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    digest = sha256(content).hexdigest()
    name = f"{MODELS}/{prepared.spec.name}-rescore-{digest[:_DIGITS]}.npz"
    return ModelFile(name, digest), content


def _require_engine(artefact: Artefact, target: BundleTarget) -> None:
    """Refuse the file of a card that no engine of the target runs."""
    engines = [engine_named(name) for name in target.engines]
    if len(artefact.files) == 1 and any(_runs(engine, artefact) for engine in engines):
        return
    formats = sorted({suffix for engine in engines for suffix in engine.suffixes})
    raise NotReadError(
        f"no engine of {target.name} runs its file {artefact.path.name} ({artefact.precision}); "
        f"{', '.join(target.engines)} read {' and '.join(formats)} files"
    )


def _runs(engine: Engine, artefact: Artefact) -> bool:
    return artefact.format in engine.suffixes and artefact.precision in engine.file_precisions


def _require_read(path: Path, target: BundleTarget) -> None:
    """Refuse an ONNX file with something that the target's list of operators does not have."""
    known = target.reads
    if known is None:
        return
    with reading_errors(path, "onnx"):
        model = export.load_onnx(path)
    found = list(problems(model, known))
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise NotReadError(f"{known.title} does not read its file: {found[0]}{more}")


def form_for(prepared: Prepared, target: BundleTarget) -> export.Form:
    """Return the form in which the network of an entry is exported.

    Older engines read the more of a file the fewer sizes are computed in it, so that the number
    of images is fixed wherever the pipeline allows it.
    """
    batched = prepared.job.options.persons == "batched"
    return export.Form(target.opset, None if batched else 1)


def _exported(prepared: Prepared, target: BundleTarget) -> tuple[Path, tuple[str, ...]]:
    """Return the exported network with the names of its outputs, from the store or made now."""
    spec, checkpoint, form = prepared.spec, prepared.checkpoint, form_for(prepared, target)
    weights = weights_identity(checkpoint)
    facts = export.facts(spec, weights, posemark.__version__, "fp32", form)

    def make(folder: Path) -> None:
        export.write(network_of(spec, checkpoint), spec, folder, facts, form)
        session = _session(folder / export.MODEL, prepared)
        export.require_parity(spec.name, session.infer, spec, folder, form)

    path = artefacts().get(f"{spec.name}-bundle", facts, make) / export.MODEL
    return path, tuple(each.name for each in export.load_onnx(path).graph.output)


def _session(path: Path, prepared: Prepared) -> OnnxRuntimeSession:
    return OnnxRuntimeSession(path, prepared.job.options.threads, Target("onnxruntime"))
