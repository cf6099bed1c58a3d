"""The main program of run.py."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posemark.bundle.runner.bundled import Bundle
from posemark.bundle.runner.choice import Choice, parsed
from posemark.bundle.runner.console import Console
from posemark.bundle.runner.found_engines import probe
from posemark.bundle.runner.supervise import Supervisor, entries_named
from posemark.bundle.runner.worker import STOPPED, work
from posemark.core.errors import PoseMarkError
from posemark.core.telemetry import report_no_use

WRONG = 2
"""Exit code of wrong usage and of a damaged bundle."""


def main(bundle: Bundle, script: Path, arguments: Sequence[str] | None = None) -> int:
    """Run the command line of run.py.

    Args:
        bundle: what run.py was generated with.
        script: the file run.py itself, in the folder of the bundle.
        arguments: the command line; None for that of this process.

    Returns:
        The exit code: 0, 1 if an entry failed, WRONG, or STOPPED after Ctrl-C and if the output
        is closed.
    """
    report_no_use()
    given = sys.argv[1:] if arguments is None else arguments
    try:
        choice = parsed(bundle, given)
        if choice.probe is not None:
            sys.stdout.write(probe(choice.probe) + "\n")
            return 0
        if choice.worker is not None:
            (entry,) = entries_named(bundle, [choice.worker])
            return work(bundle, entry, choice, script.parent)
        return _supervised(bundle, choice, script)
    except PoseMarkError as error:
        Console(sys.stderr).say(f"error: {error}")
        return WRONG
    except BrokenPipeError:  # nobody reads on, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STOPPED


def _supervised(bundle: Bundle, choice: Choice, script: Path) -> int:
    def stop(number: int, frame: Any) -> None:  # noqa: ARG001 - as signal calls it
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as the head of run.py has set it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return Supervisor(bundle, choice, script).run()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Console(sys.stderr).say(
            f"Stopped. Every finished frame is kept in {choice.out}. Run again to continue."
        )
        return STOPPED
