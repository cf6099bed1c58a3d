"""One thread a test process: two workers on two cores would otherwise wait for each other."""

import os
import signal

import pytest

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def stoppable():
    """The command, whose end ignores Ctrl-C for the rest of its process, is called in this one."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
