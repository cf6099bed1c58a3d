"""EXIF orientations, held to what OpenCV does when it obeys the tag itself."""

import struct

import cv2
import numpy as np
import pytest

from posemark.geometry.orientation import UPRIGHT, orientation_of, upright


def with_exif(jpeg, orientation, order="<"):
    """Return the JPEG with an EXIF segment of one tag before its other segments."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = head + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.fixture(scope="module")
def jpeg():
    picture = np.zeros((40, 64, 3), np.uint8)
    picture[:10, :30] = (0, 0, 255)
    picture[30:, 50:] = (255, 0, 0)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def stored(encoded):
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_opencv_turns_it(jpeg, orientation, order):
    encoded = with_exif(jpeg, orientation, order)
    seen = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert orientation_of(encoded) == orientation
    assert np.array_equal(upright(stored(encoded), orientation), seen)


def test_files_that_do_not_say_are_upright(jpeg):
    png = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    nonsense = with_exif(jpeg, 77)
    cut = with_exif(jpeg, 6)[:30]
    for encoded in (jpeg, png, nonsense, cut, b"", b"\xff\xd8"):
        assert orientation_of(encoded) == UPRIGHT


def test_a_directory_that_claims_too_many_entries_is_no_error(jpeg):
    encoded = bytearray(with_exif(jpeg, 6))
    at = encoded.index(b"II*\0")
    encoded[at + 8 : at + 10] = b"\xff\xff"
    encoded[at + 10 : at + 12] = b"\0\0"  # another tag than the orientation
    assert orientation_of(bytes(encoded)) == UPRIGHT
