"""OpenVINO, on any of its devices.

It takes the lowest precision that a CPU is fast in unless told otherwise: here it is always
told, and what it compiled is read back. Networks are compiled for each input shape anew, up
to SHAPES of them, which is up to a third faster than one graph for all shapes.
"""

import logging
import xml.etree.ElementTree as ET  # of a file made here
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.runtimes import Maps, Session, Source, Target, Tensor
from posemark.runtimes.export_cache import (
    calibration_of,
    onnx_folder,
    quantised_folder,
    require_parity,
)
from posemark.runtimes.model_file import FileSession, reading
from posemark.runtimes.open_vino_deform import NAME, PRODUCT, deform_conv
from posemark.runtimes.registry import unknown_device

MODEL = "model.xml"

SHAPES = 8
"""Input shapes with a graph of their own; a ninth and all later ones share one."""

HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
"""INFERENCE_PRECISION_HINT: of int8 networks what is not quantised stays float32."""

RUNS_AS = {"fp32": {"f32"}, "bf16": {"bf16"}, "fp16": {"f16"}, "int8": {"i8", "u8"}}
"""Types in which a compiled graph's heavy operators then run."""

KEPT = ("GroupConvolution", "Add", "Multiply", "Concat", "Interpolate")
"""Not quantised: depthwise convolutions, sums of branches. On TinyPose their rounding moves
many times as many key points, for no speed."""

HEAVY = ("Convolution", "GroupConvolution", "Deconvolution", "FullyConnected", "MatMul")


def supported(device: str) -> tuple[str, ...]:
    """Precisions that this device is made for, in OpenVINO's own words.

    Raises:
        UsageError: if it is not here.
    """
    import openvino

    core = openvino.Core()
    devices = [name.lower() for name in core.available_devices]
    if device not in devices:
        raise unknown_device("openvino", device, devices)
    can = core.get_property(device.upper(), "OPTIMIZATION_CAPABILITIES")
    return tuple(name for name in HINTS if name.upper() in can)


def open_session(target: Target, source: Source) -> Session:
    """A session on the device at the precision that target names."""
    folder = _converted(source)
    if target.precision == "int8":
        folder = quantise(folder, source)
    session = OpenVinoSession(folder / MODEL, source.threads, target)
    session.prepare((1, *export.example(source.spec, 1).shape[1:]))
    if target.precision == "fp32" and target.device != "cpu":  # on the CPU it was checked when made
        require_parity(session, source, onnx_folder(source))
    return session


def open_file(target: Target, artefact: Artefact, threads: int) -> FileSession:
    """A session on a file of any format that OpenVINO reads, as open_session."""
    height, width = artefact.size_hw or (-1, -1)
    free = (-1, 3, height, width) if artefact.layout == "nchw" else (-1, height, width, 3)
    with reading(artefact.path, "openvino"):
        session = OpenVinoSession(artefact.path, threads, target, free)
    return FileSession(session, artefact)


def _converted(source: Source) -> Path:
    """The folder of the network in OpenVINO's format, in float32, checked against torch."""
    import openvino

    exported = onnx_folder(source)
    facts = {"from": exported.name, "openvino": openvino.__version__}

    def make(folder: Path) -> None:
        from openvino.frontend.onnx import ConversionExtension

        core = openvino.Core()
        core.add_extension(ConversionExtension("DeformConv", deform_conv))
        model = core.read_model(exported / export.MODEL)
        openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
        _keep_positions_precise(folder / MODEL)
        session = OpenVinoSession(folder / MODEL, source.threads, Target("openvino"))
        require_parity(session, source, exported)

    return source.store.get(f"{source.spec.name}-openvino", facts, make)


def _keep_positions_precise(path: Path) -> None:
    """Mark where deformable convolutions look as not to be rounded to 16 bits.

    Among 176 columns bfloat16 tells positions to half a pixel. The attribute is OpenVINO's
    own (openvino pull request 34311); its Python interface cannot set it, its files can.
    """
    tree = ET.parse(path)  # noqa: S314
    for layer in tree.iter("layer"):
        if layer.get("name", "").startswith(NAME):
            info = layer.find("rt_info")
            info = ET.SubElement(layer, "rt_info") if info is None else info
            rule = {"name": "DisablePrecisionConversion", "version": "0"}
            ET.SubElement(info, "attribute", rule, value="dynamic:f16;f32:bf16,f16")
    tree.write(path)


class OpenVinoSession:
    """Runs a network in OpenVINO's format, or in another one that it reads.

    free_shape: of the graph that all shapes beyond SHAPES share, -1 for what varies; () leaves
    it as the file has it.

    Raises:
        UsageError: if the device compiles it to another precision than the one asked for.
    """

    runtime = "openvino"

    def __init__(
        self, path: Path, threads: int, target: Target, free_shape: tuple[int, ...] = ()
    ) -> None:
        import openvino

        self._target = target
        self.precision = target.precision
        self.device = target.device
        self._core = openvino.Core()
        self._model = self._core.read_model(path)
        self._config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": HINTS[target.precision],
        }
        if target.device == "cpu":
            self._config["INFERENCE_NUM_THREADS"] = threads
        self._requests: dict[tuple[int, ...] | None, Any] = {}
        self._ready: set[tuple[int, ...]] = set()
        self._free_shape = free_shape

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Compile for this shape and run once, which makes the kernels."""
        if shape not in self._ready:
            self._ready.add(shape)
            self._request(shape).infer([np.zeros(shape, np.float32)])

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W)."""
        results = self._request(batch.shape).infer([batch], share_inputs=True)
        return {output.get_any_name(): results[output] for output in results}

    def _request(self, shape: tuple[int, ...]) -> Any:
        key = shape if shape in self._requests or len(self._requests) < SHAPES else None
        if key not in self._requests:
            self._requests[key] = self._compiled(key).create_infer_request()
        return self._requests[key]

    def _compiled(self, shape: tuple[int, ...] | None) -> Any:
        model = self._model
        if shape or self._free_shape:
            model = model.clone()
            model.reshape(list(shape or self._free_shape))
        compiled = self._core.compile_model(model, self._target.device.upper(), self._config)
        others = _require_precision(compiled, self.precision, self._target.device)
        self.device = ", ".join((self._target.device, *others))
        return compiled

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Inputs and outputs as the file has them."""
        inputs, outputs = (
            [_tensor(port) for port in ports] for ports in (self._model.inputs, self._model.outputs)
        )
        return inputs, outputs


def _tensor(port: Any) -> Tensor:
    sides = (side.get_length() if side.is_static else None for side in port.partial_shape)
    return Tensor(port.get_any_name(), tuple(sides), port.element_type.to_dtype().name)


def _require_precision(compiled: Any, precision: str, device: str) -> list[str]:
    """Read back in what types the heavy operators run.

    All at fp32. At lower precisions at least half: the device may have no kernel for some.
    Returns what runs otherwise, in words.
    """
    ran = Counter(_ran_in(node) for node in _heavy(compiled))
    right = sum(count for kind, count in ran.items() if kind in RUNS_AS[precision])
    enough = ran.total() if precision == "fp32" else ran.total() / 2
    if not ran or right < enough:
        came = ", ".join(f"{count} in {kind}" for kind, count in ran.most_common()) or "unknown"
        raise UsageError(
            f"openvino was asked for {precision} on {device}, but would run the network's "
            f"convolutions and products otherwise: {came}. Ask for another precision."
        )
    others = ((kind, count) for kind, count in ran.items() if kind not in RUNS_AS[precision])
    return [f"{count} of {ran.total()} convolutions in {kind}" for kind, count in others]


def _heavy(compiled: Any) -> list[Any]:
    operators = compiled.get_runtime_model().get_ops()
    return [node for node in operators if _info(node, "layerType") in HEAVY]


def _ran_in(node: Any) -> str:
    """The type of an operator's products.

    Told is that of its weights: f16 where they are only stored so. Its kernel then ends in f32.
    """
    kernel = _info(node, "primitiveType").lower()
    return "f32" if kernel.endswith("_f32") else _info(node, "runtimePrecision")


def _info(node: Any, key: str) -> str:
    info = node.get_rt_info()
    return str(info[key].value) if key in info else ""


def quantise(folder: Path, source: Source) -> Path:
    """The folder of the network in int8 by NNCF, calibrated with the source's batches.

    folder: of the float32 network. What stays in float: KEPT; the first convolution and the
    last, whose errors nothing averages out; deformable convolutions, since NNCF cannot tell
    the channels of a product whose weights come first.

    Raises:
        UsageError: if nncf is not installed, or the source has no calibration.
    """
    calibration = calibration_of(source)
    nncf = _nncf()

    def make(made: Path) -> None:
        import openvino

        model = openvino.Core().read_model(folder / MODEL)
        batches = [one[None] for batch in calibration.batches() for one in batch]
        kinds = {node.get_type_name() for node in model.get_ops()}
        quantised = nncf.quantize(
            model,
            nncf.Dataset(batches),
            subset_size=len(batches),
            # Signed where values are: half the steps of unsigned ones would never be used.
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


def _ends(model: Any) -> list[str]:
    """Names of the first convolution and of those that give the outputs."""
    first = next(node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution")
    lasts = [_producer(result) for result in model.get_results()]
    return [node.get_friendly_name() for node in (first, *lasts)]


def _producer(node: Any) -> Any:
    """The nearest convolution before an output; a bias may stand between."""
    while node.get_type_name() != "Convolution" and node.get_input_size():
        node = node.input_value(0).get_node()
    return node


def _nncf() -> Any:
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise UsageError(
            "openvino at int8 needs nncf to choose ranges, which is not installed. Run `pip "
            "install 'posemark[openvino-int8]'`."
        ) from error
    nncf.set_log_level(logging.ERROR)
    return nncf
