"""Choosing a runtime by name, and saying early what one cannot do."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.runtimes import Session, Source, Target
from posemark.runtimes.export_errors import making
from posemark.runtimes.model_file import FileSession


@dataclass(frozen=True)
class _Runtime:
    """module: here, with supported, open_session and, if it reads files, open_file.

    packages: that it imports; extra: ours that has them. makes_with, makes_extra: the same for
    carrying over networks of torch. reads: suffixes of the files that it opens as they are.
    """

    module: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    makes_with: tuple[str, ...] = ()
    makes_extra: str = ""
    reads: tuple[str, ...] = ()


_MODULES = {
    "torch": _Runtime("torch_eager"),
    "torch-compile": _Runtime("torch_compile"),
    "onnxruntime": _Runtime(
        *("onnx_runtime", ("onnxruntime",), "onnx", ("onnx",), "onnx", (".onnx",))
    ),
    "openvino": _Runtime(
        *("open_vino", ("openvino",), "openvino", ("onnx",), "openvino"),
        (".xml", ".pb", ".onnx", ".tflite"),
    ),
    "tflite": _Runtime(
        *("tflite", ("ai_edge_litert",), "tflite"),
        *(("litert_torch",), "tflite-convert", (".tflite",)),
    ),
}

RUNTIMES = tuple(_MODULES)

PRECISIONS = ("fp32", "bf16", "fp16", "int8")

CHANNELS_LAST = "channels-last"

FORMATS = {".onnx": "onnxruntime", ".xml": "openvino", ".pb": "openvino", ".tflite": "tflite"}
"""Formats of files, with the runtime that opens them where none is named."""


def installed() -> list[str]:
    """The runtimes that run networks of the zoo with the packages that are here."""
    return [
        name
        for name, known in _MODULES.items()
        if all(find_spec(each) is not None for each in (*known.packages, *known.makes_with))
    ]


def require(target: Target, calibrated: bool = False, artefact: Artefact | None = None) -> None:
    """Check, before any work, that a target exists and that its packages are here.

    calibrated: whether there will be batches to quantise with. artefact: the file to be opened,
    of an exported model.

    Raises:
        UsageError: for a runtime, device or precision that does not exist, a precision that
            this runtime does not have on this device, packages that are not installed, or a
            file that the runtime does not read, or not in this precision.
    """
    if target.runtime not in _MODULES:
        known = ", ".join(RUNTIMES)
        raise UsageError(f"no runtime is called {target.runtime!r}; there are {known}.")
    if artefact:
        _require_reads(target.runtime, artefact)
    _require_packages(target.runtime, artefact is None)
    can = supported(target.runtime, target.device)
    # What TFLite cannot make, it can run: int8 files are what it is for.
    if not artefact or target.runtime != "tflite":
        _require_precision(target, can)
    _require_layout(target)
    if artefact:
        _require_kept(target, artefact)
        _require_uncalibrated(artefact, calibrated)
    elif target.precision == "int8" and not calibrated:
        raise UsageError(
            f"{target.runtime} at int8 chooses ranges from real images; give a data set to "
            "calibrate with."
        )


def _require_packages(runtime: str, makes: bool) -> None:
    known = _MODULES[runtime]
    kinds = [(known.packages, known.extra), (known.makes_with if makes else (), known.makes_extra)]
    for packages, extra in kinds:
        absent = [name for name in packages if find_spec(name) is None]
        if absent:
            why = "" if packages is known.packages else " to carry over a network of torch"
            raise UsageError(
                f"the runtime {runtime} needs {' and '.join(absent)}{why}, which is not "
                f"installed. Run `pip install 'posemark[{extra}]'`."
            )


def _require_reads(runtime: str, artefact: Artefact) -> None:
    if artefact.format not in _MODULES[runtime].reads:
        can = [name for name, known in _MODULES.items() if artefact.format in known.reads]
        raise UsageError(
            f"{runtime} does not read {artefact.format} files, and {artefact.path.name} is one: "
            f"an exported model runs as it is or not at all. Use --runtime {' or '.join(can)}."
        )


def _require_kept(target: Target, artefact: Artefact) -> None:
    """A file has a precision of its own; only OpenVINO runs floats in others than the file's."""
    kept = (artefact.precision,)
    if target.runtime == "openvino" and artefact.precision != "int8":
        kept = ("fp32", "bf16", "fp16")
    if target.precision not in kept:
        raise UsageError(
            f"{artefact.path.name} is in {artefact.precision}, and {target.runtime} runs it in "
            f"{' or '.join(kept)} only, not in {target.precision}. Ask for that, or give a card "
            "with a file of the other precision."
        )


def _require_uncalibrated(artefact: Artefact, calibrated: bool) -> None:
    if calibrated:
        raise UsageError(
            f"{artefact.path.name} is an exported model and runs as it is: there is nothing to "
            "calibrate. Leave the data to calibrate with out."
        )


def supported(runtime: str, device: str) -> tuple[str, ...]:
    """Precisions that a runtime has on a device of this machine.

    Raises:
        UsageError: if it does not find the device.
    """
    return _module(runtime).supported(device)


def _module(runtime: str) -> Any:
    return import_module(f"posemark.runtimes.{_MODULES[runtime].module}")


def _require_precision(target: Target, supported: tuple[str, ...]) -> None:
    if target.precision not in supported:
        can = ", ".join(supported)
        raise UsageError(
            f"{target.runtime} on {target.device} cannot run {target.precision}; here it can "
            f"run {can}. PoseMark never runs another precision than the one asked for."
        )


def _require_layout(target: Target) -> None:
    chosen = Target("torch", "fp32", "cpu", CHANNELS_LAST)
    if target.layout is None or target == chosen:
        return
    raise UsageError(
        f"{target.runtime} in {target.precision} on {target.device} has no layout "
        f"{target.layout!r} to choose: only torch in fp32 on the CPU has one, {CHANNELS_LAST}; "
        "all others keep maps as suits them best. Leave it out."
    )


def open_session(target: Target, source: Source) -> Session:
    """A session that is what target says; whatever would be something else raises.

    Raises:
        UsageError: as `require`.
        ExportError: if the network cannot be carried over, or then does not give what the
            original gives.
        CheckpointError: if the artefact of an exported model cannot be read.
    """
    artefact = source.spec.artefact
    require(target, source.calibration is not None, artefact)
    if artefact:
        return open_file(target, artefact, source.threads)
    module = _module(target.runtime)
    if target.runtime == "torch":  # nothing is carried over: what fails is a bug of ours
        return module.open_session(target, source)
    with making(source.spec.name, target):
        return module.open_session(target, source)


def open_file(target: Target, artefact: Artefact, threads: int) -> FileSession:
    """A session on the file of an exported model, checked already by `require`.

    Raises:
        CheckpointError: if it cannot be read.
    """
    return _module(target.runtime).open_file(target, artefact, threads)


def default_target(artefact: Artefact) -> Target:
    """How a file runs where nothing is asked for: as its format and its precision say."""
    return Target(FORMATS[artefact.format], artefact.precision)


def unknown_device(runtime: str, device: str, known: list[str]) -> UsageError:
    """The error for a device that this runtime does not find on this machine."""
    here = ", ".join(known)
    return UsageError(f"{runtime} finds no device {device!r} here; it finds {here}.")
