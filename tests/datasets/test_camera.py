"""Cameras, with a stand-in for OpenCV's capture: the machines of these tests have no camera."""

import cv2
import numpy as np
import pytest

from posemark.core.errors import DataError, FrameError, UsageError
from posemark.datasets import camera, open_dataset
from posemark.geometry.crop import decoded


class Capture:
    """A camera that gives its running number as the value of every pixel."""

    open_ones = 0

    def __init__(self, number):
        self.there = number == 0 and not Capture.open_ones
        Capture.open_ones += self.there
        self.taken, self.settings, self.ends = 0, {}, 1000

    def isOpened(self):  # noqa: N802 (OpenCV's name)
        return self.there

    def set(self, key, value):
        self.settings[key] = value

    def grab(self):
        self.taken += 1
        return self.taken <= self.ends

    def retrieve(self):
        return True, np.full((48, 64, 3), self.taken, np.uint8)

    def release(self):
        Capture.open_ones -= self.there
        self.there = False


@pytest.fixture(autouse=True)
def connected(monkeypatch):
    Capture.open_ones = 0
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    camera._camera.cache_clear()
    yield
    camera._camera.cache_clear()


def test_a_frame_waits_for_a_picture_and_its_call_decodes_that_picture():
    frames = open_dataset("camera:0").frames()
    assert (len(frames), frames[0].size_wh, len(frames[0].truth)) == (1000, (64, 48), 0)
    for frame in (frames[0], frames[1], frames[1], frames[0]):
        encoded = frame.read()
        first = decoded(encoded, frame)
        assert first.shape == (48, 64, 3)
        assert (decoded(encoded, frame) == first).all(), "a detector may look at it before"
    assert first[0, 0, 0] == 4, "every frame is a new picture"


def test_only_the_newest_picture_is_kept():
    open_dataset("camera:0").frames()[0].read()
    assert camera._camera(0)._capture.settings == {cv2.CAP_PROP_BUFFERSIZE: 1}


def test_the_size_is_found_without_keeping_the_camera():
    open_dataset("camera:0").frames()
    assert Capture.open_ones == 0, "a worker process must be able to open it"


def test_no_such_camera_is_an_error_that_says_what_to_do():
    with pytest.raises(DataError, match=r"camera:3: there is no such camera.* numbered from 0"):
        open_dataset("camera:3").frames()


def test_a_camera_that_is_in_use_is_not_opened_twice():
    Capture.open_ones = 1
    with pytest.raises(
        DataError, match="another program uses it.* In `posemark run`, name one entry"
    ):
        open_dataset("camera:0").frames()


def test_a_camera_that_is_unplugged_fails_its_frame():
    frames = open_dataset("camera:0").frames()
    frames[0].read()
    camera._camera(0)._capture.ends = 1
    with pytest.raises(FrameError, match="gives no picture any more"):
        frames[1].read()


@pytest.mark.parametrize("text", ["camera:front", "camera:-1", "camera:12345", "camera:\u0663"])
def test_a_camera_is_named_by_its_number(text):
    with pytest.raises(UsageError, match="expected the number of a camera, such as camera:0"):
        open_dataset(text)
