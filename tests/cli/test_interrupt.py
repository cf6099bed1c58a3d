"""Ctrl-C: one line, and nothing left running, however often it is pressed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from posemark.cli import interrupt

MODELS = ("naive-litehrnet-18-256x192", "wider-naive-litehrnet-18-256x192")
UNMEASURED = """
from posemark.cli import machine, main
machine.peak_figures = lambda *_: None
main()
"""


def test_a_stop_is_said_and_a_second_one_changes_nothing(capsys):
    def stop_twice():
        with interrupt.message_on_interrupt("stopped. To go on, ..."):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)

    with pytest.raises(typer.Exit) as left:
        stop_twice()
    os.kill(os.getpid(), signal.SIGINT)
    assert left.value.exit_code == 130
    assert capsys.readouterr().err == "\nstopped. To go on, ...\n"


def test_what_must_not_be_left_half_done_is_done_before_ctrl_c_takes_effect():
    done = []

    def stopped():
        with interrupt.delayed():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            done.append("all")
        done.append("more")

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert done == ["all"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait():
    def stopped():
        with interrupt.delayed():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        stopped()


def started(code, *arguments, **environment):
    """A process in a group of its own, as a shell makes one of a command."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
    )


def test_a_run_that_is_stopped_twice_in_the_midst_of_frames_ends_with_its_one_line(tmp_path):
    out = tmp_path / "run"
    process = started(UNMEASURED, "run", *MODELS, "--threads", 1, "--out", out)
    while process.poll() is None and not any(b"image_id" in p.read_bytes() for p in out.glob("*l")):
        time.sleep(0.05)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        time.sleep(0.05)
    said, error = process.communicate(timeout=60)
    last = error.rstrip("\n").rpartition("\n")[2]
    assert last.startswith("stopped. Every finished frame is kept in "), error
    assert "Traceback" not in error
    assert "Exception" not in error
    assert said == ""
    assert process.returncode == 130


def test_a_stop_after_the_command_is_over_breaks_into_no_handler_of_the_exit():
    """As libraries register them: torch has several."""
    code = """
import atexit, os, signal, time
atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(0.2)))
import sys
sys.argv[1:] = ["--version"]
from posemark.cli import main
main()
"""
    process = started(code)
    said, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    assert said


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no fork server")
def test_a_stop_while_the_server_of_processes_loads_its_libraries_is_none_of_its_business(tmp_path):
    (tmp_path / "slow.py").write_text("import time; time.sleep(2)", encoding="utf-8")
    code = """
import os, signal, time
from multiprocessing import forkserver
from posemark.machine import processes
processes._PRELOADED = ["slow"]
context = processes.process_context()
server = forkserver._forkserver._forkserver_pid
time.sleep(1)
os.kill(server, signal.SIGINT)
process = context.Process(target=print, args=("here",))
process.start()
process.join()
assert forkserver._forkserver._forkserver_pid == server
"""
    path = os.pathsep.join([str(tmp_path), *sys.path])
    process = started(code, PYTHONPATH=path)
    said, error = process.communicate(timeout=60)
    assert (said, error, process.returncode) == ("here\n", "", 0)


def test_the_first_stop_lets_the_block_end_in_order_and_the_second_does_not():
    seen = []
    with interrupt.first_stop() as stopped:
        seen.append(stopped())
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        seen.append(stopped())
    assert seen == [False, True]
    with pytest.raises(KeyboardInterrupt):
        stop_twice_in_a_block()


def stop_twice_in_a_block():
    with interrupt.first_stop():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
