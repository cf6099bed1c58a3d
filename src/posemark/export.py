"""Writes networks as ONNX files, from which most other runtimes start, and checks the result.

The exporter is torch's older one, which traces the network (dynamo=False). The newer one makes
files of the same speed, needs another package, and takes 125 s for DEKR instead of a few seconds.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import ExportError
from posemark.core.source_hash import code_hash
from posemark.core.spec import ModelSpec

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

MODEL = "model.onnx"
REFERENCE = "reference.npz"

INPUT = "images"
"""Name of the input of an exported network."""

OPSET = 19
"""The first version of ONNX's operator set that has DeformConv."""

TOLERANCE = 1e-4
"""Largest allowed error of an exported float32 network, relative to an output's largest value."""

SMALL_HW = (128, 192)
"""Height and width of the input with which bottom-up networks are traced and checked."""


@dataclass(frozen=True)
class Form:
    """The form of an exported file, which decides what can read it.

    Attributes:
        opset: the version of ONNX's operator set.
        batch: the number of images N of every input; None for any. With a fixed number, sizes
            are constants of the file, and older engines need no operators that compute them.
    """

    opset: int = OPSET
    batch: int | None = None


FREE = Form()
"""The form that the runtimes on this machine read."""

Maps = Mapping[str, NDArray[np.float32]]
Infer = Callable[[NDArray[np.float32]], Maps]


def facts(
    spec: ModelSpec, weights: str, version: str, precision: str, form: Form = FREE
) -> dict[str, str]:
    """Return everything that an exported network depends on, which is also its file's metadata.

    Args:
        spec: the model.
        weights: SHA-256 of the checkpoint, or the version of the formula.
        version: version of PoseMark.
        precision: precision of weights and maps.
        form: the form of the file.
    """
    import torch

    height, width = spec.input_hw
    return {
        "model": spec.name,
        "posemark": version,
        "code": _code(spec),
        "torch": torch.__version__,
        "opset": str(form.opset),
        "precision": precision,
        "weights": weights,
        "input": f"{height}x{width}",
    } | ({} if form.batch is None else {"batch": str(form.batch)})


def _code(spec: ModelSpec) -> str:
    """A hash of the code that makes this network's artefacts, without that of other networks."""
    runtimes = (Path(__file__).parent / "runtimes").glob("*.py")
    builders = [spec.build] if spec.convert is None else [spec.build, spec.convert]
    return code_hash(builders, [Path(__file__), *runtimes])


def write(
    network: "nn.Module",
    spec: ModelSpec,
    folder: Path,
    facts: Mapping[str, str],
    form: Form = FREE,
) -> None:
    """Write a network to MODEL, and its float32 outputs to REFERENCE in the same folder.

    REFERENCE has the outputs for the batches of `examples`.

    Args:
        network: the float32 network. It is changed to float16 if the facts say so.
        spec: the model.
        folder: where both files are written.
        facts: metadata of the file; its "precision" is that of MODEL, fp32 or fp16.
        form: the form of MODEL.
    """
    import torch

    reference: dict[str, Any] = {}  # Any, since savez's annotation mixes up options and arrays
    network = network.eval()
    for index, batch in enumerate(examples(spec, form.batch)):
        with torch.inference_mode():
            outputs = network(torch.as_tensor(batch))
        reference |= {f"{index}/{name}": tensor.numpy() for name, tensor in outputs.items()}
    np.savez(folder / REFERENCE, **reference)
    if facts["precision"] == "fp16":
        network = network.half()
    to_onnx(network, spec, folder / MODEL, facts, form)


def to_onnx(
    network: "nn.Module",
    spec: ModelSpec,
    path: Path,
    facts: Mapping[str, str],
    form: Form = FREE,
) -> None:
    """Write a network with its weights as one ONNX file, in the precision of its weights.

    The file has one input, INPUT (N, 3, H, W) with any N, unless its form fixes N (for bottom-up
    networks also with any H and W), and the outputs of the network's forward by name. The result
    is not checked here; `require_parity` does that.

    Args:
        network: the network, in evaluation mode.
        spec: the model.
        path: the file.
        facts: metadata of the file.
        form: the form of the file.
    """
    import onnx
    import torch

    sample = torch.as_tensor(example(spec, batch=form.batch or 2)).to(
        next(network.parameters()).dtype
    )
    with torch.inference_mode():
        names = list(network(sample[:1]))
    free_input, free_output = _free_axes(spec, form)
    with warnings.catch_warnings():
        # The exporter warns that it is deprecated in favour of the slower one, and that traced
        # sizes might be fixed; a test shows for every model that they are not.
        warnings.simplefilter("ignore")
        torch.onnx.export(  # pyright: ignore[reportUnknownMemberType]  # annotated in part
            as_tuple(network),
            (sample,),
            str(path),
            input_names=[INPUT],
            output_names=names,
            dynamic_axes={INPUT: free_input} | dict.fromkeys(names, free_output),
            opset_version=form.opset,
            dynamo=False,
        )
    if form.batch is not None:
        _fold_sizes(path)
    model = load_onnx(path)
    onnx.helper.set_model_props(model, dict(facts))
    onnx.save(model, path)  # pyright: ignore[reportUnknownMemberType]  # PathLike of an open type


def _fold_sizes(path: Path) -> None:
    """Replace operators whose results are constants, and merge normalisations into convolutions.

    ONNX Runtime does this with standard operators only. Without it, OpenCV 4.6 does not read
    Lite-HRNet, whose file computes the sizes of its maps.
    """
    import onnx
    import onnxruntime

    library: Any = onnxruntime  # a compiled module without annotations
    domains = [(each.domain, each.version) for each in load_onnx(path).opset_import]
    options = library.SessionOptions()
    options.graph_optimization_level = library.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    library.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    model = load_onnx(path)
    # It names domains of its own, which the file does not use and older engines do not know.
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(*each) for each in domains)
    onnx.save(model, path)  # pyright: ignore[reportUnknownMemberType]  # as in load_onnx


def load_onnx(path: Path) -> "ModelProto":
    """Read an ONNX file."""
    import onnx

    return onnx.load(path)  # pyright: ignore[reportUnknownMemberType]  # PathLike of an open type


def _free_axes(spec: ModelSpec, form: Form) -> tuple[dict[int, str], dict[int, str]]:
    """Return the names of the axes of the input and of the outputs that may have any length."""
    batch = {0: "batch"} if form.batch is None else {}
    if spec.method.fixed_size:
        return batch, batch
    return batch | {2: "height", 3: "width"}, batch | {2: "map_height", 3: "map_width"}


def as_tuple(network: "nn.Module") -> "nn.Module":
    """Wrap a network to return a tuple, in order, since exporters do not accept dictionaries."""
    from torch import Tensor, nn

    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            return tuple(self.network(images).values())

    return Outputs().eval()


def example(spec: ModelSpec, batch: int, hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Make reproducible normalised network input of a size that the network accepts.

    Args:
        spec: the model.
        batch: number of images N.
        hw: height and width; by default the model's, or SMALL_HW for bottom-up models.

    Returns:
        Random values (N, 3, H, W).
    """
    height, width = hw or (spec.input_hw if spec.method.fixed_size else SMALL_HW)
    rng = np.random.Generator(np.random.PCG64(0))
    return rng.standard_normal((batch, 3, height, width), np.float32)


def examples(spec: ModelSpec, batch: int | None = None) -> Iterable[NDArray[np.float32]]:
    """Yield two batches for a check, with different N and, for bottom-up models, different H, W.

    Args:
        spec: the model.
        batch: the only N that the file accepts; None if it accepts any.
    """
    height, width = SMALL_HW
    yield example(spec, batch or 2)
    yield example(spec, batch or 1, None if spec.method.fixed_size else (width, height))


def require_parity(
    name: str, infer: Infer, spec: ModelSpec, folder: Path, form: Form = FREE
) -> float:
    """Compare a float32 session with the reference outputs of the network it was made from.

    Args:
        name: names the session in the error message.
        infer: runs the session on a batch.
        spec: the model.
        folder: the folder that `write` wrote to.
        form: the form that it wrote.

    Returns:
        The largest error of any output, relative to its largest absolute value.

    Raises:
        ExportError: as `require_close`.
    """
    worst = 0.0
    with np.load(folder / REFERENCE) as kept:
        for index, batch in enumerate(examples(spec, form.batch)):
            prefix = f"{index}/"
            reference = {k.removeprefix(prefix): kept[k] for k in kept if k.startswith(prefix)}
            worst = max(worst, require_close(name, infer(batch), reference))
    return worst


def require_close(name: str, outputs: Maps, reference: Maps) -> float:
    """Compare a float32 network's outputs with torch's outputs for the same batch.

    Args:
        name: names the session in the error message.
        outputs: the outputs to check.
        reference: torch's outputs.

    Returns:
        The largest error, relative to the largest absolute value of the reference.

    Raises:
        ExportError: if an output is missing, has another shape, or differs by more than
            TOLERANCE times the reference's largest absolute value.
    """
    cause = "This version of the runtime or of torch converts the network wrongly."
    worst = 0.0
    for output, expected in reference.items():
        found = outputs.get(output)
        if found is None or found.shape != expected.shape:
            came = "nothing" if found is None else f"shape {found.shape}"
            raise ExportError(
                f"{name}: expected {output!r} of shape {expected.shape}, got {came}. {cause}"
            )
        error = float(np.abs(found - expected).max() / np.abs(expected).max())
        if not error <= TOLERANCE:  # also true if the error is NaN
            raise ExportError(
                f"{name}: {output!r} differs from torch's output by {error:.1e} of its largest "
                f"value; {TOLERANCE:.0e} is allowed. {cause}"
            )
        worst = max(worst, error)
    return worst
