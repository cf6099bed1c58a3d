"""LiteRT, or TensorFlow Lite under one of its older names, on the CPU."""

from pathlib import Path
from typing import Any, cast

from posemark.bundle.runner.engines.engine import Wanted
from posemark.core.errors import UsageError
from posemark.runtimes.model_file import RawSession
from posemark.runtimes.tflite import TfliteFile


class TfliteEngine:
    """Runs .tflite files in their own precision."""

    name = "tflite"
    suffixes = (".tflite",)
    precisions = ("fp32",)
    file_precisions = ("fp32", "int8")
    device = "cpu"
    how_to_install = "pip3 install tflite-runtime, or ai-edge-litert"

    def version(self) -> str:
        """Return the installed version; see Engine."""
        package, _ = _package()
        return package

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
    try:
        import ai_edge_litert
        from ai_edge_litert import interpreter

        return _named("ai-edge-litert", ai_edge_litert), interpreter.Interpreter
    except ImportError:
        pass
    try:
        import tflite_runtime  # pyright: ignore[reportMissingImports]
        from tflite_runtime import (
            interpreter as old,  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        )

        return _named("tflite-runtime", tflite_runtime), cast("Any", old).Interpreter
    except ImportError:
        pass
    import tensorflow as tf  # pyright: ignore[reportMissingImports]

    return _named("tensorflow", tf), cast("Any", tf).lite.Interpreter


def _named(package: str, module: Any) -> str:
    return f"{package} {getattr(module, '__version__', '')}".strip()
