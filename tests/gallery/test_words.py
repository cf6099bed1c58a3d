"""What went wrong in a frame, in words."""

from dataclasses import replace

import numpy as np
import pytest

import made_gallery
from made_gallery import exact, moved, scenes, without
from posemark.core.skeleton import COCO_17
from posemark.gallery.words import size_of_people, what_went_wrong

SEVERAL = next(frame for frame in scenes() if len(exact(frame)) >= 3)
ALONE = next(frame for frame in scenes() if len(exact(frame)) == 1)


@pytest.fixture
def said(tmp_path):
    made = made_gallery.made(tmp_path)

    def say(which, change):
        path = made.record("one@gt", lambda frame, p: change(p) if frame is which else p)
        return what_went_wrong(made_gallery.judged(path).frames[which.image_id])

    return say


def test_nothing_went_wrong(said):
    assert said(SEVERAL, lambda poses: poses) == "all key points are near the truth"


def test_missed_people_are_counted(said):
    people = len(exact(SEVERAL))
    assert said(SEVERAL, lambda poses: without(poses, 0)) == f"1 of {people} people missed"
    assert said(ALONE, lambda poses: without(poses, 0)) == "the person is missed"


def test_spurious_poses_are_counted(said):
    far = said(SEVERAL, lambda poses: moved(poses, 4000.0))
    people = len(exact(SEVERAL))
    assert far == f"{people} of {people} people missed; {people} spurious poses"


def test_key_points_that_are_off_are_named(said):
    labelled = np.flatnonzero(exact(ALONE).keypoint_scores[0])
    first, second = labelled[0], labelled[-1]

    def off(poses):
        points = poses.keypoints_xy.copy()
        points[0, [first, second]] += 500.0
        return replace(poses, keypoints_xy=points)

    names = [COCO_17.keypoints[at].replace("_", " ") for at in (first, second)]
    assert said(ALONE, off) == f"off: {names[0]}, {names[1]}"


def test_many_key_points_are_counted(said):
    labelled = np.flatnonzero(exact(ALONE).keypoint_scores[0])

    def off(poses):
        points = poses.keypoints_xy.copy()
        points[0, labelled[:7]] += 500.0
        return replace(poses, keypoints_xy=points)

    assert said(ALONE, off).endswith(" and 3 more")


def test_exchanged_sides_are_said(said):
    def mirrored(poses):
        order = list(COCO_17.mirrored())
        return replace(
            poses,
            keypoints_xy=poses.keypoints_xy[:, order],
            keypoint_scores=poses.keypoint_scores[:, order],
        )

    words = said(SEVERAL, mirrored)
    assert "left and right exchanged" in words


def test_the_size_of_people_is_that_of_their_boxes(tmp_path):
    entry = made_gallery.judged(made_gallery.made(tmp_path).record("one@gt"))
    height = round(ALONE.truth.boxes_xywh[0, 3])
    assert size_of_people(entry.frames[ALONE.image_id]) == f"1 person, {height} px tall"
    heights = SEVERAL.truth.boxes_xywh[entry.frames[SEVERAL.image_id].counted, 3]
    words = size_of_people(entry.frames[SEVERAL.image_id])
    assert words == f"{len(heights)} people, {min(heights):.0f} to {max(heights):.0f} px tall"
