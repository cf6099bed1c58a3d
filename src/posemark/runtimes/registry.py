"""Selects a runtime by name, and reports what it cannot do before any work begins."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from posemark import runtimes as package
from posemark.core.errors import UsageError
from posemark.core.model_file import Artefact
from posemark.core.scan import modules_in
from posemark.core.target import Target
from posemark.runtimes import Session, Source
from posemark.runtimes.export_errors import conversion_errors
from posemark.runtimes.model_file import FileSession
from posemark.runtimes.row import CHANNELS_LAST, PRECISIONS, Runtime

__all__ = ["CHANNELS_LAST", "PRECISIONS"]


class Module(Protocol):
    """What the module of a runtime provides; open_file only if the runtime reads files."""

    def supported(self, device: str) -> tuple[str, ...]: ...

    def open_session(self, target: Target, source: Source) -> Session: ...

    def open_file(self, target: Target, artefact: Artefact, threads: int) -> FileSession: ...


@cache
def runtimes() -> dict[str, Runtime]:
    """Return every runtime by name: torch first, then those that need further packages."""
    modules = modules_in(package.__name__, package.__path__)
    rows = [row for module in modules for row in getattr(module, "ROWS", ())]
    return {row.name: row for row in sorted(rows, key=lambda row: (bool(row.packages), row.name))}


def formats() -> dict[str, str]:
    """Return the runtime that opens a model file by default, by the suffix of the file."""
    return {suffix: row.name for row in runtimes().values() for suffix in row.opens}


def distributions() -> tuple[str, ...]:
    """Return the packages of all runtimes, as their index names them."""
    return tuple(name for row in runtimes().values() for name in row.distributions)


def installed() -> list[str]:
    """Return the runtimes that can run the built-in networks with the installed packages."""
    return [
        name
        for name, known in runtimes().items()
        if all(find_spec(each) is not None for each in (*known.packages, *known.convert_packages))
    ]


def require(target: Target, calibrated: bool = False, artefact: Artefact | None = None) -> None:
    """Check, before any work, that a target exists and that its packages are installed.

    Args:
        target: what is asked for.
        calibrated: whether there will be batches to calibrate int8 with.
        artefact: the file of an exported model, if one is to be opened.

    Raises:
        UsageError: for a runtime or device that does not exist, a precision that the runtime does
            not have on the device, packages that are not installed, or a file that the runtime
            does not read or does not run in this precision, or for several streams on a runtime
            or device that has only one.
    """
    if target.runtime not in runtimes():
        known = ", ".join(runtimes())
        raise UsageError(f"no runtime is called {target.runtime!r}; there are {known}.")
    if artefact:
        _require_reads(target.runtime, artefact)
    _require_packages(target.runtime, artefact is None)
    can = supported(target.runtime, target.device)
    if not (artefact and runtimes()[target.runtime].runs_other_files):
        _require_precision(target, can)
    _require_layout(target)
    _require_streams(target)
    if artefact:
        _require_kept(target, artefact)
        _require_uncalibrated(artefact, calibrated)
    elif target.precision == "int8" and not calibrated:
        raise UsageError(
            f"{target.runtime} at int8 chooses ranges from real images: give a data set to "
            "calibrate with."
        )


def _require_packages(runtime: str, converts: bool) -> None:
    known = runtimes()[runtime]
    needs = [(known.packages, known.extra, "")]
    if converts:
        why = " to convert a torch network"
        needs.append((known.convert_packages, known.convert_extra, why))
    for packages, extra, why in needs:
        absent = [name for name in packages if find_spec(name) is None]
        if absent:
            raise UsageError(
                f"the runtime {runtime} needs {' and '.join(absent)}{why}, which is not "
                f"installed. Run `pip install 'posemark[{extra}]'`."
            )


def _require_reads(runtime: str, artefact: Artefact) -> None:
    if artefact.format not in runtimes()[runtime].reads:
        can = [name for name, known in runtimes().items() if artefact.format in known.reads]
        raise UsageError(
            f"{runtime} does not read {artefact.format} files, and {artefact.path.name} is one: "
            "exported models are never converted to another format. "
            f"Use --runtime {' or '.join(can)}."
        )


def _require_kept(target: Target, artefact: Artefact) -> None:
    """Refuse another precision than the file's, unless the runtime can run the file in it."""
    recasts = runtimes()[target.runtime].recasts
    kept = recasts if artefact.precision in recasts else (artefact.precision,)
    if target.precision not in kept:
        raise UsageError(
            f"{artefact.path.name} is in {artefact.precision}, and {target.runtime} runs it in "
            f"{' or '.join(kept)} only, not in {target.precision}. Use one of these, or a card "
            "with a file in the other precision."
        )


def _require_uncalibrated(artefact: Artefact, calibrated: bool) -> None:
    if calibrated:
        raise UsageError(
            f"{artefact.path.name} is an exported model and runs unchanged, so there is nothing to "
            "calibrate. Leave out the data set to calibrate with."
        )


def supported(runtime: str, device: str) -> tuple[str, ...]:
    """Return the precisions that a runtime has on a device of this machine.

    Raises:
        UsageError: if the runtime does not find the device.
    """
    return _module(runtime).supported(device)


def _module(runtime: str) -> Module:
    return cast("Module", import_module(runtimes()[runtime].module))


def _require_precision(target: Target, supported: tuple[str, ...]) -> None:
    if target.precision not in supported:
        can = ", ".join(supported)
        raise UsageError(
            f"{target.runtime} on {target.device} cannot run {target.precision}; here it can "
            f"run {can}. PoseMark never runs a precision other than the requested one."
        )


def _require_layout(target: Target) -> None:
    free = (target.precision, target.device) == ("fp32", "cpu")
    if target.layout is None or (free and target.layout in runtimes()[target.runtime].layouts):
        return
    raise UsageError(
        f"{target.runtime} in {target.precision} on {target.device} has no layout "
        f"{target.layout!r} to choose: only torch in fp32 on the CPU has one, {CHANNELS_LAST}. "
        "Leave the layout out: the runtime chooses its own."
    )


def _require_streams(target: Target) -> None:
    if target.streams == 1:
        return
    why = runtimes()[target.runtime].one_stream
    if target.device != "cpu":
        why = "streams divide the threads of the CPU, and the network runs on another device"
    if why:
        raise UsageError(
            f"{target.runtime} on {target.device} cannot process {target.streams} frames at the "
            f"same time: {why}. Use --streams 1, or --runtime {' or '.join(_several_streams())} "
            "on the CPU."
        )


def _several_streams() -> list[str]:
    return [name for name, known in runtimes().items() if not known.one_stream]


def open_session(target: Target, source: Source) -> Session:
    """Open a session that runs exactly as the target says.

    Args:
        target: the runtime, precision, device and layout.
        source: the network.

    Raises:
        UsageError: as `require`, or if the session would run in another way than asked for.
        ExportError: if the network cannot be converted, or if the converted network differs from
            the original.
        CheckpointError: if the file of an exported model cannot be read.
    """
    artefact = source.spec.artefact
    require(target, source.calibration is not None, artefact)
    if artefact:
        return open_file(target, artefact, source.threads)
    module = _module(target.runtime)
    if not runtimes()[target.runtime].converts:  # an exception is a bug in PoseMark
        return module.open_session(target, source)
    with conversion_errors(source.spec.name, target):
        return module.open_session(target, source)


def open_file(target: Target, artefact: Artefact, threads: int) -> FileSession:
    """Open a session on the file of an exported model, which `require` has checked.

    Args:
        target: the runtime, precision and device.
        artefact: the file.
        threads: number of CPU threads.

    Raises:
        CheckpointError: if the file cannot be read.
        UsageError: if the file's precision is not the one that its card declares.
    """
    return _module(target.runtime).open_file(target, artefact, threads)


def default_target(artefact: Artefact) -> Target:
    """Return how a model file runs by default: the runtime of its format, in its precision."""
    return Target(formats()[artefact.format], artefact.precision)


def unknown_device(runtime: str, device: str, known: list[str]) -> UsageError:
    """Build the error for a device that a runtime does not find on this machine.

    Args:
        runtime: name of the runtime.
        device: the device that was asked for.
        known: the devices that the runtime finds.
    """
    here = ", ".join(known)
    return UsageError(f"{runtime} finds no device {device!r} here; it finds {here}.")
