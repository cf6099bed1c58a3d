"""ONNX Runtime, on any of its execution providers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.runtimes import Maps, Session, Source, Target, Tensor, onnx_file
from posemark.runtimes.export_cache import (
    calibration_of,
    onnx_folder,
    quantised_folder,
    require_parity,
)
from posemark.runtimes.model_file import FileSession, reading, require_precision
from posemark.runtimes.registry import unknown_device

SUFFIX = "ExecutionProvider"

HEAVY = ("Conv", "FusedConv", "ConvTranspose", "DeformConv", "MatMul", "Gemm", "QLinearConv")
"""Operators that hold a network's work. Shapes may be computed on the CPU, these may not."""


def supported(device: str) -> tuple[str, ...]:
    """Precisions of this provider. On the CPU it has no kernels for 16-bit floats.

    Raises:
        UsageError: if it is not in the installed build.
    """
    provider = _provider(device)
    if provider.startswith("CPU"):
        return ("fp32", "int8")
    # TensorRT takes TF32 for fp32, and ONNX Runtime has no option against it.
    return ("fp16",) if provider.startswith("Tensorrt") else ("fp32", "fp16")


def _provider(device: str) -> str:
    """The provider of that name, cpu for CPUExecutionProvider."""
    import onnxruntime

    names = {
        name.removesuffix(SUFFIX).lower(): name for name in onnxruntime.get_available_providers()
    }
    if device not in names:
        raise unknown_device("onnxruntime", device, sorted(names))
    return names[device]


def open_session(target: Target, source: Source) -> Session:
    """A session on the provider that target.device names, and on no other."""
    folder = onnx_folder(source, half=target.precision == "fp16")
    path = folder / export.MODEL
    if target.precision == "int8":
        path = quantise(folder, source) / export.MODEL
    session = OnnxRuntimeSession(path, source.threads, target)
    if target.precision == "fp32":
        require_parity(session, source, folder)
    return session


def open_file(target: Target, artefact: Artefact, threads: int) -> FileSession:
    """A session on an ONNX file, on the provider that target.device names, and on no other.

    Raises:
        UsageError: if the file is in another precision than the one asked for.
    """
    require_precision(artefact, onnx_file.precision(artefact.path))
    with reading(artefact.path, "onnxruntime"):
        session = OnnxRuntimeSession(artefact.path, threads, target)
    return FileSession(session, artefact)


class OnnxRuntimeSession:
    """Runs an ONNX file.

    Raises:
        UsageError: if the provider was left out, or left any heavy operator to the CPU.
    """

    runtime = "onnxruntime"

    def __init__(self, path: Path, threads: int, target: Target) -> None:
        import onnxruntime

        provider = _provider(target.device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Idle threads would otherwise spin through the stages before and after the network.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        options.log_severity_level = 3
        # CUDA would take TF32 for fp32, unasked.
        chosen = (provider, {"use_tf32": "0"}) if provider.startswith("CUDA") else provider
        self._session = onnxruntime.InferenceSession(path, options, providers=[chosen])
        self._input = self._session.get_inputs()[0].name
        self._half = self._session.get_inputs()[0].type == "tensor(float16)"
        self._names = [output.name for output in self._session.get_outputs()]
        self._ready: set[tuple[int, ...]] = set()
        self.precision = target.precision
        self.device = _really(self._session, provider)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Run once: buffers are laid out anew for every shape."""
        if shape not in self._ready:
            self._ready.add(shape)
            self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W)."""
        pixels = batch.astype(np.float16) if self._half else batch
        outputs = self._session.run(self._names, {self._input: pixels})
        return {
            n: o.astype(np.float32, copy=False) for n, o in zip(self._names, outputs, strict=True)
        }

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Inputs and outputs as the file has them."""
        both = self._session.get_inputs(), self._session.get_outputs()
        inputs, outputs = ([_tensor(node) for node in nodes] for nodes in both)
        return inputs, outputs


def _tensor(node: Any) -> Tensor:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    sides = (side if isinstance(side, int) else None for side in node.shape)
    return Tensor(node.name, tuple(sides), "float32" if kind == "float" else kind)


def _really(session: Any, provider: str) -> str:
    """What the session runs on, read back; raises where that is not the provider asked for."""
    device = provider.removesuffix(SUFFIX).lower()
    if session.get_providers()[0] != provider:
        raise UsageError(
            f"onnxruntime was asked for {provider} and took {session.get_providers()[0]}: the "
            "provider's own libraries could not be loaded. Install them, or ask for --device cpu."
        )
    elsewhere = [
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != provider
        for node in part.get_nodes()
    ]
    heavy = sorted({kind for kind in elsewhere if kind in HEAVY})
    if heavy:
        raise UsageError(
            f"onnxruntime left {', '.join(heavy)} of this network to the CPU: {provider} does not "
            "have them. A figure would tell little of that device; use another provider."
        )
    return f"{device}, {len(elsewhere)} operators on cpu" if elsewhere else device


def quantise(folder: Path, source: Source) -> Path:
    """The folder of the network in int8, by static quantisation with the source's calibration.

    folder: of the float32 file. Convolutions and products are quantised, but for those of
    `_kept`: weights by channel, activations by tensor, ranges by the mean minimum and maximum,
    in pairs of quantising and dequantising nodes. Activations are unsigned: x86 multiplies
    unsigned by signed bytes, and with both signed it is slower than float32.
    """
    import onnxruntime
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    calibration = calibration_of(source)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = iter(calibration.batches())

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self._batches, None)
            return None if batch is None else {export.INPUT: batch}

    def make(made: Path) -> None:
        prepared = made / "prepared.onnx"
        quant_pre_process(folder / export.MODEL, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            made / export.MODEL,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
            nodes_to_exclude=_kept(prepared),
            extra_options={"CalibMovingAverage": True},
        )
        prepared.unlink()

    return quantised_folder(source, folder, "onnxruntime", onnxruntime, make)


def _kept(path: Path) -> list[str]:
    """Names of nodes that stay in float: depthwise, first and last convolutions.

    Rounding in these moves many times as many key points as in all others.
    """
    import onnx

    graph = onnx.load(path).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    outputs = {output.name for output in graph.output}
    ends = [node for node in convolutions if outputs & set(node.output)]
    depthwise = [node for node in convolutions if _groups(node) > 1]
    return [node.name for node in (convolutions[0], *ends, *depthwise)]


def _groups(node: Any) -> int:
    return next((each.i for each in node.attribute if each.name == "group"), 1)
