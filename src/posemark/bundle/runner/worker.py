"""The process of one entry: opens its network, and measures it into its record."""

import os
import signal
import sys
from math import ceil
from pathlib import Path
from typing import Any

from posemark.bundle.runner.bundled import Bundle, BundledEntry
from posemark.bundle.runner.choice import Choice
from posemark.bundle.runner.console import Console, duration
from posemark.bundle.runner.device_facts import (
    ROOT,
    at_start,
    environment,
    opencv_version,
    set_image_threads,
)
from posemark.bundle.runner.engines.engine import Wanted
from posemark.bundle.runner.entry_file import read_entry, read_rescorer, require_intact
from posemark.bundle.runner.found_engines import EngineChoice, FoundEngine, choose
from posemark.bundle.runner.frames import read_frames
from posemark.bundle.runner.header import completed
from posemark.bundle.runner.measurement import EntryMeasurement, Plan, Step, warm_up
from posemark.bundle.runner.named_session import NamedSession
from posemark.bundle.runner.numpy_sentinel import NumpySentinel
from posemark.bundle.runner.proc_sensors import ProcSensors
from posemark.bundle.runner.record import (
    SUFFIX,
    Existing,
    RecordWriter,
    read_record,
    require_same_run,
)
from posemark.core.counting import counted
from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.target import Target
from posemark.measure import energy
from posemark.measure.watch import BlockWatch
from posemark.pipelines.build import Processing, input_shapes, pipeline_of
from posemark.runtimes import Session
from posemark.runtimes.model_file import FileSession

PLANS = "engines"
"""The folder in the bundle for what engines build from models."""

STOPPED = 130
"""Exit code of a process that was stopped: 128 plus the number of SIGINT, as shells define it."""


def record_key(entry: BundledEntry, chosen: EngineChoice, sustained: bool) -> str:
    """Return the key of a record, as `posemark run` forms it."""
    target = Target(chosen.engine.name, chosen.precision, chosen.device)
    parts = [entry.key] + ["sustained"] * sustained
    return "+".join(parts + target.key_parts(entry.runtime, entry.precision))


class StopSignal:
    """Notes that this process is to stop: on SIGTERM, or if the process that started it is gone.

    Ctrl-C reaches both processes of a terminal; the other one decides what it does.
    """

    def __init__(self) -> None:
        self._parent, self._asked = os.getppid(), False
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, number: int, frame: Any) -> None:  # noqa: ARG002 - as signal calls it
        self._asked = True

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self._asked or os.getppid() != self._parent


def work(bundle: Bundle, entry: BundledEntry, choice: Choice, folder: Path) -> int:
    """Measure an entry into its record.

    Args:
        bundle: the bundle.
        entry: the entry.
        choice: the options, with engine, version, precision, threads and device filled in.
        folder: the folder of the bundle.

    Returns:
        0 if the entry is finished, STOPPED if it was stopped.

    Raises:
        PoseMarkError: if the bundle is damaged, or the engine cannot run the entry.
    """
    stopped, console = StopSignal(), Console()
    before = at_start()
    file = read_entry(folder, entry.key)
    found = [FoundEngine(choice.engine or "", choice.version)]
    chosen = choose(entry, file, found, choice.precision, "fp32", choice.device)
    threads = choice.threads or 1
    frames = read_frames(folder, entry.spec.skeleton, plain=opencv_version() is None)
    set_image_threads(threads)
    rescorer = read_rescorer(folder, file, entry.spec)
    how = Processing(entry.scales, entry.flip, entry.most, entry.trained, rescorer)
    session = _session(entry, chosen, threads, folder, frames, how, console)
    pipeline = pipeline_of(entry.spec, session, how)
    path = choice.out / (record_key(entry, chosen, choice.sustained) + SUFFIX)
    existing = read_record(path)
    frame_seconds = warm_up(pipeline, frames, file)
    sentinel = NumpySentinel(_sentinel_side(existing))
    plan = Plan(
        pipeline=pipeline,
        frames=frames,
        entry=file,
        seconds=choice.seconds,
        repeat=passes(choice, existing, frame_seconds * len(frames)),
        watch=BlockWatch(ROOT, ProcSensors(ROOT), energy.system_counters(ROOT)),
        sentinel=sentinel,
        stopped=stopped,
    )
    key, where = path.name[: -len(SUFFIX)], Target(chosen.engine.name, "", chosen.device)
    facts = environment(bundle, chosen, sentinel, before)
    header = completed(file.header, key, session, where, threads, plan.repeat, facts)
    if existing:
        require_same_run(existing, header)
    return _measured(plan, path, existing, header, frame_seconds, console)


ENOUGH_SECONDS = 6.0
"""Duration of a run without --repeat, at least: twelve blocks, as many as every verdict needs."""

_MOST_PASSES = 1000


def passes(choice: Choice, existing: Existing | None, pass_seconds: float) -> int | None:
    """Return how many times a run goes through its frames.

    Args:
        choice: the options.
        existing: the record that is continued; None for a new one.
        pass_seconds: the expected seconds of one pass; 0.0 if unknown.

    Returns:
        The number; None if the frames repeat until the time is over.
    """
    if choice.sustained:
        return None
    if choice.repeat is not None:
        return choice.repeat
    if existing:
        return int(existing.header["settings"].get("repeat", 1))
    if not pass_seconds:
        return 1
    return min(_MOST_PASSES, max(1, ceil(ENOUGH_SECONDS / pass_seconds)))


def _sentinel_side(existing: Existing | None) -> int | None:
    """Return the size of the sentinel in a record, so that all its blocks have the same one."""
    environment: dict[str, Any] = existing.header["environment"] if existing else {}
    edge: dict[str, Any] = environment.get("edge", {})
    return edge.get("sentinel_side")


def _session(
    entry: BundledEntry,
    chosen: EngineChoice,
    threads: int,
    folder: Path,
    frames: list[Frame],
    how: Processing,
    console: Console,
) -> Session:
    path = require_intact(folder, chosen.model)
    shapes = input_shapes(entry.spec, (frame.size_wh for frame in frames), how)
    raw = chosen.engine.open(
        Wanted(
            path=path,
            sha256=chosen.model.sha256,
            precision=chosen.precision,
            threads=threads,
            device=chosen.device,
            shapes=shapes,
            cache=folder / PLANS,
            say=lambda text: console.say("   " + text, "   "),
        )
    )
    if raw.precision != chosen.precision:
        raise UsageError(
            f"{path.name} is in {raw.precision} in {raw.runtime}, expected {chosen.precision}. "
            "Use another engine (--engine)."
        )
    session: Session = NamedSession(raw, chosen.model.outputs)
    if entry.declared:
        session = FileSession(raw, entry.declared.at(path, chosen.model.sha256))
    # An engine that cannot run the network says so before the record begins.
    session.prepare(shapes[0])
    return session


def _measured(
    plan: Plan,
    path: Path,
    existing: Existing | None,
    header: dict[str, Any],
    frame_seconds: float,
    console: Console,
) -> int:
    writer = RecordWriter(path, existing)
    try:
        if existing:
            fields = {name: header[name] for name in ("environment", "started")}
            writer.write("resumed", fields)
        else:
            writer.write("header", header)
        run = EntryMeasurement(plan, writer, existing, lambda step: _show(console, step))
        if frame_seconds:
            again = f" in {counted(plan.repeat, 'pass', 'passes')}" if plan.repeat else ""
            expected = duration(run.expected_seconds(frame_seconds))
            milliseconds = f"{frame_seconds * 1e3:.1f} ms a frame by the warm-up"
            console.say(f"   about {expected}: {milliseconds}, {len(plan.frames)} frames{again}")
        over = run.run()
        console.clear()
        return 0 if over else STOPPED
    finally:
        writer.close()


def _show(console: Console, step: Step) -> None:
    of = "" if step.total is None else f" of {step.total}"
    left = duration(step.seconds_left)
    console.progress(f"   {step.done}{of} frames, {step.fps:.2f} per second, {left} left")
    sys.stdout.flush()
