"""OpenVINO 2022.1 and later; the precision is set, and read back from the compiled network."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemark.bundle.runner.engines.engine import Engine, Wanted
from posemark.core.target import Target
from posemark.runtimes import Maps
from posemark.runtimes.model_file import RawSession
from posemark.runtimes.open_vino import OpenVinoFileSession


class OpenVinoEngine(Engine):
    """Runs ONNX files as PoseMark itself does."""

    name = "openvino"
    modules = ("openvino",)
    suffixes = (".onnx", ".tflite")
    precisions = ("fp32", "fp16", "bf16")
    file_precisions = ("fp32", "fp16", "int8")
    device = "cpu"
    how_to_install = "pip3 install openvino"

    def version(self) -> str:
        """Return the installed version; see Engine."""
        return str(_module().get_version()).split("-")[0]

    def open(self, wanted: Wanted) -> RawSession:
        """Open a network; see Engine."""
        kind = OpenVinoFileSession if hasattr(_package(), "Core") else OldOpenVinoSession
        return kind(_module().Core(), wanted.path, wanted.threads, wanted.target(self.name))


def _package() -> Any:
    return import_module("openvino")


def _module() -> Any:
    """Return the module with OpenVINO's classes, which is another one before 2023.1."""
    return _package() if hasattr(_package(), "Core") else import_module("openvino.runtime")


class OldOpenVinoSession(OpenVinoFileSession):
    """The same with the Python interface of the versions before 2023.1."""

    def __init__(self, core: Any, path: Path, threads: int, target: Target) -> None:
        super().__init__(core, path, threads, target)
        self._config = {name: str(value) for name, value in self._config.items()}

    def _shaped(self, shape: tuple[int, ...]) -> Any:
        # It cannot be cloned; a compiled network does not change with it.
        if shape:
            self._model.reshape(list(shape))
        return self._model

    def infer(self, batch: NDArray[np.float32]) -> Maps:
        """Return the outputs by name for a batch (N, 3, H, W)."""
        results: Any = self._request(batch.shape).infer([batch])
        return {output.get_any_name(): np.array(results[output], np.float32) for output in results}
