"""Smoothed key points of people, who are followed by others or here."""

from dataclasses import replace

import numpy as np
import pytest

from made_streams import BLUE, BODY, RED, SpotPipeline, picture
from posemark.core.errors import UsageError
from posemark.core.frame import NOBODY, Moment
from posemark.pipelines.follow import Tracked
from posemark.pipelines.people import GIVEN
from posemark.pipelines.smoothed import Smoothed
from posemark.tracking.tracker import Tracker


def poses(pipeline, spots, index, clip=0):
    moment = Moment(clip, index, index / 10)
    return pipeline.poses(picture(spots), NOBODY, moment)


def test_ids_of_other_people_are_kept():
    class Followed(type(GIVEN)):
        def saw(self, boxes, poses, moment):
            return replace(poses, ids=np.array([7], np.int64))

    pipeline = replace(SpotPipeline(), people=Smoothed(Followed()))
    assert poses(pipeline, {RED: (100, 100)}, 0).ids.tolist() == [7]


def test_smoothed_people_tremble_less():
    rng = np.random.default_rng(0)
    places = list(rng.normal((160, 100), 2, (40, 2)))
    plain = replace(SpotPipeline(), people=Tracked(GIVEN, Tracker()))
    smooth = replace(SpotPipeline(), people=Smoothed(GIVEN))
    tracks = [
        np.array([poses(p, {BLUE: xy}, i).keypoints_xy[0, 0] for i, xy in enumerate(places)])
        for p in (plain, smooth)
    ]
    rough, even = (np.diff(track, n=2, axis=0).std() for track in tracks)
    assert even < rough / 2
    assert np.allclose(tracks[1][20:] - BODY[0], (160, 100), atol=4)


def test_smoothing_begins_again_with_another_clip():
    smooth = replace(SpotPipeline(), people=Smoothed(GIVEN))
    for index in range(5):
        poses(smooth, {RED: (50, 60)}, index)
    found = poses(smooth, {RED: (250, 160)}, 0, clip=1)
    assert np.allclose(found.keypoints_xy[0, 0] - BODY[0], (250, 160), atol=1)


def test_frames_without_a_time_cannot_be_smoothed():
    smooth = replace(SpotPipeline(), people=Smoothed(GIVEN))
    with pytest.raises(UsageError, match=r"needs the time of every frame. .* posemark.track\(\)"):
        smooth.poses(picture({RED: (50, 60)}), NOBODY)
