"""A measurement in a process of its own: its memory is its own, and so is its end.

A server process that has the libraries loaded forks one worker an entry; a worker measures a
block whenever it is told to, and sleeps while others have their turn.
"""

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from posemark.core.errors import PoseMarkError, RunError
from posemark.datasets import open_dataset
from posemark.jobs.measurement import Circumstances, Measurement, Step, record_path
from posemark.jobs.plan import Job
from posemark.jobs.prepare import Prepared, prepare_job
from posemark.measure.environment import wait_passively

_PRELOADED = ["torch", "cv2", "posemark.jobs.isolated"]


@dataclass(frozen=True)
class _Task:
    """What a worker is told: everything it cannot find out for itself."""

    job: Job
    out: Path
    resume: bool
    circumstances: Circumstances


def process_context() -> Any:
    """How processes start: forked from a server that has the libraries loaded."""
    wait_passively()  # the server reads it when it loads torch
    # "spawn" where there is no fork server (Windows): slower, the same otherwise.
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload(_PRELOADED)
    return context


class Isolated:
    """Measurement's twin on this side of the pipe: open(), block(), close()."""

    def __init__(
        self,
        prepared: Prepared,
        out: Path,
        resume: bool,
        on_step: Callable[[Step], None],
        circumstances: Circumstances,
    ) -> None:
        self.path = record_path(prepared, out)
        self._key, self._on_step = prepared.key, on_step
        self._task = _Task(prepared.job, out, resume, circumstances)
        self._process: Any = None
        self._pipe: Connection | None = None

    def open(self) -> None:
        """Start the worker and let it build its network.

        Raises:
            PoseMarkError: what the worker ran into; RunError if it died.
        """
        context = process_context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self._task), daemon=True)
        self._process.start()
        theirs.close()
        self._ask("open")

    def block(self) -> bool:
        """As Measurement.block(); raises as open() does."""
        return self._ask("block")

    def close(self) -> None:
        """End the worker; its record is complete up to its last frame."""
        if self._process is None:
            return
        if self._pipe:
            self._pipe.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.kill()
        self._process = None

    def _ask(self, what: str) -> bool:
        try:
            self._pipe.send(what)
            while isinstance(answer := self._pipe.recv(), Step):
                self._on_step(answer)
        except (EOFError, OSError) as error:
            raise RunError(self._obituary()) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _obituary(self) -> str:
        self._process.join(timeout=10)
        code = self._process.exitcode
        died = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else "ended"
        return (
            f"{self._key}: its process {died} unexpectedly. Out of memory is the usual reason: "
            "close other programs or run fewer entries at a time (--no-interleave). Every "
            f"finished frame is kept in {self.path}; --resume goes on."
        )


def _work(pipe: Connection, task: _Task) -> None:
    """The worker: does as it is told until the other side hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side decides what Ctrl-C means
    measurement: Measurement | None = None
    try:
        while True:
            order = pipe.recv()
            try:
                if measurement is None:
                    measurement = _measurement(pipe, task)
                answer = measurement.block() if order == "block" else measurement.open()
            except PoseMarkError as error:
                answer = error
            except Exception:  # a bug: its place must reach the reader
                answer = RuntimeError(f"in the worker process:\n{traceback.format_exc()}")
            pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        if measurement:
            measurement.close()


def _measurement(pipe: Connection, task: _Task) -> Measurement:
    dataset = open_dataset(task.job.options.data)
    prepared = prepare_job(task.job, dataset, dataset.frames())
    return Measurement(prepared, task.out, task.resume, pipe.send, task.circumstances)
