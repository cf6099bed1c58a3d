"""Networks as ONNX files: what every other runtime starts from.

The exporter is torch's older one, which traces (dynamo=False). The newer one gives files of
the same speed, needs another package, and takes 125 s for DEKR where this takes a few.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import ExportError
from posemark.core.source_hash import code_hash
from posemark.core.spec import ModelSpec

if TYPE_CHECKING:
    from torch import nn

MODEL = "model.onnx"
REFERENCE = "reference.npz"

INPUT = "images"

OPSET = 19
"""The first that has DeformConv."""

TOLERANCE = 1e-4
"""How far an exported float32 network may be off, in shares of the output's largest value."""

SMALL_HW = (128, 192)
"""Input for tracing and checking networks of whole images: they take any size."""


Infer = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]


def facts(spec: ModelSpec, weights: str, version: str, precision: str) -> dict[str, str]:
    """All that an exported network depends on; also the metadata in its file.

    weights: the checkpoint's SHA-256, or the formula's version. version: of PoseMark.
    """
    import torch

    height, width = spec.input_hw
    return {
        "model": spec.name,
        "posemark": version,
        "code": _code(spec),
        "torch": torch.__version__,
        "opset": str(OPSET),
        "precision": precision,
        "weights": weights,
        "input": f"{height}x{width}",
    }


def _code(spec: ModelSpec) -> str:
    """A hash of the source that makes the artefacts of this network, and of no other network's."""
    runtimes = (Path(__file__).parent / "runtimes").glob("*.py")
    builders = [spec.build] if spec.convert is None else [spec.build, spec.convert]
    return code_hash(builders, [Path(__file__), *runtimes])


def write(network: "nn.Module", spec: ModelSpec, folder: Path, facts: Mapping[str, str]) -> None:
    """Write MODEL in the precision that facts name, and beside it what the network gives.

    REFERENCE holds the float32 network's own outputs for the batches of `examples`.
    """
    import torch

    kept: dict[str, NDArray[np.float32]] = {}
    network = network.eval()
    for index, batch in enumerate(examples(spec)):
        with torch.inference_mode():
            outputs = network(torch.from_numpy(batch))
        kept |= {f"{index}/{name}": tensor.numpy() for name, tensor in outputs.items()}
    np.savez(folder / REFERENCE, **kept)
    if facts["precision"] == "fp16":
        network = network.half()
    to_onnx(network, spec, folder / MODEL, facts)


def to_onnx(network: "nn.Module", spec: ModelSpec, path: Path, facts: Mapping[str, str]) -> None:
    """Write a network with its weights as one ONNX file, in the precision of its weights.

    The file has one input, INPUT (N, 3, H, W) with any N (whole-image networks: any H and W,
    too), and the outputs of the network's forward by name. facts: metadata that it carries.
    Nothing is checked here; `require_parity` does that.
    """
    import onnx
    import torch

    sample = torch.from_numpy(example(spec, batch=2)).to(next(network.parameters()).dtype)
    with torch.inference_mode():
        names = list(network(sample[:1]))
    free = {0: "batch"} if spec.method.fixed_size else {0: "batch", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        # Deprecated in favour of the slower exporter; traced sizes that it warns of are of
        # the kinds that the test of every model shows to be free.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            as_tuple(network),
            (sample,),
            str(path),
            input_names=[INPUT],
            output_names=names,
            dynamic_axes={INPUT: free} | {name: _output_axes(spec) for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(facts))
    onnx.save(model, path)


def _output_axes(spec: ModelSpec) -> dict[int, str]:
    return {0: "batch"} if spec.method.fixed_size else {0: "batch", 2: "map_height", 3: "map_width"}


def as_tuple(network: "nn.Module") -> "nn.Module":
    """The network with its outputs in order: exporters take no dictionaries."""
    from torch import Tensor, nn

    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            return tuple(self.network(images).values())

    return Outputs().eval()


def example(spec: ModelSpec, batch: int, hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Reproducible pixels (batch, 3, H, W), normalised, of a size that the network takes."""
    height, width = hw or (spec.input_hw if spec.method.fixed_size else SMALL_HW)
    rng = np.random.Generator(np.random.PCG64(0))
    return rng.standard_normal((batch, 3, height, width), np.float32)


def examples(spec: ModelSpec) -> Iterable[NDArray[np.float32]]:
    """Two batches for a check: of another size of batch and, where it is free, of image."""
    yield example(spec, 2)
    yield example(spec, 1, None if spec.method.fixed_size else SMALL_HW[::-1])


def require_parity(name: str, infer: Infer, spec: ModelSpec, folder: Path) -> float:
    """Check a float32 session against the reference outputs of the network it was made from.

    name: of the session, for the error. folder: where `write` wrote. Returns the largest error
    of any output, in shares of its largest absolute value.

    Raises:
        ExportError: as `require_close`.
    """
    worst = 0.0
    with np.load(folder / REFERENCE) as kept:
        for index, batch in enumerate(examples(spec)):
            prefix = f"{index}/"
            reference = {k.removeprefix(prefix): kept[k] for k in kept if k.startswith(prefix)}
            worst = max(worst, require_close(name, infer(batch), reference))
    return worst


Maps = Mapping[str, NDArray[np.float32]]


def require_close(name: str, outputs: Maps, reference: Maps) -> float:
    """Check a float32 network's outputs against torch's own for the same batch.

    Returns the largest error, in shares of the reference's largest absolute value.

    Raises:
        ExportError: if an output is missing, has another shape, or is further off than
            TOLERANCE times the reference's largest absolute value.
    """
    blame = "This version of the runtime or of torch renders the network wrongly."
    worst = 0.0
    for output, expected in reference.items():
        ours = outputs.get(output)
        if ours is None or ours.shape != expected.shape:
            came = "nothing" if ours is None else f"shape {ours.shape}"
            raise ExportError(
                f"{name}: expected {output!r} of shape {expected.shape}, got {came}. {blame}"
            )
        error = float(np.abs(ours - expected).max() / np.abs(expected).max())
        if not error <= TOLERANCE:  # NaN, too
            raise ExportError(
                f"{name}: {output!r} is off by {error:.1e} of its largest value from what torch "
                f"gives; {TOLERANCE:.0e} is allowed. {blame}"
            )
        worst = max(worst, error)
    return worst
