"""The process that the user starts: says what it will do, and runs a process for each entry."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posemark.board.facts import describe, read
from posemark.board.models import has_device_tree
from posemark.bundle.runner.bundled import Bundle, BundledEntry
from posemark.bundle.runner.choice import Choice
from posemark.bundle.runner.console import WIDTH, Console, duration
from posemark.bundle.runner.device_facts import ROOT, opencv_version
from posemark.bundle.runner.entry_file import EntryFile, read_entry
from posemark.bundle.runner.found_engines import EngineChoice, FoundEngine, choose, found_engines
from posemark.bundle.runner.frames import read_frames
from posemark.bundle.runner.json_file import REMEDY, require_data
from posemark.bundle.runner.record import SUFFIX, Existing, read_record
from posemark.bundle.runner.summary import table
from posemark.bundle.runner.worker import STOPPED, record_key
from posemark.core.counting import counted
from posemark.core.errors import DataError, RecordError, RunError, UsageError
from posemark.core.places import write_whole
from posemark.measure.environment import machine_facts, usable_cores, wait_passively

_PATIENCE_SECONDS = 10.0
"""Seconds in which a process is to stop by itself, after its present frame."""

_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class _Job:
    """An entry with all choices made.

    Attributes:
        entry: the entry.
        file: its file.
        chosen: its engine.
        path: its record.
    """

    entry: BundledEntry
    file: EntryFile
    chosen: EngineChoice
    path: Path


class Supervisor:
    """Runs the entries of a bundle one after the other.

    Args:
        bundle: the bundle.
        choice: the options.
        script: the file run.py, in the folder of the bundle.
    """

    def __init__(self, bundle: Bundle, choice: Choice, script: Path) -> None:
        self._bundle, self._choice, self._script = bundle, choice, script
        self._folder, self._console = script.parent, Console()
        self._threads = choice.threads or usable_cores()
        self._failures = 0

    def run(self) -> int:
        """Run everything; return the exit code.

        Raises:
            PoseMarkError: if the bundle is damaged, or no entry can run.
            KeyboardInterrupt: after Ctrl-C, when the present entry has stopped.
        """
        entries = entries_named(self._bundle, self._choice.entries)
        require_data(self._folder, self._bundle.sums)
        names = (self._choice.engine,) if self._choice.engine else self._bundle.engines
        found = found_engines(self._script, names)
        self._say_device(found)
        jobs = self._jobs(entries, found)
        self._say_plan(jobs)
        if self._choice.only_list:
            return 0
        if not jobs:
            raise UsageError("no entry of this bundle can run on this device, as said above.")
        self._make_results(jobs)
        wait_passively()
        for number, job in enumerate(jobs, 1):
            self._run_one(f"[{number}/{len(jobs)}]", job)
        self._say_results(jobs)
        return 1 if self._failures else 0

    def _say_device(self, found: Sequence[FoundEngine]) -> None:
        facts, say = machine_facts(), self._console.say
        bundle = self._bundle
        entries = counted(len(bundle.entries), "entry", "entries")
        say(f"PoseMark {bundle.posemark}, bundle for {bundle.target}, {entries}")
        board = facts["board"] or facts["cpu"]
        cores = f"{counted(facts['cores'], 'core')}, {facts['memory_gib']:g} GiB"
        say(f"Board    {board}, {cores}", _INDENT)
        if has_device_tree(ROOT):
            for line in describe(read(ROOT), WIDTH - len(_INDENT)):
                self._console.line(_INDENT + line)
        images = f"OpenCV {opencv_version()}" if opencv_version() else "no OpenCV (numpy instead)"
        software = f"{facts['os']}, Python {facts['python']}, numpy {np.__version__}, {images}"
        say(f"System   {software}", _INDENT)
        engines = "; ".join(f"{each.name} {each.version or each.problem}" for each in found)
        say(f"Engines  {engines}", _INDENT)

    def _jobs(self, entries: Sequence[BundledEntry], found: Sequence[FoundEngine]) -> list[_Job]:
        """Choose an engine for each entry.

        Those without one, and those whose record cannot be continued, are named and left out.
        """
        choice = self._choice
        jobs: list[_Job] = []
        said: set[str] = set()
        for entry in entries:
            file = read_entry(self._folder, entry.key)
            try:
                chosen = choose(
                    *(entry, file, found, choice.precision),
                    *(self._bundle.precision, choice.device),
                )
            except UsageError as error:
                reason = str(error)[len(entry.key) :]
                shown = ": for the same reason." if reason in said else reason
                self._console.say(f"Left out {entry.key}{shown}", _INDENT)
                said.add(reason)
                self._failures += 1
                continue
            path = choice.out / (record_key(entry, chosen, choice.sustained) + SUFFIX)
            try:
                read_record(path)
            except RecordError as error:  # which must not keep the other entries from running
                self._console.say(f"Left out {entry.key}: {error}", _INDENT)
                self._failures += 1
                continue
            jobs.append(_Job(entry, file, chosen, path))
        return jobs

    def _say_plan(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        say, choice = self._console.say, self._choice
        frames = read_frames(self._folder, jobs[0].entry.spec.skeleton, opencv_version() is None)
        what = counted(len(frames), "frame")
        if choice.sustained or choice.seconds is not None:
            how = "repeated for" if choice.sustained else "at most"
            what += f", {how} {duration(choice.seconds or 0.0)} for each entry"
        threads = counted(self._threads, "thread")
        say(f"Runs     {what}, {threads}, into {choice.out}", _INDENT)
        for job in jobs:
            chosen = job.chosen
            existing = read_record(job.path)
            done = existing is not None and existing.complete
            state = ", finished before: left alone" if done else ""
            say(
                f"         {job.entry.key}: {chosen.engine.name} {chosen.precision} on "
                f"{chosen.device}{state}",
                _INDENT,
            )

    def _make_results(self, jobs: Sequence[_Job]) -> None:
        """Make the folder of the records, with the annotations that they are scored against."""
        out = self._choice.out
        for name in sorted({str(job.file.header["truth"]) for job in jobs}):
            try:
                content = (self._folder / name).read_bytes()
            except OSError as error:
                raise DataError(
                    f"{self._folder / name}: cannot read the annotations of the bundle "
                    f"({error.strerror}). {REMEDY}"
                ) from error
            try:
                write_whole(out / name, content)
            except OSError as error:
                raise RunError(
                    f"{out}: cannot write into this folder ({error.strerror}). Make room or "
                    "correct the permissions, or choose another folder (--out)."
                ) from error

    def _run_one(self, place: str, job: _Job) -> None:
        self._console.say(f"{place} {job.entry.key}", "    ")
        existing = read_record(job.path)
        if existing and existing.complete:
            self._console.say(f"   finished before, left alone: {job.path}", "   ")
            return
        for repair in existing.repairs if existing else ():
            self._console.say(f"   {repair}", "   ")
        code = self._wait(self._started(job))
        if code == 0:
            return
        self._failures += 1
        if code < 0 or code not in (1, 2):
            why = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            )
            self._console.say(
                f"   failed: its process {why}. The usual reason is that the memory ran out. Close "
                "other programs. Every finished frame is kept; run again to continue.",
                "   ",
            )

    def _started(self, job: _Job) -> "subprocess.Popen[bytes]":
        choice, chosen = self._choice, job.chosen
        command = [sys.executable, str(self._script), "--worker", job.entry.key]
        command += ["--engine", chosen.engine.name, "--precision", chosen.precision]
        command += ["--threads", str(self._threads), "--device", chosen.device]
        command += ["--out", str(choice.out), "--engine-version", chosen.version]
        if choice.repeat is not None:
            command += ["--repeat", str(choice.repeat)]
        if choice.seconds is not None:
            minutes = ["--sustained", repr(choice.seconds / 60)]
            command += minutes if choice.sustained else ["--seconds", repr(choice.seconds)]
        threads: dict[str, Any] = {name: str(self._threads) for name in _BLAS_THREADS}
        return subprocess.Popen(command, env=dict(os.environ, **threads))  # noqa: S603

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        """Wait for the process of an entry; Ctrl-C lets it finish its frame, a second one kills it.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
        """
        try:
            code = process.wait()
        except KeyboardInterrupt:
            self._stop(process)
            raise
        if code == STOPPED:  # somebody stopped it alone
            raise KeyboardInterrupt
        return code

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        process.terminate()
        self._console.leave_line()
        self._console.say("stopping after this frame ...")
        try:
            process.wait(timeout=_PATIENCE_SECONDS)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            process.kill()
            process.wait()

    def _say_results(self, jobs: Sequence[_Job]) -> None:
        records = [read_record(job.path) for job in jobs]
        known: list[Existing] = [record for record in records if record is not None]
        if known:
            for line in table(known):
                self._console.line(line)
            self._console.say(
                f"Copy the folder {self._choice.out} home, and type there: posemark report "
                f"{self._choice.out.name}"
            )


_INDENT = "         "


def entries_named(bundle: Bundle, names: Sequence[str]) -> list[BundledEntry]:
    """Return the entries with these keys, or whose keys begin so; all of them without any name.

    Raises:
        UsageError: if a name matches none.
    """
    if not names:
        return list(bundle.entries)
    keys = [entry.key for entry in bundle.entries]
    chosen: set[str] = set()
    for name in names:
        matching = [name] if name in keys else [key for key in keys if key.startswith(name)]
        if not matching:
            raise UsageError(f"{name!r} is no entry of this bundle. It has: {', '.join(keys)}.")
        chosen.update(matching)
    return [entry for entry in bundle.entries if entry.key in chosen]
