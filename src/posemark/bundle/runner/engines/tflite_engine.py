"""LiteRT, or TensorFlow Lite under one of its older names, on the CPU."""

from importlib import import_module
from pathlib import Path
from typing import Any

from posemark.bundle.runner.engines.engine import Engine, Wanted
from posemark.core.errors import UsageError
from posemark.runtimes.model_file import RawSession
from posemark.runtimes.tflite import TfliteFile


class TfliteEngine(Engine):
    """Runs .tflite files in their own precision."""

    name = "tflite"
    modules = ("ai_edge_litert", "tflite_runtime", "tensorflow")
    suffixes = (".tflite",)
    precisions = ("fp32",)
    file_precisions = ("fp32", "int8")
    device = "cpu"
    how_to_install = "pip3 install tflite-runtime, or ai-edge-litert"

    def version(self) -> str:
        """Return the installed version; see Engine."""
        version, _ = _package()
        return version

    def open(self, wanted: Wanted) -> RawSession:
        """Open a file; see Engine."""
        if wanted.device != "cpu":
            raise UsageError(f"tflite runs on the device cpu only, got {wanted.device}.")
        return TfliteFile(wanted.path, wanted.threads, _opened)


def _opened(path: Path, threads: int) -> Any:
    _, interpreter = _package()
    return interpreter(model_path=str(path), num_threads=threads)


def _package() -> tuple[str, Any]:
    """Return a package's name with its version, and its class Interpreter.

    Raises:
        ImportError: if no package has one.
    """
    for module, name in _MODULES.items():
        try:
            package = import_module(module)
            interpreter: Any = import_module(name).Interpreter
        except ImportError:
            continue
        version = getattr(package, "__version__", "")
        return f"{module.replace('_', '-')} {version}".strip(), interpreter
    raise ImportError(f"none of these is installed: {', '.join(_MODULES)}")


_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite",
}
"""The packages that have an Interpreter, the newest first, and the module that it is in."""
