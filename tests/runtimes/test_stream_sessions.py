"""Sessions that infer at the same time, and runtimes that cannot."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from posemark.core.errors import UsageError
from posemark.core.target import Target
from posemark.runtimes._torch_eager import TorchSession
from posemark.runtimes.registry import installed, require, runtimes
from posemark.runtimes.stream_sessions import StreamSessions

PATIENCE = 20.0


class Session:
    runtime, precision, device = "fake", "fp32", "cpu"

    def __init__(self, together):
        self.together, self.inside, self.shapes = together, 0, []

    def prepare(self, shape):
        self.shapes.append(shape)

    def infer(self, batch):
        self.inside += 1
        assert self.inside == 1, "two threads use one session"
        self.together.wait(PATIENCE)
        self.inside -= 1
        return {"maps": batch}


def in_threads(count, act):
    errors = []

    def safely(number):
        try:
            act(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=safely, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not errors


def test_every_thread_has_a_session_of_its_own_while_it_infers():
    together = threading.Barrier(3)
    sessions = StreamSessions([Session(together) for _ in range(3)])
    batch = np.zeros((1, 3, 8, 8), np.float32)

    def infer(number):
        for _ in range(20):
            assert sessions.infer(batch)["maps"] is batch

    in_threads(3, infer)
    assert (sessions.runtime, sessions.precision, sessions.device) == ("fake", "fp32", "cpu")


def test_every_session_is_prepared_for_a_shape():
    own = [Session(None) for _ in range(2)]
    StreamSessions(own).prepare((1, 3, 8, 8))
    assert [each.shapes for each in own] == [[(1, 3, 8, 8)]] * 2


class Broken(Session):
    def infer(self, batch):
        raise MemoryError


def test_a_session_that_failed_is_free_again():
    sessions = StreamSessions([Broken(None)])
    for _ in range(2):
        with pytest.raises(MemoryError):
            sessions.infer(np.zeros(1))


class Counting(torch.nn.Module):
    """Returns the number of threads that torch has where it runs."""

    def forward(self, pixels):
        return {"threads": torch.full((1,), float(torch.get_num_threads()))}


def test_torch_has_the_threads_of_the_session_in_every_thread():
    usual = torch.get_num_threads()
    try:
        sessions = StreamSessions([TorchSession(Counting(), 2) for _ in range(2)])
        torch.set_num_threads(4)  # as the sentinel does

        def infer(number):
            torch.set_num_threads(4)  # as another session in this thread may have done
            assert sessions.infer(np.zeros((1, 3, 8, 8), np.float32))["threads"] == [2]
            assert torch.get_num_threads() == 2

        in_threads(2, infer)
        assert torch.get_num_threads() == 4, "the number of this thread is unchanged"
    finally:
        torch.set_num_threads(usual)


@pytest.mark.parametrize("name", installed())
def test_a_runtime_has_several_streams_or_says_why_not(name):
    target = Target(name, streams=2)
    why = runtimes()[name].one_stream
    if not why:
        require(target)
        return
    with pytest.raises(UsageError, match=f"{name} on cpu cannot process 2 frames.*{why}"):
        require(target)
    require(replace(target, streams=1))


def test_compiled_torch_has_one_stream():
    with pytest.raises(UsageError, match=r"holds Python's interpreter lock.*--runtime torch or"):
        require(Target("torch-compile", streams=2))
