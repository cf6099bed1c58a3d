"""Starts child processes quickly: a server has already loaded the heavy libraries."""

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from typing import TYPE_CHECKING

from posemark.measure.environment import wait_passively

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_PRELOADED = ["torch", "cv2", "posemark.run.worker"]


def process_context() -> "ForkServerContext | SpawnContext":
    """The multiprocessing context in which child processes are started.

    They are forked from a server that has loaded the libraries. Windows has no such server: there
    each process loads the libraries itself, which is slower and otherwise the same.
    """
    wait_passively()  # it sets variables that the server reads when it loads torch
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
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
