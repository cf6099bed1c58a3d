"""OpenVINO, on any of its devices.

By default, OpenVINO uses the lowest precision in which a CPU is fast. Here the precision is
always set, and that of the compiled graph is read back. Networks are compiled separately for
each input shape, for up to SHAPES shapes, which is up to a third faster than one graph for all.
"""

import logging
import xml.etree.ElementTree as ET  # reads only files that are written here
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.core.target import Target
from posemark.runtimes import Maps, Session, Source, Tensor
from posemark.runtimes.export_cache import (
    calibration_of,
    onnx_folder,
    quantised_folder,
    require_parity,
)
from posemark.runtimes.model_file import FileSession, reading_errors
from posemark.runtimes.open_vino_deform import NAME, PRODUCT, deform_conv
from posemark.runtimes.registry import unknown_device
from posemark.runtimes.row import Runtime

ROWS = (
    Runtime(
        "openvino",
        __name__,
        packages=("openvino",),
        extra="openvino",
        convert_packages=("onnx",),
        convert_extra="openvino",
        reads=(".xml", ".pb", ".onnx", ".tflite"),
        opens=(".xml", ".pb"),
        recasts=("fp32", "bf16", "fp16"),
        distributions=("openvino", "nncf"),
        one_stream="",
    ),
)

if TYPE_CHECKING:
    from openvino import (
        CompiledModel,
        ConstOutput,
        Core,
        Extension,
        InferRequest,
        Model,
        Node,
        Output,
    )

MODEL = "model.xml"

SHAPES = 8
"""Number of input shapes with their own graph; all further shapes share one graph."""

HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
"""INFERENCE_PRECISION_HINT: operators of int8 networks that are not quantised stay float32."""

_PINNING = "ENABLE_CPU_PINNING"
"""A property that the versions for Python 3.6 do not have."""

RUNS_AS = {"fp32": {"f32"}, "bf16": {"bf16"}, "fp16": {"f16"}, "int8": {"i8", "u8"}}
"""Types in which the heavy operators of a compiled graph run at each precision."""

KEPT = ("GroupConvolution", "Add", "Multiply", "Concat", "Interpolate")
"""Operators that are not quantised: depthwise convolutions and sums of branches. On TinyPose,
rounding in these moves many times as many key points, and quantising them brings no speed."""

HEAVY = ("Convolution", "GroupConvolution", "Deconvolution", "FullyConnected", "MatMul")
"""Operators that do most of a network's arithmetic."""


def supported(device: str) -> tuple[str, ...]:
    """Return the precisions that OpenVINO reports as supported by a device.

    Raises:
        UsageError: if OpenVINO does not find the device.
    """
    import openvino

    core = openvino.Core()
    devices = [name.lower() for name in core.available_devices]
    if device not in devices:
        raise unknown_device("openvino", device, devices)
    can = core.get_property(device.upper(), "OPTIMIZATION_CAPABILITIES")
    return tuple(name for name in HINTS if name.upper() in can)


def open_session(target: Target, source: Source) -> Session:
    """Open a session on the device and at the precision of the target.

    Raises:
        UsageError: as OpenVinoSession, or if int8 has no calibration or NNCF is not installed.
        ExportError: if the converted network differs from the original.
    """
    folder = _converted(source)
    if target.precision == "int8":
        folder = quantise(folder, source)
    session = OpenVinoSession(folder / MODEL, source.threads, target)
    session.prepare((1, *export.example(source.spec, 1).shape[1:]))
    # On the CPU the network was checked when it was converted.
    if target.precision == "fp32" and target.device != "cpu":
        require_parity(session, source, onnx_folder(source))
    return session


def open_file(target: Target, artefact: Artefact, threads: int) -> FileSession:
    """Open a session on a model file of any format that OpenVINO reads.

    Raises:
        UsageError: as OpenVinoSession.
        CheckpointError: if the file cannot be read.
    """
    height, width = artefact.size_hw or (-1, -1)
    free = (-1, 3, height, width) if artefact.layout == "nchw" else (-1, height, width, 3)
    with reading_errors(artefact.path, "openvino"):
        session = OpenVinoSession(artefact.path, threads, target, free)
    return FileSession(session, artefact)


def _converted(source: Source) -> Path:
    """Return the folder with the float32 network in OpenVINO's format, compared with torch."""
    import openvino

    exported = onnx_folder(source)
    facts = {"from": exported.name, "openvino": openvino.__version__}

    def make(folder: Path) -> None:
        core = openvino.Core()
        _add_deform_conv(core)
        model = _read(core, exported / export.MODEL)
        openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
        _keep_positions_precise(folder / MODEL)
        session = OpenVinoSession(folder / MODEL, source.threads, Target("openvino"))
        require_parity(session, source, exported)

    return source.store.get(f"{source.spec.name}-openvino", facts, make)


def _add_deform_conv(core: "Core") -> None:
    """Convert DeformConv nodes of ONNX files with deform_conv."""
    from openvino.frontend import onnx

    # OpenVINO annotates neither this class nor the path that add_extension also accepts.
    conversion = cast("Callable[..., Extension]", onnx.ConversionExtension)  # pyright: ignore[reportUnknownMemberType]
    core.add_extension(conversion("DeformConv", deform_conv))  # pyright: ignore[reportUnknownMemberType]


def _read(core: "Core", path: Path) -> "Model":
    # The annotation says `object` for a path, and leaves the type of a buffer open.
    return core.read_model(path)  # pyright: ignore[reportUnknownMemberType]


def _keep_positions_precise(path: Path) -> None:
    """Mark the sampling positions of deformable convolutions as not to be rounded to 16 bits.

    Among 176 columns, bfloat16 has a precision of half a pixel only. The attribute is OpenVINO's
    own (openvino pull request 34311), but only its files can set it, not its Python interface.
    """
    tree = ET.parse(path)  # noqa: S314
    for layer in tree.iter("layer"):
        if layer.get("name", "").startswith(NAME):
            info = layer.find("rt_info")
            info = ET.SubElement(layer, "rt_info") if info is None else info
            rule = {"name": "DisablePrecisionConversion", "version": "0"}
            ET.SubElement(info, "attribute", rule, value="dynamic:f16;f32:bf16,f16")
    tree.write(path)


class OpenVinoFileSession:
    """Runs a network with a given Core, in OpenVINO's format or another one that it reads.

    Raises:
        UsageError: if the device compiles it to a precision other than the requested one.
    """

    runtime = "openvino"

    def __init__(
        self,
        core: "Core",
        path: Path,
        threads: int,
        target: Target,
        free_shape: tuple[int, ...] = (),
    ) -> None:
        """Read a network.

        Args:
            core: OpenVINO's Core; bundles use those from version 2022.1 on (posemark.bundle).
            path: the model file.
            threads: number of CPU threads.
            target: the device and the precision.
            free_shape: input shape of the graph that all shapes beyond SHAPES share, with -1 for
                dimensions that vary; () keeps the shape in the file.
        """
        self._target = target
        self.precision = target.precision
        self.device = target.device
        self._core = core
        self._model = _read(self._core, path)
        self._config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": HINTS[target.precision],
        }
        if target.device == "cpu":
            self._config["INFERENCE_NUM_THREADS"] = threads
            if _PINNING in core.get_property("CPU", "SUPPORTED_PROPERTIES"):
                # OpenVINO would pin the threads of every session, in whatever process, to cores
                # from the first one on: two processes with one thread each would share a core.
                self._config[_PINNING] = False
        self._requests: dict[tuple[int, ...] | None, InferRequest] = {}
        self._ready: set[tuple[int, ...]] = set()
        self._free_shape = free_shape

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile for this shape and run once, which creates the kernels."""
        if shape not in self._ready:
            self._ready.add(shape)
            self._request(shape).infer([np.zeros(shape, np.float32)])

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W)."""
        found = self._request(batch.shape).infer([batch], share_inputs=True)
        results = cast("Mapping[ConstOutput, NDArray[np.float32]]", found)
        return {output.get_any_name(): results[output] for output in results}

    def _request(self, shape: tuple[int, ...]) -> "InferRequest":
        key = shape if shape in self._requests or len(self._requests) < SHAPES else None
        if key not in self._requests:
            self._requests[key] = self._compiled(key).create_infer_request()
        return self._requests[key]

    def _compiled(self, shape: tuple[int, ...] | None) -> "CompiledModel":
        model = self._shaped(shape or self._free_shape)
        compiled = self._core.compile_model(model, self._target.device.upper(), self._config)
        others = _require_precision(compiled, self.precision, self._target.device)
        self.device = ", ".join((self._target.device, *others))
        return compiled

    def _shaped(self, shape: tuple[int, ...]) -> "Model":
        """Return the network for inputs of this shape; () keeps the shape in the file."""
        if not shape:
            return self._model
        model = self._model.clone()
        model.reshape(list(shape))
        return model

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and outputs that the file declares."""
        inputs = [_tensor(port) for port in self._model.inputs]
        outputs = [_tensor(port) for port in self._model.outputs]
        return inputs, outputs


class OpenVinoSession(OpenVinoFileSession):
    """Runs a network with the installed OpenVINO; arguments and errors as OpenVinoFileSession."""

    def __init__(
        self, path: Path, threads: int, target: Target, free_shape: tuple[int, ...] = ()
    ) -> None:
        import openvino

        super().__init__(openvino.Core(), path, threads, target, free_shape)


def _tensor(port: "Output") -> Tensor:
    sides = (side.get_length() if side.is_static else None for side in port.partial_shape)
    return Tensor(port.get_any_name(), tuple(sides), port.element_type.to_dtype().name)


def _require_precision(compiled: "CompiledModel", precision: str, device: str) -> list[str]:
    """Read back the types in which the heavy operators run, and describe the deviating ones.

    At fp32, all must run in fp32. At a lower precision, at least half must run in it, because the
    device may have no kernel for some of them.
    """
    ran = Counter(_ran_in(node) for node in _heavy(compiled))
    right = sum(count for kind, count in ran.items() if kind in RUNS_AS[precision])
    total = sum(ran.values())
    enough = total if precision == "fp32" else total / 2
    if not ran or right < enough:
        came = ", ".join(f"{count} in {kind}" for kind, count in ran.most_common()) or "unknown"
        raise UsageError(
            f"openvino was asked for {precision} on {device}, but would run the network's "
            f"convolutions and products in other types: {came}. Use another precision."
        )
    others = ((kind, count) for kind, count in ran.items() if kind not in RUNS_AS[precision])
    return [f"{count} of {total} convolutions in {kind}" for kind, count in others]


def _heavy(compiled: "CompiledModel") -> "list[Node]":
    operators = compiled.get_runtime_model().get_ops()
    return [node for node in operators if _info(node, "layerType") in HEAVY]


def _ran_in(node: "Node") -> str:
    """The type of an operator's products.

    OpenVINO reports the type in which the weights are stored (f16), even if the kernel computes
    in f32; the name of the kernel then ends in f32.
    """
    kernel, stored = (_info(node, key) for key in ("primitiveType", "runtimePrecision"))
    # OpenVINO 2022, which bundles may run on a device, writes FP32 for f32.
    kernel, stored = (text.lower().replace("fp", "f") for text in (kernel, stored))
    return "f32" if kernel.endswith("_f32") else stored


def _info(node: "Node", key: str) -> str:
    info = node.get_rt_info()
    if key not in info:
        return ""
    value: Any = info[key]
    return str(getattr(value, "value", value))


def quantise(folder: Path, source: Source) -> Path:
    """Quantise a network to int8 with NNCF, calibrated with the source's batches.

    These operators stay in float: those in KEPT; the first and the last convolutions, whose errors
    no later layer averages out; and deformable convolutions, because NNCF cannot find the channels
    of a product whose weights are its first operand.

    Args:
        folder: the folder with the float32 network.
        source: the network and its calibration.

    Returns:
        The folder with the int8 network.

    Raises:
        UsageError: if NNCF is not installed, or if the source has no calibration.
    """
    calibration = calibration_of(source)
    nncf = _nncf()

    def make(made: Path) -> None:
        import openvino

        model = _read(openvino.Core(), folder / MODEL)
        batches = [one[None] for batch in calibration.batches() for one in batch]
        kinds = {node.get_type_name() for node in model.get_ops()}
        quantised = nncf.quantize(
            model,
            nncf.Dataset(batches),
            subset_size=len(batches),
            # Maps with negative values get a signed type, others an unsigned one: with a signed
            # type, they would never use half of its steps.
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER if "Softmax" in kinds else None,
            ignored_scope=nncf.IgnoredScope(
                names=_ends(model),
                types=[kind for kind in KEPT if kind in kinds],
                patterns=[f"{NAME}.*", f"{PRODUCT}.*"],
                validate=False,
            ),
        )
        openvino.save_model(quantised, made / MODEL, compress_to_fp16=False)

    return quantised_folder(source, folder, "openvino", nncf, make)


def _ends(model: "Model") -> list[str]:
    """Names of the first convolution and of those that compute the outputs."""
    first = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution")
    lasts = [_producer(result) for result in model.get_results()]
    return [node.get_friendly_name() for node in (first, *lasts)]


def _producer(node: "Node") -> "Node":
    """The nearest convolution before an output; a bias may be between them."""
    while node.get_type_name() != "Convolution" and node.get_input_size():
        node = node.input_value(0).get_node()
    return node


def _nncf() -> ModuleType:
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise UsageError(
            "openvino at int8 needs the package nncf, which is not installed. Run `pip install "
            "'posemark[openvino-int8]'`."
        ) from error
    nncf.set_log_level(logging.ERROR)
    return nncf
