"""LiteRT, or TensorFlow Lite under one of its older names, on the CPU."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

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
    how_to_install = (
        "pip3 install ai-edge-litert, or before Python 3.10: pip3 install tflite-runtime 'numpy<2'"
    )

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
        ImportError: if no package has one, or tflite-runtime does not fit numpy.
    """
    problem = f"none of these is installed: {', '.join(_MODULES)}"
    for module, name in _MODULES.items():
        try:
            package = import_module(module)
            if module == _FOR_NUMPY_1 and int(np.__version__.split(".")[0]) > 1:
                problem = f"tflite-runtime needs numpy 1, and numpy {np.__version__} is installed"
                continue
            interpreter: Any = import_module(name).Interpreter
        except ImportError:
            continue
        version = getattr(package, "__version__", "")
        return f"{module.replace('_', '-')} {version}".strip(), interpreter
    raise ImportError(problem)


_MODULES = {
    "ai_edge_litert": "ai_edge_litert.interpreter",
    "tflite_runtime": "tflite_runtime.interpreter",
    "tensorflow": "tensorflow.lite",
}
"""The packages that have an Interpreter, the newest first, and the module that it is in."""

_FOR_NUMPY_1 = "tflite_runtime"
"""A package whose last version, 2.14.0, is built for numpy 1: with numpy 2 it opens no file."""
