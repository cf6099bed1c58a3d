"""LiteRT, formerly TensorFlow Lite: the runtime of phones and small boards.

Networks are converted by litert-torch, once per input shape; on CPUs, XNNPACK runs them.
"""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.core.model_file import Artefact
from posemark.core.target import Target
from posemark.runtimes import Maps, Session, Source, Tensor
from posemark.runtimes.export_errors import conversion_errors
from posemark.runtimes.model_file import FileSession, reading_errors, require_precision
from posemark.runtimes.native_output import quiet
from posemark.runtimes.registry import unknown_device
from posemark.runtimes.row import Runtime

ROWS = (
    Runtime(
        "tflite",
        __name__,
        packages=("ai_edge_litert",),
        extra="tflite",
        convert_packages=("litert_torch",),
        convert_extra="tflite-convert",
        reads=(".tflite",),
        opens=(".tflite",),
        runs_other_files=True,
        distributions=("ai-edge-litert", "litert-torch"),
        one_stream="",
    ),
)

if TYPE_CHECKING:
    from torch import Tensor as TorchTensor
    from torch import nn

SHAPES = 8
"""Number of input shapes of a file with an interpreter each."""

MODEL = "model.tflite"
OUTPUTS = "outputs.json"
"""Name of the file with the names of the outputs, in order."""


# ai_edge_litert is annotated in part, and litert_torch is an optional package. The types below
# declare what is used of them.


class _Detail(TypedDict):
    """What the interpreter reports about a tensor; -1 in shape_signature is a free dimension."""

    name: str
    index: int
    shape: NDArray[np.int32]
    shape_signature: NDArray[np.int32]
    dtype: type[np.generic]


Runner = Callable[..., Mapping[str, NDArray[np.float32]]]
"""Runs a converted network: named inputs -> named outputs."""


class _Interpreter(Protocol):
    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> Sequence[_Detail]: ...

    def get_output_details(self) -> Sequence[_Detail]: ...

    def get_tensor_details(self) -> Sequence[_Detail]: ...

    def get_signature_runner(self) -> Runner: ...

    def get_tensor(self, index: int) -> NDArray[Any]: ...

    def invoke(self) -> None: ...

    def resize_tensor_input(
        self, index: int, shape: tuple[int, ...], *, strict: bool = False
    ) -> None: ...

    def set_tensor(self, index: int, values: NDArray[Any]) -> None: ...


class _Converted(Protocol):
    def export(self, path: str) -> None: ...


class _Converter(Protocol):
    """The module litert_torch."""

    __version__: str

    def convert(self, network: "nn.Module", inputs: "tuple[TorchTensor]") -> _Converted: ...


def _interpreter(path: Path, threads: int) -> _Interpreter:
    from ai_edge_litert import interpreter

    opened = interpreter.Interpreter(model_path=str(path), num_threads=threads)
    return cast("_Interpreter", opened)


def _converter() -> _Converter:
    import litert_torch  # pyright: ignore[reportMissingImports]  # of the extra tflite-convert

    return cast("_Converter", litert_torch)


def supported(device: str) -> tuple[str, ...]:
    """Return the precisions of a device.

    Raises:
        UsageError: if it is not the CPU, the only device of LiteRT's Python package here.
    """
    if device != "cpu":
        raise unknown_device("tflite", device, ["cpu"])
    return ("fp32",)


def open_session(target: Target, source: Source) -> Session:
    """Open a session on the CPU, in float32."""
    return TfliteSession(source, target)


def open_file(
    target: Target,  # noqa: ARG001 (files run only on the CPU and in their own precision)
    artefact: Artefact,
    threads: int,
) -> FileSession:
    """Open a session on a .tflite file, on the CPU, in the file's own precision.

    Raises:
        UsageError: if the file's precision is not the one that its card declares.
        CheckpointError: if the file cannot be read.
    """
    with reading_errors(artefact.path, "tflite"):
        session = TfliteFile(artefact.path, threads, _interpreter)
    require_precision(artefact, session.precision)
    return FileSession(session, artefact)


class TfliteFile:
    """Runs a .tflite file unchanged.

    Attributes:
        runtime: name of the runtime.
        device: always the CPU.
        precision: the precision of its products, derived from the types of its weights.
    """

    runtime = "tflite"
    device = "cpu"

    def __init__(
        self, path: Path, threads: int, opener: Callable[[Path, int], _Interpreter]
    ) -> None:
        """Read a file.

        Args:
            path: the file.
            threads: number of CPU threads.
            opener: makes an interpreter of a file with this number of threads.
        """
        self._open = partial(opener, path, threads)
        with quiet():
            unused = self._open()
        self.precision = _precision_of_products(unused)
        self._inputs = unused.get_input_details()
        self._outputs = unused.get_output_details()
        # An interpreter that changes its shape prepares its weights anew, which takes a third of
        # the time of a frame. One that has never been given a shape can still be given any.
        self._unused: _Interpreter | None = unused
        self._by_shape: dict[tuple[int, ...], _Interpreter] = {}

    def infer(self, batch: NDArray[Any]) -> Maps:
        """Run a batch in the file's layout and type; return outputs by name, as float32."""
        interpreter = self._by_shape.get(batch.shape) or self._sized(batch.shape)
        interpreter.set_tensor(self._inputs[0]["index"], batch)
        interpreter.invoke()
        return {
            o["name"]: interpreter.get_tensor(o["index"]).astype(np.float32, copy=False)
            for o in self._outputs
        }

    def _sized(self, shape: tuple[int, ...]) -> _Interpreter:
        """Return an interpreter for inputs of this shape; beyond SHAPES, the oldest changes."""
        with quiet():
            interpreter = self._unused or self._spare()
            interpreter.resize_tensor_input(self._inputs[0]["index"], shape, strict=True)
            interpreter.allocate_tensors()
        self._unused, self._by_shape[shape] = None, interpreter
        return interpreter

    def _spare(self) -> _Interpreter:
        if len(self._by_shape) < SHAPES:
            return self._open()
        return self._by_shape.pop(next(iter(self._by_shape)))

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the inputs and outputs that the file declares."""
        return [_tensor(each) for each in self._inputs], [_tensor(each) for each in self._outputs]


def _precision_of_products(interpreter: _Interpreter) -> str:
    """Return int8 if most weights are bytes, whatever the type of the maps; otherwise fp32.

    16-bit weights are only a storage format: a CPU converts them to float32 when it loads a file.
    """
    numbers: Counter[str] = Counter()
    for detail in interpreter.get_tensor_details():
        if _is_constant(interpreter, detail["index"]):
            numbers[np.dtype(detail["dtype"]).name] += int(np.prod(detail["shape"]))
    whole = numbers["int8"] + numbers["uint8"]
    return "int8" if whole > numbers["float32"] + numbers["float16"] else "fp32"


def _is_constant(interpreter: _Interpreter, index: int) -> bool:
    """Return whether a tensor is a constant: before allocation, only constants have memory."""
    try:
        interpreter.get_tensor(index)
    except ValueError:
        return False
    return True


def _tensor(detail: _Detail) -> Tensor:
    sides = (int(side) if side >= 0 else None for side in detail["shape_signature"])
    return Tensor(detail["name"], tuple(sides), np.dtype(detail["dtype"]).name)


class TfliteSession:
    """Runs one converted file per input shape; a new shape is converted first."""

    runtime = "tflite"
    device = "cpu"

    def __init__(self, source: Source, target: Target) -> None:
        self.precision = target.precision
        self._source, self._target = source, target
        self._runners: dict[tuple[int, ...], tuple[Runner, list[str]]] = {}

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Convert for this shape, unless the store has the result already, and load it."""
        if shape not in self._runners:
            facts = {**self._facts(), "shape": shape}
            name = f"{self._source.spec.name}-tflite"
            with conversion_errors(self._source.spec.name, self._target):
                folder = self._source.store.get(
                    name, facts, lambda made: self._convert(shape, made)
                )
            self._runners[shape] = _runner(folder, self._source.threads)
            self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W)."""
        self.prepare(batch.shape)
        runner, names = self._runners[batch.shape]
        return _run(runner, names, batch)

    def _facts(self) -> dict[str, object]:
        known = self._source.facts(self.precision)
        return {**known, "litert-torch": _converter().__version__}

    def _convert(self, shape: tuple[int, ...], folder: Path) -> None:
        import torch

        network = self._source.build().eval().requires_grad_(False)
        batch = export.example(self._source.spec, shape[0], (shape[2], shape[3]))
        with torch.no_grad():
            expected = {n: t.numpy() for n, t in network(torch.as_tensor(batch)).items()}
        (folder / OUTPUTS).write_text(json.dumps(list(expected)), encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its many dependencies warn
            whole = export.as_tuple(network)
            _converter().convert(whole, (torch.as_tensor(batch),)).export(str(folder / MODEL))
        outputs = _run(*_runner(folder, self._source.threads), batch)
        export.require_close(f"{self._source.spec.name} in tflite", outputs, expected)


def _runner(folder: Path, threads: int) -> tuple[Runner, list[str]]:
    names = json.loads((folder / OUTPUTS).read_text(encoding="utf-8"))
    with quiet():
        return _interpreter(folder / MODEL, threads).get_signature_runner(), names


def _run(runner: Runner, names: list[str], batch: NDArray[np.float32]) -> Maps:
    outputs = runner(args_0=batch)
    return {name: outputs[f"output_{index}"] for index, name in enumerate(names)}
