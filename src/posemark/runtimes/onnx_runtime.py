"""ONNX Runtime, on any of its execution providers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.core.target import Target
from posemark.runtimes import Maps, Session, Source, Tensor, onnx_file
from posemark.runtimes.export_cache import (
    calibration_of,
    onnx_folder,
    quantised_folder,
    require_parity,
)
from posemark.runtimes.model_file import FileSession, reading_errors, require_precision
from posemark.runtimes.registry import unknown_device
from posemark.runtimes.row import Runtime

ROWS = (
    Runtime(
        "onnxruntime",
        __name__,
        packages=("onnxruntime",),
        extra="onnx",
        convert_packages=("onnx",),
        convert_extra="onnx",
        reads=(".onnx",),
        opens=(".onnx",),
        distributions=("onnx", "onnxruntime", "onnxruntime-gpu"),
        one_stream="",
    ),
)

if TYPE_CHECKING:
    from onnx import NodeProto

SUFFIX = "ExecutionProvider"

HEAVY = ("Conv", "FusedConv", "ConvTranspose", "DeformConv", "MatMul", "Gemm", "QLinearConv")
"""Operators that do most of a network's arithmetic. They must run on the device that was asked
for; small operators, such as those that compute shapes, may run on the CPU."""


# onnxruntime is a compiled module without annotations. The protocols below declare what is used.


class _NodeArg(Protocol):
    """An input or output of a graph; type is "tensor(float)", for example."""

    name: str
    type: str
    shape: Sequence[int | str | None]


class _Node(Protocol):
    op_type: str


class _Subgraph(Protocol):
    """A part of the graph that runs on one execution provider."""

    ep_name: str

    def get_nodes(self) -> Sequence[_Node]: ...


class _Session(Protocol):
    def get_inputs(self) -> Sequence[_NodeArg]: ...

    def get_outputs(self) -> Sequence[_NodeArg]: ...

    def get_providers(self) -> list[str]: ...

    def get_provider_graph_assignment_info(self) -> Sequence[_Subgraph]: ...

    def run(
        self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]
    ) -> Sequence[NDArray[Any]]: ...


class _Options(Protocol):
    intra_op_num_threads: int
    log_severity_level: int

    def add_session_config_entry(self, key: str, value: str) -> None: ...


class _OnnxRuntime(Protocol):
    SessionOptions: Callable[[], _Options]
    InferenceSession: Callable[..., _Session]

    def get_available_providers(self) -> list[str]: ...


def _onnxruntime() -> _OnnxRuntime:
    import onnxruntime

    return cast("_OnnxRuntime", onnxruntime)


def supported(device: str) -> tuple[str, ...]:
    """Return the precisions of an execution provider.

    The CPU provider has no kernels for 16-bit floats.

    Raises:
        UsageError: if the installed build does not have the provider.
    """
    provider = _provider(_onnxruntime(), device)
    if provider.startswith("CPU"):
        return ("fp32", "int8")
    # TensorRT computes fp32 in TF32, and ONNX Runtime has no option to turn that off.
    return ("fp16",) if provider.startswith("Tensorrt") else ("fp32", "fp16")


def _provider(onnxruntime: _OnnxRuntime, device: str) -> str:
    """The full name of a provider, such as CPUExecutionProvider for cpu."""
    available = onnxruntime.get_available_providers()
    names = {name.removesuffix(SUFFIX).lower(): name for name in available}
    if device not in names:
        raise unknown_device("onnxruntime", device, sorted(names))
    return names[device]


def open_session(target: Target, source: Source) -> Session:
    """Open a session on the provider that target.device names, and on no other.

    Raises:
        UsageError: as OnnxRuntimeSession, or if int8 has no calibration.
        ExportError: if the converted network differs from the original.
    """
    folder = onnx_folder(source, half=target.precision == "fp16")
    path = folder / export.MODEL
    if target.precision == "int8":
        path = quantise(folder, source) / export.MODEL
    session = OnnxRuntimeSession(path, source.threads, target)
    if target.precision == "fp32":
        require_parity(session, source, folder)
    return session


def open_file(target: Target, artefact: Artefact, threads: int) -> FileSession:
    """Open a session on an ONNX file, on the provider that target.device names and on no other.

    Raises:
        UsageError: as OnnxRuntimeSession, or if the file's precision is not the card's.
        CheckpointError: if the file cannot be read.
    """
    require_precision(artefact, onnx_file.precision(artefact.path))
    with reading_errors(artefact.path, "onnxruntime"):
        session = OnnxRuntimeSession(artefact.path, threads, target)
    return FileSession(session, artefact)


class OnnxFileSession:
    """Runs an ONNX file with a given module onnxruntime.

    It works with every version from 1.3 on, because bundles run it on devices that have no newer
    one (posemark.bundle).

    Raises:
        UsageError: if the provider could not be loaded, or leaves a heavy operator to the CPU.
    """

    runtime = "onnxruntime"

    def __init__(self, onnxruntime: _OnnxRuntime, path: Path, threads: int, target: Target) -> None:
        provider = _provider(onnxruntime, target.device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        if hasattr(options, "add_session_config_entry"):
            # Idle threads would otherwise spin during the stages before and after the network.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        options.log_severity_level = 3
        # CUDA computes fp32 in TF32 by default.
        chosen = (provider, {"use_tf32": "0"}) if provider.startswith("CUDA") else provider
        self._session = onnxruntime.InferenceSession(str(path), options, providers=[chosen])
        self._input = self._session.get_inputs()[0].name
        self._half = self._session.get_inputs()[0].type == "tensor(float16)"
        self._names = [output.name for output in self._session.get_outputs()]
        self._ready: set[tuple[int, ...]] = set()
        self.precision = target.precision
        self.device = _device_in_use(self._session, provider)

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Run once, because buffers are allocated again for every new shape."""
        if shape not in self._ready:
            self._ready.add(shape)
            self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name, as float32, for a batch (N, 3, H, W)."""
        pixels = batch.astype(np.float16) if self._half else batch
        outputs = self._session.run(self._names, {self._input: pixels})
        return {
            n: o.astype(np.float32, copy=False) for n, o in zip(self._names, outputs, strict=True)
        }

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and outputs that the file declares."""
        inputs = [_tensor(node) for node in self._session.get_inputs()]
        outputs = [_tensor(node) for node in self._session.get_outputs()]
        return inputs, outputs


class OnnxRuntimeSession(OnnxFileSession):
    """Runs an ONNX file with the installed ONNX Runtime; it raises what OnnxFileSession raises."""

    def __init__(self, path: Path, threads: int, target: Target) -> None:
        super().__init__(_onnxruntime(), path, threads, target)


def _tensor(node: _NodeArg) -> Tensor:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    sides = (side if isinstance(side, int) else None for side in node.shape)
    return Tensor(node.name, tuple(sides), "float32" if kind == "float" else kind)


def _device_in_use(session: _Session, provider: str) -> str:
    """The device that the session runs on, read back; raises if it is not the provider's."""
    device = provider.removesuffix(SUFFIX).lower()
    if session.get_providers()[0] != provider:
        raise UsageError(
            f"onnxruntime was asked for {provider} but uses {session.get_providers()[0]}: the "
            "provider's own libraries could not be loaded. Install them, or use --device cpu."
        )
    if not hasattr(session, "get_provider_graph_assignment_info"):  # before 1.25
        return device if device == "cpu" else f"{device}, unknown operators on cpu"
    elsewhere = [
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != provider
        for node in part.get_nodes()
    ]
    heavy = sorted({kind for kind in elsewhere if kind in HEAVY})
    if heavy:
        raise UsageError(
            f"onnxruntime would run the operators {', '.join(heavy)} of this network on the CPU, "
            f"because {provider} does not support them. A measured speed would say little about "
            "that device: use another provider."
        )
    return f"{device}, {len(elsewhere)} operators on cpu" if elsewhere else device


def quantise(folder: Path, source: Source) -> Path:
    """Quantise a network to int8, by static quantisation with the source's calibration.

    Convolutions and matrix products are quantised, except those of `_kept`: weights per channel,
    activations per tensor, with ranges from the mean minimum and maximum, as pairs of quantising
    and dequantising nodes. Activations are unsigned, because x86 multiplies unsigned by signed
    bytes; if both are signed, it is slower than float32.

    Args:
        folder: the folder with the float32 file.
        source: the network and its calibration.

    Returns:
        The folder with the int8 file.

    Raises:
        UsageError: if the source has no calibration.
    """
    import onnxruntime
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,  # pyright: ignore[reportUnknownVariableType]  # annotated in part
    )
    from onnxruntime.quantization.shape_inference import (
        quant_pre_process,  # pyright: ignore[reportUnknownVariableType]  # annotated in part
    )

    calibration = calibration_of(source)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = iter(calibration.batches())

        # None ends the data; the annotation of the base class does not say so.
        def get_next(self) -> dict[str, Any] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
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
    """Names of the nodes that stay in float: depthwise, first and last convolutions.

    Rounding in these moves many times as many key points as rounding in all others.
    """
    graph = export.load_onnx(path).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    outputs = {output.name for output in graph.output}
    ends = [node for node in convolutions if outputs & set(node.output)]
    depthwise = [node for node in convolutions if _groups(node) > 1]
    return [node.name for node in (convolutions[0], *ends, *depthwise)]


def _groups(node: "NodeProto") -> int:
    return next((each.i for each in node.attribute if each.name == "group"), 1)
