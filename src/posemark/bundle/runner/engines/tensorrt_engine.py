"""TensorRT 8.2 to 10: builds an engine from an ONNX file once, and keeps it as a file.

Source: NVIDIA's Python API reference of TensorRT 8.2, 8.6 and 10, and its migration guide from 8
to 10. Up to 8.4, inputs and outputs are bindings by number; from 8.5 on, they are tensors by
name. Only tests with a stand-in for TensorRT have run this module, and never a real device.
"""

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.bundle.runner.engines.cuda_library import CudaLibrary
from posemark.bundle.runner.engines.engine import Engine, Wanted
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.places import write_whole
from posemark.runtimes import Maps, Tensor
from posemark.runtimes.model_file import RawSession

_WORKSPACE = 1 << 30
"""Most bytes of memory that layers may use while an engine is built and run."""

_WORKSPACE_SHARE = 0.25
"""Most of the available memory for it, because a Jetson's GPU shares the memory of the CPU."""

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "UINT8": "uint8",
}
"""numpy's names of TensorRT's types. tensorrt.nptype fails with newer versions of numpy."""

_HALVES = ("half", "fp16")
"""How the inspector of an engine names 16-bit floats."""


class TensorRtEngine(Engine):
    """Runs ONNX files on an NVIDIA GPU."""

    name = "tensorrt"
    modules = ("tensorrt",)
    suffixes = (".onnx",)
    precisions = ("fp32", "fp16")
    file_precisions = ("fp32",)
    device = "cuda"
    how_to_install = "sudo apt-get install python3-libnvinfer (part of JetPack)"

    def version(self) -> str:
        """Return the installed version; see Engine."""
        return str(_tensorrt().__version__)

    def open(self, wanted: Wanted) -> RawSession:
        """Build the engine of a network, or load the one that was built before; see Engine."""
        if wanted.device != "cuda":
            raise UsageError(f"tensorrt runs on the device cuda only, got {wanted.device}.")
        trt, cuda = _tensorrt(), CudaLibrary()
        return TensorRtSession(trt, cuda, _engine(trt, cuda, wanted), wanted.precision)


def _tensorrt() -> Any:
    return import_module("tensorrt")


def _engine(trt: Any, cuda: CudaLibrary, wanted: Wanted) -> Any:
    """Return the engine from its file, or build it and write the file."""
    logger = trt.Logger(trt.Logger.ERROR)
    trt.init_libnvinfer_plugins(logger, "")
    path = _plan_path(trt, cuda, wanted)
    loaded = _loaded(trt, logger, path)
    if loaded is not None:
        wanted.say(f"TensorRT engine {path.name} from before")
        return loaded
    wanted.say("TensorRT builds the engine now; this takes minutes, and only the first time")
    plan = _built(trt, logger, wanted)
    try:
        write_whole(path, plan)
    except OSError as error:
        wanted.say(f"the engine cannot be kept for the next run ({error.strerror})")
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    if engine is None:
        raise UsageError(_failed(trt, wanted, "the engine that it built cannot be loaded"))
    return engine


def _plan_path(trt: Any, cuda: CudaLibrary, wanted: Wanted) -> Path:
    # An engine fits one version of TensorRT, one kind of GPU and the shapes that it was built for.
    low, _, high = _extent(wanted.shapes)
    shapes = "-".join("x".join(map(str, shape)) for shape in (low, high))
    parts = (wanted.path.stem, wanted.precision, f"trt{trt.__version__}", cuda.capability())
    return wanted.cache / ("-".join((*parts, shapes, wanted.sha256[:12])) + ".plan")


def _extent(shapes: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Return the smallest, the most frequent and the largest shape, for an optimisation profile."""
    low, high = (tuple(map(limit, zip(*shapes, strict=True))) for limit in (min, max))
    usual = max(shapes, key=list(shapes).count)
    return low, usual, high


def _loaded(trt: Any, logger: Any, path: Path) -> Any:
    """Return the engine of a file; None if there is none, or it is damaged or does not fit."""
    try:
        plan = path.read_bytes()
    except OSError:
        return None
    return trt.Runtime(logger).deserialize_cuda_engine(plan)


def _built(trt: Any, logger: Any, wanted: Wanted) -> bytes:
    builder = trt.Builder(logger)
    network = builder.create_network(_explicit_batch(trt))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(wanted.path.read_bytes()):
        errors = [str(parser.get_error(i)) for i in range(parser.num_errors)]
        why = errors[0].splitlines()[0] if errors else "no reason given"
        raise CheckpointError(
            f"TensorRT {trt.__version__} cannot read {wanted.path.name} ({why}). Use another "
            "engine (--engine), or write the bundle for an older target."
        )
    config = builder.create_builder_config()
    _set_workspace(trt, config)
    _set_precision(trt, builder, config, wanted)
    _add_profile(builder, network, config, wanted.shapes)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise UsageError(_failed(trt, wanted, "it could not build the engine; its log is above"))
    return bytes(plan)


def _failed(trt: Any, wanted: Wanted, why: str) -> str:
    return (
        f"TensorRT {trt.__version__} cannot run {wanted.path.name} in {wanted.precision}: {why}. "
        "Close other programs to free memory, or use another engine (--engine) or precision "
        "(--precision)."
    )


def _explicit_batch(trt: Any) -> int:
    """Return the flags of a network with its batch as a dimension, which 10 always has."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if flag is None else 1 << int(flag)


def _set_workspace(trt: Any, config: Any) -> None:
    size = min(_WORKSPACE, int(available_memory(Path("/proc/meminfo")) * _WORKSPACE_SHARE))
    if hasattr(config, "set_memory_pool_limit"):  # from 8.4 on
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size)
    else:
        config.max_workspace_size = size


def available_memory(path: Path) -> int:
    """Return the bytes that are available without swapping; 4 GiB if the system does not say.

    Args:
        path: the file meminfo of the kernel.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    fields = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(fields[0][1]) * 1024 if fields else _WORKSPACE * 4


def _set_precision(trt: Any, builder: Any, config: Any, wanted: Wanted) -> None:
    flags = trt.BuilderFlag
    if hasattr(flags, "TF32"):  # GPUs from Ampere on would otherwise round factors to 10 bits
        config.clear_flag(flags.TF32)
    if hasattr(trt, "ProfilingVerbosity"):  # so that the inspector names the type of every layer
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if wanted.precision != "fp16":
        return
    if not hasattr(flags, "FP16"):
        raise UsageError(
            _failed(trt, wanted, "this version no longer chooses the precision of layers itself")
        )
    if not getattr(builder, "platform_has_fast_fp16", True):
        raise UsageError(_failed(trt, wanted, "this GPU has no fast arithmetic in fp16"))
    config.set_flag(flags.FP16)


def _add_profile(
    builder: Any, network: Any, config: Any, shapes: Sequence[tuple[int, ...]]
) -> None:
    """Say which shapes the input has, if the file leaves them open."""
    given = network.get_input(0)
    if -1 not in tuple(given.shape):
        return
    profile = builder.create_optimization_profile()
    profile.set_shape(given.name, *_extent(shapes))
    config.add_optimization_profile(profile)


class TensorRtSession:
    """Runs a TensorRT engine; copies to the GPU and back are part of `infer`.

    Attributes:
        runtime: name of the engine.
        precision: fp32 or fp16. In fp16 TensorRT may keep single layers in fp32.
        device: cuda; after the first run in fp16 also how many layers give 16-bit floats, if
            TensorRT says so.
    """

    runtime = "tensorrt"

    def __init__(self, trt: Any, cuda: CudaLibrary, engine: Any, precision: str) -> None:
        self.precision = precision
        self.device = "cuda"
        self._trt, self._cuda, self._engine = trt, cuda, engine
        self._unread = precision == "fp16"
        self._context = engine.create_execution_context()
        named = hasattr(engine, "num_io_tensors") and hasattr(self._context, "execute_async_v3")
        kind: Callable[..., _Tensors | _Bindings] = _Tensors if named else _Bindings
        self._ports = kind(engine, self._context)
        self._addresses: dict[str, tuple[int, int]] = {}

    def infer(self, batch: NDArray[Any]) -> Maps:
        """Run a batch and return its outputs by name, as float32.

        Raises:
            UsageError: if TensorRT does not run it; in fp16 also if no layer gives 16-bit floats.
        """
        ports = self._ports
        given = np.ascontiguousarray(batch, ports.dtype(ports.input))
        ports.set_shape(given.shape)
        outputs = {name: np.empty(ports.shape(name), ports.dtype(name)) for name in ports.outputs}
        arrays = {ports.input: given, **outputs}
        addresses = {name: self._address(name, array.nbytes) for name, array in arrays.items()}
        self._cuda.to_device(addresses[ports.input], given)
        ports.run(addresses, self._cuda.stream)
        for name, array in outputs.items():
            self._cuda.to_host(array, addresses[name])
        self._cuda.finish()
        if self._unread:
            self.device += _half_layers(self._trt, self._engine, self._context)
            self._unread = False
        return {name: array.astype(np.float32, copy=False) for name, array in outputs.items()}

    def _address(self, name: str, size: int) -> int:
        """Return memory of the GPU for a tensor; it grows, and is used for all batches."""
        address, has = self._addresses.get(name, (0, 0))
        if has < size:
            if has:
                self._cuda.free(address)
            address = self._cuda.allocate(size)
            self._addresses[name] = address, size
        return address

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and outputs that the engine declares."""
        ports = self._ports
        return [ports.declared(ports.input)], [ports.declared(name) for name in ports.outputs]


class _Tensors:
    """Inputs and outputs by name, in TensorRT 8.5 and later."""

    def __init__(self, engine: Any, context: Any) -> None:
        self._engine, self._context = engine, context
        names = [str(engine.get_tensor_name(i)) for i in range(engine.num_io_tensors)]
        inputs = [name for name in names if str(engine.get_tensor_mode(name)).endswith("INPUT")]
        self.input = inputs[0]
        self.outputs = [name for name in names if name not in inputs]

    def set_shape(self, shape: tuple[int, ...]) -> None:
        """Set the shape of the input."""
        _require_shape(self._context.set_input_shape(self.input, shape), shape)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor for the present input."""
        return tuple(int(side) for side in self._context.get_tensor_shape(name))

    def dtype(self, name: str) -> str:
        """Return numpy's name of the type of a tensor."""
        return _dtype(self._engine.get_tensor_dtype(name))

    def declared(self, name: str) -> Tensor:
        """Return a tensor as the engine declares it."""
        return _declared(name, self._engine.get_tensor_shape(name), self.dtype(name))

    def run(self, addresses: dict[str, int], stream: int) -> None:
        """Begin the network on these addresses."""
        for name, address in addresses.items():
            self._context.set_tensor_address(name, address)
        _require_begun(self._context.execute_async_v3(stream))


class _Bindings:
    """Inputs and outputs by number, in TensorRT 8.2 to 8.4."""

    def __init__(self, engine: Any, context: Any) -> None:
        self._engine, self._context = engine, context
        self._names = [str(engine.get_binding_name(i)) for i in range(engine.num_bindings)]
        inputs = [name for i, name in enumerate(self._names) if engine.binding_is_input(i)]
        self.input = inputs[0]
        self.outputs = [name for name in self._names if name not in inputs]

    def set_shape(self, shape: tuple[int, ...]) -> None:
        """Set the shape of the input."""
        number = self._names.index(self.input)
        _require_shape(self._context.set_binding_shape(number, shape), shape)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a binding for the present input."""
        return tuple(int(side) for side in self._context.get_binding_shape(self._names.index(name)))

    def dtype(self, name: str) -> str:
        """Return numpy's name of the type of a binding."""
        return _dtype(self._engine.get_binding_dtype(self._names.index(name)))

    def declared(self, name: str) -> Tensor:
        """Return a binding as the engine declares it."""
        shape = self._engine.get_binding_shape(self._names.index(name))
        return _declared(name, shape, self.dtype(name))

    def run(self, addresses: dict[str, int], stream: int) -> None:
        """Begin the network on these addresses."""
        bindings = [addresses[name] for name in self._names]
        _require_begun(self._context.execute_async_v2(bindings=bindings, stream_handle=stream))


def _dtype(dtype: Any) -> str:
    name = str(dtype).rpartition(".")[2]
    if name not in _DTYPES:
        raise UsageError(
            f"TensorRT's type {name} of an input or output is not known here. Use another engine "
            "(--engine)."
        )
    return _DTYPES[name]


def _declared(name: str, shape: Any, dtype: str) -> Tensor:
    sides = tuple(int(side) for side in shape)
    return Tensor(name, tuple(side if side >= 0 else None for side in sides), dtype)


def _require_shape(accepted: Any, shape: tuple[int, ...]) -> None:
    if accepted is False:
        raise UsageError(
            f"the TensorRT engine does not accept an input of the shape {shape}. Remove the "
            "folder engines, so that it is built again."
        )


def _require_begun(begun: Any) -> None:
    if begun is False:
        raise UsageError(
            "TensorRT could not run the network; its log is above. Remove the folder engines, so "
            "that the engine is built again, or use another engine (--engine)."
        )


def _half_layers(trt: Any, engine: Any, context: Any) -> str:
    """Return how many layers give 16-bit floats, in words; "" if TensorRT does not say.

    Args:
        trt: the module tensorrt.
        engine: the engine.
        context: its context, with a shape: types depend on it if shapes are free.

    Raises:
        UsageError: if the types of layers are known, and none gives 16-bit floats.
    """
    try:
        inspector = engine.create_engine_inspector()
        inspector.execution_context = context
        text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
        told: Any = json.loads(text)
        found = [_layer_types(layer) for layer in told["Layers"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    known = [types for types in found if types]
    halves = sum(any(half in types for half in _HALVES) for types in known)
    if known and not halves:
        raise UsageError(
            f"TensorRT was asked for fp16, but each of the {len(known)} layers of its engine gives "
            "other types. Use --precision fp32."
        )
    return f", {halves} of {len(known)} layers in fp16" if known else ""


def _layer_types(layer: Any) -> str:
    """Return the types of a layer's outputs; "" if they are not known."""
    # Without details a layer is its name only.
    outputs: list[Any] = [] if isinstance(layer, str) else layer["Outputs"]
    types = [str(output.get("Format/Datatype", "")).lower() for output in outputs]
    return " ".join(each for each in types if not each.startswith(_UNKNOWN)).strip()


_UNKNOWN = "n/a"
"""How the inspector begins to say that it does not know a type."""
