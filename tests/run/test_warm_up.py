"""The warm-up of a pipeline, and the time of a frame that is expected after it."""

import numpy as np
import pytest

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame
from posemark.run import warm_up


class _Pipeline:
    """Prepares frames by a clock of its own: the first in 500 ns, others in 20, and again in 5."""

    def __init__(self, unreadable=(), unusable=()):
        self.unreadable, self.unusable, self.now, self.prepared = unreadable, unusable, 0, []

    def prepare(self, frame, boxes):
        known = [place for place, _ in self.prepared]
        self.now += 500 if not known else 5 if frame.image_id in known else 20
        self.prepared.append((frame.image_id, len(boxes)))
        if frame.image_id in self.unreadable:
            raise FrameError("not an image")
        return frame.image_id

    def process(self, work):
        if work in self.unusable:
            raise FrameError("no output")
        self.now += 100
        return 100


def _expected_ns(pipeline, monkeypatch, people=(3, 1, 3), passes=1):
    frames = [
        (Frame(i, "", 8, 8, lambda: None), Boxes(np.zeros((n, 4)), np.ones(n), "truth"), n)
        for i, n in enumerate(people)
    ]
    monkeypatch.setattr(warm_up, "now_ns", lambda: pipeline.now)
    monkeypatch.setattr(warm_up, "warm_up", lambda work, process: process(work))
    return round(warm_up.warm_up_pipeline(pipeline, frames, lambda: 4.0, passes) * 1e9)


def test_preparing_the_first_frame_is_not_counted_as_it_waits_for_a_cold_disk(monkeypatch):
    pipeline = _Pipeline()
    assert _expected_ns(pipeline, monkeypatch) == 20 + 100 * 4 // 2
    assert pipeline.prepared == [(0, 2), (1, 1), (0, 2)], "with two people at most"


def test_of_many_passes_only_the_first_reads_or_draws_the_frames(monkeypatch):
    assert _expected_ns(_Pipeline(), monkeypatch, passes=5) == (20 + 4 * 5) / 5 + 100 * 4 // 2


def test_the_only_frame_with_people_gives_both_times(monkeypatch):
    assert _expected_ns(_Pipeline(), monkeypatch, people=(0, 2, 0)) == 500 + 100 * 4 // 2


@pytest.mark.parametrize("fault", ["unreadable", "unusable"])
def test_a_frame_that_cannot_be_used_is_passed_over(monkeypatch, fault):
    assert _expected_ns(_Pipeline(**{fault: (0,)}), monkeypatch) == 20 + 100 * 4
    every = _Pipeline(**{fault: (0, 1, 2)})
    assert _expected_ns(every, monkeypatch) == 0
    assert [place for place, _ in every.prepared] == [0, 1, 2]
