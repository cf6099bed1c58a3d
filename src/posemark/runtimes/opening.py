"""Choosing a runtime by name, and saying early what one cannot do."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from posemark.core.errors import UsageError
from posemark.runtimes import Session, Source, Target

# The module with SUPPORTED and open_session, the packages it imports, and our extra with them.
_MODULES: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "torch": ("torch_eager", (), None),
    "torch-compile": ("torch_compile", (), None),
    "onnxruntime": ("onnx_runtime", ("onnx", "onnxruntime"), "onnx"),
    "openvino": ("open_vino", ("onnx", "openvino"), "openvino"),
    "tflite": ("tflite", ("ai_edge_litert", "litert_torch"), "tflite"),
}

RUNTIMES = tuple(_MODULES)

PRECISIONS = ("fp32", "bf16", "fp16", "int8")

CHANNELS_LAST = "channels-last"


def require(target: Target, calibrated: bool = False) -> None:
    """Check, before any work, that a target exists and that its packages are here.

    calibrated: whether there will be batches to quantise with.

    Raises:
        UsageError: for a runtime, device or precision that does not exist, a precision that
            this runtime does not have on this device, or packages that are not installed.
    """
    if target.runtime not in _MODULES:
        known = ", ".join(RUNTIMES)
        raise UsageError(f"no runtime is called {target.runtime!r}; there are {known}.")
    absent = [p for p in packages_of(target.runtime) if find_spec(p) is None]
    if absent:
        raise UsageError(
            f"the runtime {target.runtime} needs {' and '.join(absent)}, which is not installed. "
            f"Run `pip install 'posemark[{_MODULES[target.runtime][2]}]'`."
        )
    _require_precision(target, supported(target.runtime, target.device))
    _require_layout(target)
    if target.precision == "int8" and not calibrated:
        raise UsageError(
            f"{target.runtime} at int8 chooses ranges from real images; give a data set to "
            "calibrate with."
        )


def packages_of(runtime: str) -> tuple[str, ...]:
    """What a runtime imports beyond the package's own requirements."""
    return _MODULES[runtime][1]


def supported(runtime: str, device: str) -> tuple[str, ...]:
    """Precisions that a runtime has on a device of this machine.

    Raises:
        UsageError: if it does not find the device.
    """
    return _module(runtime).supported(device)


def _module(runtime: str) -> Any:
    return import_module(f"posemark.runtimes.{_MODULES[runtime][0]}")


def _require_precision(target: Target, supported: tuple[str, ...]) -> None:
    if target.precision not in supported:
        can = ", ".join(supported)
        raise UsageError(
            f"{target.runtime} on {target.device} cannot run {target.precision}; here it can "
            f"run {can}. PoseMark never runs another precision than the one asked for."
        )


def _require_layout(target: Target) -> None:
    if target.layout is None or (target.layout == CHANNELS_LAST and target.runtime == "torch"):
        return
    raise UsageError(
        f"{target.runtime} has no layout {target.layout!r} to choose. Only the runtime torch has "
        f"one, {CHANNELS_LAST}; the others choose their own. Leave it out."
    )


def open_session(target: Target, source: Source) -> Session:
    """A session that is what target says; whatever would be something else raises.

    Raises:
        UsageError: as `require`.
        ExportError: if the exported network does not give what the original gives.
    """
    require(target, source.calibration is not None)
    return _module(target.runtime).open_session(target, source)


def unknown_device(runtime: str, device: str, known: list[str]) -> UsageError:
    """The error for a device that this runtime does not find on this machine."""
    here = ", ".join(known)
    return UsageError(f"{runtime} finds no device {device!r} here; it finds {here}.")
