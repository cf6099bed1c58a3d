"""The One Euro filter: its formulas, people of all sizes, gaps, and what smoothing does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.core.errors import UsageError
from posemark.core.frame import Moment, Poses
from posemark.core.skeleton import COCO_17
from posemark.geometry.body import body_areas, counted_keypoints, extents
from posemark.tracking.one_euro import FORGET_S, OneEuro
from posemark.tracking.tracker import NO_TRACK
from walkers import poses_at, standing


def with_ids(poses, ids):
    return Poses(poses.keypoints_xy, poses.keypoint_scores, poses.scores, COCO_17, np.array(ids))


def at(index, fps=30.0, clip=0):
    return Moment(clip, index, index / fps)


def body_size(poses):
    boxes = extents(poses.keypoints_xy, counted_keypoints(poses))
    return float(np.sqrt(body_areas(boxes))[0])


def smoothed(people, fps=30.0, **setting):
    """Return (T, 17, 2) the smoothed key points of one person (T, 17, 2)."""
    euro = OneEuro(**setting)
    poses = [with_ids(poses_at([person]), [0]) for person in people]
    return np.array([euro.smooth(p, at(t, fps)).keypoints_xy[0] for t, p in enumerate(poses)])


def plain_filter(x, y, sizes, fps, min_cutoff, beta, derivative_cutoff):
    """The algorithm of the paper for one point, whose speed is measured in body sizes."""

    def alpha(cutoff):
        return 1 / (1 + 1 / (2 * math.pi * cutoff / fps))

    kept, speed, out = (x[0], y[0]), (0.0, 0.0), [(x[0], y[0])]
    for now, size in zip(zip(x[1:], y[1:], strict=True), sizes[1:], strict=True):
        share = alpha(derivative_cutoff)
        speed = tuple(
            share * (a - b) * fps + (1 - share) * s
            for a, b, s in zip(now, kept, speed, strict=True)
        )
        share = alpha(min_cutoff + beta * math.hypot(*speed) / size)
        kept = tuple(share * a + (1 - share) * b for a, b in zip(now, kept, strict=True))
        out.append(kept)
    return np.array(out)


@given(
    st.integers(0, 10_000),
    st.sampled_from([15.0, 30.0, 60.0]),
    st.floats(0.1, 3),
    st.floats(0, 20),
    st.floats(0.3, 3),
)
def test_each_key_point_is_filtered_as_in_the_paper(seed, fps, min_cutoff, beta, derivative_cutoff):
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 5, (12, 1, 2)), 0)
    people = standing(100, 300, 200) + walk + rng.normal(0, 2, (12, 17, 2))
    sizes = [body_size(poses_at([person])) for person in people]
    setting = {"min_cutoff": min_cutoff, "beta": beta, "derivative_cutoff": derivative_cutoff}
    found = smoothed(people, fps, **setting)
    for k in (0, 9, 16):
        expected = plain_filter(*people[:, k].T.tolist(), sizes, fps, **setting)
        np.testing.assert_allclose(found[:, k], expected, rtol=0, atol=1e-9)


def movement(points):
    """Return the RMS of the movement from frame to frame, in pixels."""
    return np.sqrt((np.diff(points, axis=0) ** 2).sum(-1).mean())


def test_a_person_at_rest_trembles_at_most_a_third_as_much():
    size = body_size(poses_at([standing(300, 400, 200)]))
    noise = np.random.default_rng(0).normal(0, 0.015 * size, (200, 17, 2))
    people = standing(300, 400, 200) + noise
    assert movement(smoothed(people)) < movement(people) / 3


def test_a_walker_is_followed_with_a_lag_of_less_than_a_frame():
    size = body_size(poses_at([standing(0, 400, 200)]))
    step = 1.5 * size / 30  # a walking person moves by about 1.5 body sizes per second
    people = np.array([standing(step * t, 400, 200) for t in range(90)])
    behind = (people - smoothed(people))[-1, :, 0].mean() / step
    assert 0 < behind < 1


@given(st.floats(0.05, 20))
def test_one_setting_suits_people_of_all_sizes(zoom):
    rng = np.random.default_rng(0)
    people = standing(100, 300, 200) + np.cumsum(rng.normal(0, 4, (20, 17, 2)), 0)
    np.testing.assert_allclose(smoothed(zoom * people), zoom * smoothed(people), rtol=1e-9)


def test_missing_key_points_stay_as_they_are_and_do_not_spoil_their_filter():
    euro = OneEuro()
    person = standing(300, 400, 200)
    for t in range(6):
        poses = with_ids(poses_at([person]), [0])
        if t == 3:
            poses.keypoints_xy[0, 9] = poses.keypoint_scores[0, 9] = 0
        found = euro.smooth(poses, at(t)).keypoints_xy[0]
        np.testing.assert_allclose(found, poses.keypoints_xy[0], atol=1e-9)


def after_a_gap(gap_s):
    """Return by which share of a jump the filter follows after so many seconds without a pose."""
    euro = OneEuro()
    here, there = standing(300, 400, 200), standing(330, 400, 200)
    for index in range(5):
        euro.smooth(with_ids(poses_at([here]), [0]), at(index))
    for index, share in ((5, 0.5), (6, 1.0)):
        people = [there] if share == 1 else []
        poses = with_ids(poses_at(people), np.zeros(len(people), np.int64))
        back = euro.smooth(poses, Moment(0, index, 4 / 30 + share * gap_s)).keypoints_xy
    return float((back[0] - here)[:, 0].mean()) / 30


def test_a_filter_begins_again_after_a_gap():
    assert after_a_gap(1.1 * FORGET_S) == pytest.approx(1)
    assert after_a_gap(1 / 30) < after_a_gap(0.2) < after_a_gap(0.9 * FORGET_S) < 1


def test_everybody_has_a_filter_of_their_own_whatever_their_order():
    euro = OneEuro()
    one, other = standing(100, 300, 200), standing(400, 300, 150)
    for t in range(6):
        order = [0, 1] if t % 2 else [1, 0]
        poses = with_ids(poses_at(np.array([one, other])[order]), order)
        np.testing.assert_allclose(euro.smooth(poses, at(t)).keypoints_xy, poses.keypoints_xy)


def test_a_pose_without_a_track_is_not_smoothed():
    euro = OneEuro()
    for t, x in enumerate((100, 130, 90)):
        poses = with_ids(poses_at([standing(x, 300, 200)]), [NO_TRACK])
        assert (euro.smooth(poses, at(t)).keypoints_xy == poses.keypoints_xy).all()


def test_everybody_is_forgotten_if_another_clip_begins():
    euro = OneEuro()
    for t, moment in enumerate((at(5), at(6, clip=1), at(3, clip=1))):
        poses = with_ids(poses_at([standing(100 + 50 * t, 300, 200)]), [0])
        np.testing.assert_allclose(euro.smooth(poses, moment).keypoints_xy, poses.keypoints_xy)


def test_poses_without_ids_and_a_time_that_stands_still_are_refused():
    euro, poses = OneEuro(), poses_at([standing(100, 300, 200)])
    with pytest.raises(UsageError, match="Give them the ids of a Tracker"):
        euro.smooth(poses, at(0))
    euro.smooth(with_ids(poses, [0]), at(1))
    with pytest.raises(UsageError, match=r"Frame 2 of clip 0 is at 0.01 s, .* Mend the times"):
        euro.smooth(with_ids(poses, [0]), Moment(0, 2, 0.01))
