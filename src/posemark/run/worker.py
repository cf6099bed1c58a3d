"""A measurement in a process of its own: its memory is its own, and so is its end.

A server process that has the libraries loaded forks one worker an entry; a worker measures a
block whenever it is told to, and sleeps while others have their turn.
"""

import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from posemark.core.errors import PoseMarkError, RunError
from posemark.machine.processes import process_context
from posemark.run.measurement import Circumstances, Measurement, Standing, Step, record_path
from posemark.run.prepare import Prepared


@dataclass(frozen=True)
class _Task:
    """What a worker measures. Its inputs have been found and checked; nothing is done twice."""

    prepared: Prepared = field(repr=False)
    out: Path
    resume: bool
    circumstances: Circumstances


class Isolated:
    """Measurement's twin on this side of the pipe, with the same methods.

    standing: of the measurement after what it did last.
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
        self._process: Any = None
        self._pipe: Connection | None = None

    def open(self) -> None:
        """Start the worker and let it build its network.

        Raises:
            PoseMarkError: what the worker ran into; RunError if it died or could not start.
        """
        context = process_context()
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self._task), daemon=True)
        try:
            process.start()
        except (EOFError, OSError) as error:
            raise RunError(self._not_started(error)) from error
        finally:
            theirs.close()
        self._process = process  # only what was started can be ended
        self._ask("open")

    def block(self) -> bool:
        """As Measurement.block(); raises as open() does."""
        return self._ask("block")

    def perfect(self, seconds: float | None) -> None:
        """As Measurement.perfect(); raises as open() does."""
        self._ask("perfect", seconds)

    def half_width(self) -> float | None:
        """As Measurement.half_width(); raises as open() does."""
        return self._ask("half_width")

    def end(self, reason: str) -> None:
        """As Measurement.end(); raises as open() does."""
        self._ask("end", reason)

    def close(self) -> None:
        """End the worker; its record is complete up to its last frame."""
        if self._pipe:
            self._pipe.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.join(timeout=10)
        finally:  # also where a second Ctrl-C ends the waiting
            if process.is_alive():
                process.kill()

    def _ask(self, method: str, *arguments: Any) -> Any:
        try:
            self._pipe.send((method, arguments))
            while isinstance(answer := self._pipe.recv(), Step | Standing):
                self._heard(answer)
        except (EOFError, OSError) as error:
            raise RunError(self._obituary()) from error
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _heard(self, news: Step | Standing) -> None:
        if isinstance(news, Standing):
            self.standing = news
        else:
            self._on_step(news)

    def _not_started(self, error: Exception) -> str:
        return (
            f"{self._key}: its process could not be started ({error or type(error).__name__}): "
            "the server that starts processes has ended, or the system allows no more of them. "
            "Close other programs, then run again with --resume, or use --no-isolate."
        )

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
            method, arguments = pipe.recv()
            try:
                if measurement is None:
                    measurement = _measurement(pipe, task)
                answer = getattr(measurement, method)(*arguments)
                pipe.send(measurement.standing)
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
    return Measurement(task.prepared, task.out, task.resume, pipe.send, task.circumstances)
