"""Starts child processes quickly: a server has already loaded the heavy libraries."""

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from typing import Any

from posemark.measure.environment import wait_passively

_PRELOADED = ["torch", "cv2", "posemark.run.worker"]


def process_context() -> Any:
    """The multiprocessing context in which child processes are started.

    They are forked from a server that has loaded the libraries.
    """
    wait_passively()  # it sets variables that the server reads when it loads torch
    # Windows has no fork server. "spawn" is slower and otherwise the same.
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload(_PRELOADED)
        _start_server()
    return context


def _start_server() -> None:
    """Start the server with Ctrl-C blocked, because it ignores Ctrl-C only after loading.

    The server inherits the signal mask. If it cannot be started, the first child process cannot
    either, and that error is the one that is explained.
    """
    with suppress(OSError):
        # The server would start the tracker, and starting the tracker unblocks the signals.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
