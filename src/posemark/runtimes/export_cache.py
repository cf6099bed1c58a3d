"""Exported and quantised networks in the store, for the runtimes that start from ONNX files."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from posemark import export
from posemark.core.errors import UsageError
from posemark.runtimes import Calibration, Session, Source


def onnx_folder(source: Source, half: bool = False) -> Path:
    """Return the folder with the exported network and its reference outputs.

    Args:
        source: the network; it is exported if the store does not have it yet.
        half: whether weights and maps are float16.

    Returns:
        A folder with the files export.MODEL and export.REFERENCE.
    """
    facts = source.facts("fp16" if half else "fp32")

    def make(folder: Path) -> None:
        export.write(source.build(), source.spec, folder, facts)

    return source.store.get(f"{source.spec.name}-onnx", facts, make)


def calibration_of(source: Source) -> Calibration:
    """Return the calibration of a source.

    Raises:
        UsageError: if it has no calibration.
    """
    if source.calibration is None:
        raise UsageError("int8 needs batches to calibrate with, but no calibration was given.")
    return source.calibration


def quantised_folder(
    source: Source, floats: Path, runtime: str, tool: ModuleType, make: Callable[[Path], object]
) -> Path:
    """Return the folder with the int8 network.

    Args:
        source: the network.
        floats: folder of the float32 network.
        runtime: name of the runtime, for the name of the folder.
        tool: the package that quantises; the result depends on its version.
        make: quantises into an empty folder. It is called if the store does not have the network.

    Raises:
        UsageError: if the source has no calibration.
    """
    facts = {
        "from": floats.name,
        "calibration": calibration_of(source).name,
        tool.__name__: tool.__version__,
    }
    return source.store.get(f"{source.spec.name}-{runtime}-int8", facts, make)


def require_parity(session: Session, source: Source, folder: Path) -> None:
    """Compare a float32 session with torch's outputs.

    Args:
        session: the session to check.
        source: the network that it runs.
        folder: the folder with the reference outputs, see onnx_folder.

    Raises:
        ExportError: if the outputs differ by more than export.TOLERANCE.
    """
    name = f"{source.spec.name} in {session.runtime} on {session.device}"
    export.require_parity(name, session.infer, source.spec, folder)
