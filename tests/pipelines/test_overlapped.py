"""Items are processed at the same time, and their results come in order."""

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from posemark.core.errors import UsageError
from posemark.pipelines.overlapped import (
    WAITING,
    Streams,
    require_any_order,
    require_own_image,
)
from posemark.pipelines.people import GIVEN

PATIENCE = 20.0
"""Seconds after which a test fails that waits for another thread."""


@pytest.fixture(autouse=True)
def no_thread_stays():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_results_come_in_the_order_of_the_items_whichever_is_finished_first():
    second_done = threading.Event()

    def process(stream, item):
        if item == 0:
            assert second_done.wait(PATIENCE), "the second item was not processed meanwhile"
        if item == 1:
            second_done.set()
        return item * item

    with Streams(2, process) as streams:
        assert list(streams.run(range(50))) == [item * item for item in range(50)]


def test_as_many_items_as_there_are_streams_are_in_flight_at_the_same_time():
    together = threading.Barrier(3)

    def process(stream, item):
        together.wait(PATIENCE)
        return stream

    with Streams(3, process) as streams:
        assert sorted(streams.run(range(3))) == [0, 1, 2]


def test_no_more_items_are_taken_than_may_wait_for_the_oldest():
    go, taken = threading.Event(), []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    def process(stream, item):
        if item == 0:
            assert go.wait(PATIENCE)
        return item

    with Streams(2, process) as streams:
        results = streams.run(items())
        threading.Timer(0.2, go.set).start()
        assert next(results) == 0
        assert len(taken) <= 2 * WAITING + 1, "the first result was not there before"
        assert list(results) == list(range(1, 100))


def test_an_error_arrives_in_its_place_and_the_rest_is_left_out():
    begun = []

    def process(stream, item):
        begun.append(item)
        time.sleep(0.001)
        if item == 3:
            raise OSError("the device is gone")
        return item

    with Streams(2, process) as streams:
        results = streams.run(range(100))
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="the device is gone"):
            next(results)
    assert max(begun) < 20


def test_a_caller_that_stops_early_does_not_wait_for_the_items_that_were_not_begun():
    def process(stream, item):
        return item

    with Streams(2, process) as streams:
        for _ in streams.run(range(10**9)):
            break
        assert list(streams.run("ab")) == ["a", "b"], "the streams can be used again"


def test_an_error_of_the_items_ends_the_run():
    def items():
        yield 1
        raise OSError("the camera is gone")

    streams = Streams(2, lambda stream, item: item)
    with streams, pytest.raises(OSError, match="the camera is gone"):
        list(streams.run(items()))


@dataclass
class Follower:
    remembers: bool = True


def test_people_who_are_followed_need_their_frames_one_after_the_other():
    require_any_order(GIVEN)
    with pytest.raises(UsageError, match="several frames cannot be processed at the same time"):
        require_any_order(Follower())


def test_the_next_picture_of_a_video_cannot_be_decoded_beside_another():
    require_own_image(b"a JPEG file")
    with pytest.raises(UsageError, match="the pictures of a video are decoded one after the other"):
        require_own_image(lambda: np.zeros((4, 4, 3), np.uint8))
