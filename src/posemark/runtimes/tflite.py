"""TensorFlow Lite by its present name, LiteRT: the runtime of phones and small boards.

Networks are converted by litert-torch, once for each input shape; on CPUs XNNPACK runs them.
"""

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark import export
from posemark.core.model_file import Artefact
from posemark.runtimes import Maps, Session, Source, Target, Tensor
from posemark.runtimes.export_errors import making
from posemark.runtimes.model_file import FileSession, reading, require_precision
from posemark.runtimes.native_output import quiet
from posemark.runtimes.registry import unknown_device

MODEL = "model.tflite"
OUTPUTS = "outputs.json"


def supported(device: str) -> tuple[str, ...]:
    """Precisions on this device.

    Raises:
        UsageError: if it is another than the CPU: Python's LiteRT drives no other here.
    """
    if device != "cpu":
        raise unknown_device("tflite", device, ["cpu"])
    return ("fp32",)


def open_session(target: Target, source: Source) -> Session:
    """A session on the CPU, in float32."""
    return TfliteSession(source, target)


def open_file(
    target: Target,  # noqa: ARG001 (the CPU in the file's own precision is all there is)
    artefact: Artefact,
    threads: int,
) -> FileSession:
    """A session on a .tflite file, on the CPU, in the file's own precision.

    Raises:
        UsageError: if that is not the one asked for.
    """
    with reading(artefact.path, "tflite"):
        session = TfliteFile(artefact.path, threads)
    require_precision(artefact, session.precision)
    return FileSession(session, artefact)


class TfliteFile:
    """Runs a .tflite file as it is. precision: what its weights are multiplied in, read back."""

    runtime = "tflite"
    device = "cpu"

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with quiet():
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self.precision = _multiplied_in(self._interpreter)
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()
        self._shape: tuple[int, ...] = ()

    def infer(self, batch: NDArray[Any]) -> Maps:
        """Named outputs for a batch in the file's own layout and type."""
        if batch.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input["index"], batch.shape, strict=True)
            self._interpreter.allocate_tensors()
            self._shape = batch.shape
        self._interpreter.set_tensor(self._input["index"], batch)
        self._interpreter.invoke()
        return {
            o["name"]: self._interpreter.get_tensor(o["index"]).astype(np.float32, copy=False)
            for o in self._outputs
        }

    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        """Inputs and outputs as the file has them."""
        details = self._interpreter.get_input_details(), self._outputs
        inputs, outputs = ([_tensor(each) for each in some] for some in details)
        return inputs, outputs


def _multiplied_in(interpreter: Any) -> str:
    """int8 where most weights are bytes, with or without bytes between operators; else fp32.

    Weights of 16 bits are only stored so: on a CPU they are made float32 when a file is loaded.
    """
    numbers: Counter[str] = Counter()
    for detail in interpreter.get_tensor_details():
        if _is_constant(interpreter, detail["index"]):
            numbers[np.dtype(detail["dtype"]).name] += int(np.prod(detail["shape"]))
    whole = numbers["int8"] + numbers["uint8"]
    return "int8" if whole > numbers["float32"] + numbers["float16"] else "fp32"


def _is_constant(interpreter: Any, index: int) -> bool:
    """Before memory is given to what is computed, only constants have any."""
    try:
        interpreter.get_tensor(index)
    except ValueError:
        return False
    return True


def _tensor(detail: dict[str, Any]) -> Tensor:
    sides = (int(side) if side >= 0 else None for side in detail["shape_signature"])
    return Tensor(detail["name"], tuple(sides), np.dtype(detail["dtype"]).name)


class TfliteSession:
    """Runs one converted file an input shape; an unknown shape is converted first."""

    runtime = "tflite"
    device = "cpu"

    def __init__(self, source: Source, target: Target) -> None:
        self.precision = target.precision
        self._source, self._target = source, target
        self._runners: dict[tuple[int, ...], tuple[Any, list[str]]] = {}

    def prepare(self, shape: tuple[int, ...]) -> None:
        """Convert for this shape, if that was not done in an earlier run either, and load."""
        if shape not in self._runners:
            facts = {**self._facts(), "shape": shape}
            name = f"{self._source.spec.name}-tflite"
            with making(self._source.spec.name, self._target):
                folder = self._source.store.get(
                    name, facts, lambda made: self._convert(shape, made)
                )
            self._runners[shape] = _runner(folder, self._source.threads)
            self.infer(np.zeros(shape, np.float32))

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Named outputs for a batch (N, 3, H, W)."""
        self.prepare(batch.shape)
        runner, names = self._runners[batch.shape]
        return _run(runner, names, batch)

    def _facts(self) -> dict[str, object]:
        import litert_torch

        known = self._source.facts(self.precision)
        return {**known, "litert-torch": litert_torch.__version__}

    def _convert(self, shape: tuple[int, ...], folder: Path) -> None:
        import torch

        network = self._source.build().eval().requires_grad_(False)
        batch = export.example(self._source.spec, shape[0], (shape[2], shape[3]))
        with torch.no_grad():
            expected = {n: t.numpy() for n, t in network(torch.from_numpy(batch)).items()}
        (folder / OUTPUTS).write_text(json.dumps(list(expected)), encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its many dependencies
            import litert_torch

            whole = export.as_tuple(network)
            litert_torch.convert(whole, (torch.from_numpy(batch),)).export(str(folder / MODEL))
        outputs = _run(*_runner(folder, self._source.threads), batch)
        export.require_close(f"{self._source.spec.name} in tflite", outputs, expected)


def _runner(folder: Path, threads: int) -> tuple[Any, list[str]]:
    from ai_edge_litert.interpreter import Interpreter

    names = json.loads((folder / OUTPUTS).read_text(encoding="utf-8"))
    with quiet():
        interpreter = Interpreter(model_path=str(folder / MODEL), num_threads=threads)
        return interpreter.get_signature_runner(), names


def _run(runner: Any, names: list[str], batch: NDArray[np.float32]) -> Maps:
    outputs = runner(args_0=batch)
    return {name: outputs[f"output_{index}"] for index, name in enumerate(names)}
