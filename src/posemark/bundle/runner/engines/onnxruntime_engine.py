"""ONNX Runtime 1.3 and later, on its CPU provider unless another one is named."""

from importlib import import_module
from typing import Any

from posemark.bundle.runner.engines.engine import Engine, Wanted
from posemark.runtimes.model_file import RawSession
from posemark.runtimes.onnx_runtime import OnnxFileSession


class OnnxRuntimeEngine(Engine):
    """Runs ONNX files as PoseMark itself does, on one provider and no other."""

    name = "onnxruntime"
    modules = ("onnxruntime",)
    suffixes = (".onnx",)
    precisions = ("fp32",)
    file_precisions = ("fp32", "fp16", "int8")
    device = "cpu"
    how_to_install = "pip3 install onnxruntime"

    def version(self) -> str:
        """Return the installed version; see Engine."""
        return str(_onnxruntime().__version__)

    def open(self, wanted: Wanted) -> RawSession:
        """Open a network on the provider that the device names; see Engine."""
        target = wanted.target(self.name)
        return OnnxFileSession(_onnxruntime(), wanted.path, wanted.threads, target)


def _onnxruntime() -> Any:
    return import_module("onnxruntime")
