"""Sizes of images before they are decoded, and files that would take long to decode."""

import struct

import cv2
import numpy as np
import pytest

from posemark.core.errors import FrameError
from posemark.geometry.image_header import MOST_SCANS, require_whole, segments, size_wh

COMMENT = b"\xff\xfe\0\2"


@pytest.fixture(scope="module")
def progressive():
    picture = np.zeros((16, 24), np.uint8)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()


def with_scans(jpeg, count, before=b""):
    """Return a progressive JPEG with its last scan repeated until there are so many."""
    end = jpeg.rindex(b"\xff\xd9")
    last = jpeg[jpeg.rindex(b"\xff\xda") : end]
    repeated = (before + last) * (count - jpeg.count(b"\xff\xda"))
    return jpeg[:end] + repeated + jpeg[end:]


def test_a_progressive_image_has_few_scans(progressive):
    require_whole(progressive, "made")
    require_whole(with_scans(progressive, MOST_SCANS), "made")
    with pytest.raises(FrameError, match=r"made: expected a JPEG of at most 100 scans"):
        require_whole(with_scans(progressive, MOST_SCANS + 1), "made")


def test_scans_are_counted_behind_an_end_marker_inside_a_segment(progressive):
    hiding = b"\xff\xfe\0\4\xff\xd9"
    with pytest.raises(FrameError, match=r"of at most 100 scans"):
        require_whole(with_scans(progressive, MOST_SCANS + 1, hiding), "made")


def test_scans_behind_the_end_of_the_image_do_not_count(progressive):
    require_whole(progressive + b"\xff\xda" * 1000, "made")


@pytest.mark.parametrize("junk", [b"x", b"\xff", b"\xff\0", COMMENT], ids=repr)
def test_an_endless_header_is_no_image(junk, progressive):
    long = progressive[:2] + junk * (2**22 // len(junk)) + progressive[-2:]
    assert len(list(segments(long))) <= 2**18
    for check in (size_wh, require_whole):
        with pytest.raises(FrameError, match="made: "):
            check(long, "made")


def test_bytes_between_segments_are_skipped(progressive):
    junk = b"x\xff\0\xff\x01\xff\xd0y"
    assert size_wh(progressive[:2] + junk + progressive[2:], "made") == (24, 16)
    markers = [segment.marker for segment in segments(progressive)]
    assert markers[-1] == 0xDA
    assert 0xC2 in markers


def test_an_endless_number_of_chunks_is_no_image():
    empty = struct.pack(">I4sI", 0, b"none", 0)
    with pytest.raises(FrameError, match="no end chunk"):
        require_whole(b"\x89PNG\r\n\x1a\n" + empty * 2**18 + b"\0\0\0\0IEND\0\0\0\0", "made")
