"""What the runtimes that start from an ONNX file share: where it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from posemark import export
from posemark.core.errors import UsageError
from posemark.runtimes import Calibration, Session, Source


def onnx_folder(source: Source, half: bool = False) -> Path:
    """The folder of the exported network: export.MODEL and its reference outputs.

    half: weights and maps as float16.
    """
    facts = source.facts("fp16" if half else "fp32")

    def make(folder: Path) -> None:
        export.write(source.build(), source.spec, folder, facts)

    return source.store.get(f"{source.spec.name}-onnx", facts, make)


def calibration_of(source: Source) -> Calibration:
    """The source's calibration.

    Raises:
        UsageError: if it has none.
    """
    if source.calibration is None:
        raise UsageError("int8 needs batches to calibrate with, and none were given.")
    return source.calibration


def quantised_folder(
    source: Source, floats: Path, runtime: str, tool: Any, make: Callable[[Path], object]
) -> Path:
    """The folder of the int8 network that make fills.

    floats: folder of the float32 network. tool: the package that chooses the ranges.
    """
    facts = {
        "from": floats.name,
        "calibration": calibration_of(source).name,
        tool.__name__: tool.__version__,
    }
    return source.store.get(f"{source.spec.name}-{runtime}-int8", facts, make)


def require_parity(session: Session, source: Source, folder: Path) -> None:
    """Check a float32 session against torch, as export.require_parity."""
    name = f"{source.spec.name} in {session.runtime} on {session.device}"
    export.require_parity(name, session.infer, source.spec, folder)
