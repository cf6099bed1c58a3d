"""Cameras, with a test double of a camera: this machine may have none."""

import itertools

import cv2
import numpy as np
import pytest

import posemark
from made_streams import RED, finder, picture
from posemark.core.errors import DataError
from posemark.predict import cameras


class Capture:
    """A camera that gives ten pictures."""

    def __init__(self, number):
        self.number, self.left, self.released = number, 10, False
        OPENED.append(self)

    def isOpened(self):  # noqa: N802 (OpenCV's name)
        return self.number == 0

    def set(self, _property, _value):
        return True

    def grab(self):
        self.left -= 1
        return self.left >= 0

    def retrieve(self):
        return True, picture({RED: (200 - 10 * self.left, 100)})

    def release(self):
        self.released = True


OPENED = []


@pytest.fixture(autouse=True)
def camera(monkeypatch):
    OPENED.clear()
    ticks = itertools.count(step=100_000_000)
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    monkeypatch.setattr(cameras, "now_ns", lambda: next(ticks))


def test_a_camera_is_followed_until_it_gives_no_picture_any_more():
    said = []
    frames = list(posemark.track(finder(), "camera:0", say=said.append))
    assert [frame.index for frame in frames] == list(range(10))
    assert np.allclose([frame.time_s for frame in frames], np.arange(1, 11) / 10)
    assert {frame.name for frame in frames} == {"camera:0"}
    assert {tuple(frame.poses.ids) for frame in frames} == {(0,)}
    assert said == ["camera 0 gives no picture any more. Connect it again, and run again."]
    assert OPENED[0].released


def test_a_part_of_what_a_camera_sees():
    frames = posemark.track(finder(), "camera:0", start_s=0.25, end_s=0.9, step=2)
    assert [frame.index for frame in frames] == [2, 4, 6]
    assert OPENED[0].released


def test_a_camera_is_released_if_the_loop_ends_early():
    for frame in posemark.track(finder(), "camera:0"):
        if frame.index == 3:
            break
    del frame
    assert OPENED[0].released


def test_a_camera_that_is_not_there_is_an_error():
    with pytest.raises(DataError, match="camera:7: there is no such camera"):
        posemark.track(finder(), "camera:7")
