"""Runs a measurement in a process of its own, with a peak memory and a possible crash of its own.

A server process that has loaded the libraries forks one worker per entry. A worker measures a
block when the parent requests one, and sleeps while the others run theirs.
"""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

from posemark.core import memory
from posemark.core.errors import PoseMarkError, RunError
from posemark.core.places import is_file
from posemark.machine.processes import process_context
from posemark.run.measurement import Circumstances, Measurement, Standing, Step, record_path
from posemark.run.prepare import Prepared

_Request = tuple[str, tuple[object, ...]]
"""The name of a method of Measurement, and its arguments."""


class WorkerDiedError(RunError):
    """The process of an entry died, had too little memory, or could not be started.

    The other entries can continue.
    """


@dataclass(frozen=True)
class _Task:
    """The job of a worker; the parent has already found and checked its inputs."""

    prepared: Prepared = field(repr=False)
    out: Path
    resume: bool
    circumstances: Circumstances


class Isolated:
    """A measurement in a worker process, with the arguments and methods of Measurement.

    Each method sends its name and arguments to the worker and waits for the result. Every method
    but close() raises what the method of Measurement raises, and WorkerDiedError if the worker
    died.

    Attributes:
        path: the record.
        standing: the progress after the last call.
    """

    def __init__(
        self,
        prepared: Prepared,
        out: Path,
        resume: bool,
        on_step: Callable[[Step], None],
        circumstances: Circumstances,
    ) -> None:
        self.path, self.standing = record_path(prepared, out), Standing()
        self._key, self._on_step = prepared.key, on_step
        self._task = _Task(prepared, out, resume, circumstances)
        self._process: BaseProcess | None = None
        self._pipe: Connection[_Request, object] | None = None

    def open(self) -> None:
        """Start the worker and call Measurement.open() in it.

        Raises:
            WorkerDiedError: if it cannot be started, or died.
        """
        try:
            self._process = self._started()  # set only now: close() may end only what was started
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self._not_started(error)) from error
        self._call("open")

    def _started(self) -> BaseProcess:
        context = process_context()
        own, worker_end = context.Pipe()
        # On Windows this is a PipeConnection, with the same methods.
        self._pipe = cast("Connection[_Request, object]", own)
        process = context.Process(target=_work, args=(worker_end, self._task), daemon=True)
        try:
            process.start()
        finally:
            worker_end.close()
        return process

    def block(self) -> bool:
        """Call Measurement.block() in the worker."""
        return bool(self._call("block"))

    def perfect(self, seconds: float | None) -> None:
        """Call Measurement.perfect() in the worker."""
        self._call("perfect", seconds)

    def half_width(self) -> float | None:
        """Call Measurement.half_width() in the worker."""
        return cast("float | None", self._call("half_width"))

    def end(self, reason: str) -> None:
        """Call Measurement.end() in the worker."""
        self._call("end", reason)

    def close(self) -> None:
        """End the worker; its record contains every finished frame."""
        if self._pipe:
            self._pipe.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.join(timeout=10)
        finally:  # also if a second Ctrl-C interrupts the wait
            if process.is_alive():
                process.kill()

    def _call(self, method: str, *arguments: object) -> object:
        """Call a method of the measurement in the worker; return its result."""
        if self._pipe is None or self._process is None:
            raise RuntimeError(f"{method}() needs a running worker: call open() first")
        try:
            self._pipe.send((method, arguments))
            while isinstance(answer := self._pipe.recv(), Step | Standing):
                self._receive_progress(answer)
        except (EOFError, OSError) as error:
            raise WorkerDiedError(self._died(self._process)) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _receive_progress(self, progress: Step | Standing) -> None:
        if isinstance(progress, Standing):
            self.standing = progress
        else:
            self._on_step(progress)

    def _not_started(self, error: Exception) -> str:
        return (
            f"{self._key}: its process could not be started ({error}). The server that starts "
            "processes has ended, or the system allows no more processes or no more memory. Close "
            "other programs and run again with --resume, or use --no-isolate."
        )

    def _died(self, process: BaseProcess) -> str:
        process.join(timeout=10)
        kept = "Every finished frame is kept in" if is_file(self.path) else "There is no record"
        return (
            f"{self._key}: its process {_end_of(process.exitcode)} {kept} {self.path}. Run again "
            "with --resume to continue."
        )


def _end_of(code: int | None) -> str:
    """Return why a process ended, in words.

    Args:
        code: its exit code; the negative number of a signal if one ended it, None if unknown.
    """
    if code is None or code >= 0:
        return f"ended unexpectedly (exit code {code})."
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return (
            "was killed by SIGKILL, as the system does when it runs out of memory. Close other "
            "programs, or run fewer entries at a time (--no-interleave)."
        )
    return (
        f"was ended by {name}, in most cases a fault in the native code of a runtime. Try another "
        "--runtime or version of it."
    )


def _work(pipe: "Connection[object, _Request]", task: _Task) -> None:
    """Run the worker: answer the calls of the parent until it closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C does
    memory.be_ended_first()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    measurement: Measurement | None = None
    try:
        while True:
            method, arguments = pipe.recv()
            try:
                if measurement is None:
                    measurement = _measurement(pipe, task)
                answer: object = getattr(measurement, method)(*arguments)
                pipe.send(measurement.standing)
            except PoseMarkError as error:
                answer = error
            except Exception as error:
                answer = _answer(error, task)
            pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        if measurement:
            measurement.close()


def _answer(error: Exception, task: _Task) -> Exception:
    """Return what the parent raises for an error that is not the user's."""
    if memory.ran_out(error):
        return WorkerDiedError(
            f"{task.prepared.key}: the memory of its process ran out ({error}). {memory.REMEDY} "
            "Every finished frame is kept. Run again with --resume to continue."
        )
    # a bug; the parent shows where it is
    return RuntimeError(f"in the worker process:\n{traceback.format_exc()}")


def _end_with_parent() -> None:
    """End this process soon after its parent.

    A worker ends in order when it next uses the pipe, which may be minutes later while it builds a
    network. The thread of this function waits without using the processor.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    time.sleep(_GRACE)
    os._exit(1)


_GRACE = 5.0
"""Seconds that a worker has to end in order after the end of its parent."""


def _measurement(pipe: "Connection[object, _Request]", task: _Task) -> Measurement:
    return Measurement(task.prepared, task.out, task.resume, pipe.send, task.circumstances)
