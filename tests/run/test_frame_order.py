"""The order of the frames of a run."""

from itertools import islice

from posemark.measure.camera import Camera
from posemark.run.frame_order import Feed

MS = 1_000_000


def test_each_frame_once_then_it_is_over():
    feed = Feed([1, 2, 3], repeat=False, camera=None)
    assert not feed.over
    assert list(feed) == [1, 2, 3]
    assert feed.over
    assert list(feed) == []


def test_reading_continues_after_a_pause():
    feed = Feed([1, 2, 3], repeat=False, camera=None)
    assert list(islice(feed, 2)) == [1, 2]
    assert list(feed) == [3]


def test_round_and_round():
    feed = Feed([1, 2, 3], repeat=True, camera=None)
    assert list(islice(feed, 7)) == [1, 2, 3, 1, 2, 3, 1]
    assert not feed.over


def test_the_camera_takes_frame_after_frame_and_drops_those_without_time():
    feed = Feed([1, 2, 3], repeat=False, camera=Camera(10, rest=lambda _: None))
    seen = []
    for frame in islice(feed, 5):
        seen.append((frame, feed.shot.index, feed.shot.skipped))
        feed.handled(250 * MS)
    assert seen == [(1, 0, 0), (3, 2, 1), (3, 5, 2), (2, 7, 1), (2, 10, 2)]
    assert not feed.over


def test_nothing_to_hand_out_is_over_at_once():
    assert Feed([], repeat=False, camera=None).over
