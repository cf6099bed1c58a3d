"""How processes of their own start: quickly, with the heavy libraries loaded already."""

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from typing import Any

from posemark.measure.environment import wait_passively

_PRELOADED = ["torch", "cv2", "posemark.run.worker"]


def process_context() -> Any:
    """How processes start: forked from a server that has the libraries loaded."""
    wait_passively()  # the server reads it when it loads torch
    # "spawn" where there is no fork server (Windows): slower, the same otherwise.
    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload(_PRELOADED)
        _start_server()
    return context


def _start_server() -> None:
    """With Ctrl-C held off: it protects itself only once it has loaded the libraries.

    A mask of signals is handed down to it. What cannot be started is explained where the first
    process is asked for.
    """
    with suppress(OSError):
        resource_tracker.ensure_running()  # which the server starts, and which lifts the mask
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
