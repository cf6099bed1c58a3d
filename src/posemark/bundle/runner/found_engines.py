"""Finds out which engines are installed, and which of them runs an entry."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from posemark.bundle.runner.bundled import BundledEntry
from posemark.bundle.runner.engines.engine import Engine
from posemark.bundle.runner.engines.known import engine_named
from posemark.bundle.runner.entry_file import EntryFile, ModelFile
from posemark.core.errors import UsageError

_PROBE_SECONDS = 120.0
"""Seconds in which an engine can be loaded, even from a slow card."""


@dataclass(frozen=True)
class FoundEngine:
    """An engine on this device.

    Attributes:
        name: its name.
        version: its version; "" if it cannot be used.
        problem: why it cannot be used; "" if it can.
    """

    name: str
    version: str
    problem: str = ""


def found_engines(script: Path, names: Sequence[str]) -> list[FoundEngine]:
    """Look for engines. Each is loaded in a process of its own, which may crash.

    Args:
        script: the file run.py.
        names: the names of the engines.
    """
    return [_found(script, name) for name in names]


def _found(script: Path, name: str) -> FoundEngine:
    if not any(map(_exists, engine_named(name).modules)):
        return FoundEngine(name, "", "not installed")
    command = [sys.executable, str(script), "--probe", name]
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=nowhere)  # noqa: S603
        try:
            printed, _ = process.communicate(timeout=_PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return FoundEngine(name, "", f"cannot be loaded in {_PROBE_SECONDS:g} s")
    return _reported(name, printed, process.returncode)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # it was loaded in a way that leaves no trace of where it is from
        return True


def _reported(name: str, printed: bytes, code: int) -> FoundEngine:
    """Return what the process of a probe has found."""
    if code < 0:
        return FoundEngine(name, "", f"cannot be loaded: {signal.Signals(-code).name}")
    lines = printed.decode("utf-8", "replace").splitlines()
    try:
        told: dict[str, Any] = json.loads(lines[-1])
        return FoundEngine(name, str(told["version"]), str(told["problem"]))
    except (IndexError, ValueError, KeyError, TypeError):
        return FoundEngine(name, "", f"cannot be loaded: its process ended with code {code}")


def probe(name: str) -> str:
    """Return the line that a probing process prints: the version of an engine, or the problem."""
    version, problem = "", ""
    try:
        version = engine_named(name).version()
    except Exception as error:  # whatever a broken installation raises
        problem = f"cannot be loaded: {type(error).__name__}: {error}"
    return json.dumps({"version": version, "problem": problem})


@dataclass(frozen=True)
class EngineChoice:
    """The engine that runs an entry, and how.

    Attributes:
        engine: the engine.
        version: its version.
        model: the file that it opens.
        precision: the precision that it runs.
        device: its name of the device.
    """

    engine: Engine
    version: str
    model: ModelFile
    precision: str
    device: str


def choose(
    entry: BundledEntry,
    file: EntryFile,
    found: Sequence[FoundEngine],
    wanted: str | None,
    fallback: str,
    device: str | None,
) -> EngineChoice:
    """Choose the first engine that is installed and runs an entry.

    Args:
        entry: the entry.
        file: its file, with the formats of its network.
        found: the engines, the preferred one first.
        wanted: the precision that the user named; None for none.
        fallback: the precision of the target, which runs if an engine has it.
        device: the device that the user named; None for that of the engine.

    Raises:
        UsageError: if there is none; the message says why for each.
    """
    problems: list[str] = []
    for each in found:
        engine = engine_named(each.name)
        models = [m for suffix in engine.suffixes for m in file.models if m.suffix == suffix]
        precision = "" if each.problem else _precision(entry, engine, wanted, fallback)
        if each.problem:
            problems.append(f"{each.name}: {each.problem} ({engine.how_to_install})")
        elif not models:
            formats = " or ".join(engine.suffixes)
            problems.append(f"{each.name}: reads {formats}, which the bundle does not contain")
        elif not precision:
            problems.append(f"{each.name}: does not run it in {wanted or _own(entry)}")
        else:
            return EngineChoice(
                *(engine, each.version, models[0], precision), device or engine.device
            )
    raise UsageError(
        f"{entry.key}: no engine on this device can run it. {'; '.join(problems)}. Install one of "
        "them, name another with --engine, or leave --precision out."
    )


def _own(entry: BundledEntry) -> str:
    return entry.declared.precision if entry.declared else "fp32"


def _precision(entry: BundledEntry, engine: Engine, wanted: str | None, fallback: str) -> str:
    """Return the precision in which an engine runs an entry; "" if it cannot as wanted."""
    own = _own(entry)
    if own != "fp32":  # a file of a card, which runs as it is
        return own if own in engine.file_precisions and wanted in (None, own) else ""
    if wanted:
        return wanted if wanted in engine.precisions else ""
    return fallback if fallback in engine.precisions else "fp32"
