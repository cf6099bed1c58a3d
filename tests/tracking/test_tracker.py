"""Ids of people who walk, cross, hide each other, leave and come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.core.frame import Moment, Poses
from posemark.core.skeleton import COCO_17
from posemark.tracking.clip import KEPT_FRAMES
from posemark.tracking.tracker import NO_TRACK, START_SCORE, Tracker
from walkers import poses_at, standing


def ids_of(frames):
    tracker = Tracker()
    return [tracker.update(poses).tolist() for poses in frames]


def two_who_cross(frames=80, step=4.0, heights=(200, 200)):
    """Return the key points of one who walks to the right, and of one who walks to the left."""
    right, left = heights
    return [
        (standing(100 + step * t, 300, right), standing(420 - step * t, 312, left))
        for t in range(frames)
    ]


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0, 4.0, 12.0])
def test_ids_never_swap_for_twins_who_cross(step):
    scene = two_who_cross(int(320 / step), step)
    assert set(map(tuple, ids_of(map(poses_at, scene)))) == {(0, 1)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [1.0, 2.0])
@pytest.mark.parametrize("step", [0.5, 1.0, 4.0, 12.0])
def test_ids_never_swap_for_two_who_cross_and_tremble(step, noise, seed):
    """Key points of people of 200 px tremble by 1 and 2 px per axis."""
    rng = np.random.default_rng(seed)
    scene = two_who_cross(int(320 / step), step, (200, 220))
    found = ids_of(poses_at(people, rng=rng, noise=noise) for people in scene)
    assert set(map(tuple, found)) == {(0, 1)}


def test_a_person_who_is_hidden_while_crossing_keeps_the_id():
    scene = two_who_cross()
    frames = [poses_at(people) for people in scene]
    hidden = range(34, 34 + KEPT_FRAMES - 1)  # they meet at frame 40
    for t in hidden:
        frames[t] = poses_at(scene[t][:1])
    found = ids_of(frames)
    assert [found[t] for t in hidden] == [[0]] * len(hidden)
    assert found[hidden.stop :] == [[0, 1]] * (len(frames) - hidden.stop)


def test_a_person_is_forgotten_after_some_frames():
    nobody, somebody = poses_at([]), poses_at([standing(100, 300, 200)])
    for gap, later in ((KEPT_FRAMES - 1, 0), (KEPT_FRAMES, 1)):
        assert ids_of([somebody, *[nobody] * gap, somebody])[-1] == [later]


def at(index, clip=0):
    return Moment(clip, index, index / 30)


def test_dropped_frames_count_as_frames():
    somebody = poses_at([standing(100, 300, 200)])
    for gap, later in ((1, 0), (KEPT_FRAMES, 0), (KEPT_FRAMES + 1, 1)):
        tracker = Tracker()
        found = [tracker.update(somebody, at(index)).tolist() for index in (3, 3 + gap)]
        assert found == [[0], [later]]


def test_a_walker_is_predicted_over_dropped_frames():
    tracker = Tracker()
    for t in (*range(10), 17):
        found = tracker.update(poses_at([standing(100 + 12 * t, 300, 200)]), at(t))
        assert found.tolist() == [0]


@pytest.mark.parametrize("moment", [at(6, clip=1), at(0), at(5), at(4)])
def test_everybody_is_forgotten_if_another_clip_begins(moment):
    tracker, somebody = Tracker(), poses_at([standing(100, 300, 200)])
    assert tracker.update(somebody, at(5)).tolist() == [0]
    assert tracker.update(somebody, moment).tolist() == [1], "ids are not used again"


def test_one_who_comes_where_another_left_far_away_gets_a_new_id():
    here, there = standing(100, 300, 200), standing(400, 300, 200)
    assert ids_of([poses_at([here]), poses_at([there]), poses_at([there, here])]) == [
        [0],
        [1],
        [1, 0],
    ]


def test_a_poor_pose_starts_no_track_but_continues_one():
    person = [standing(100, 300, 200)]
    poor = 0.9 * START_SCORE
    assert ids_of([poses_at(person, poor)]) == [[NO_TRACK]]
    assert ids_of([poses_at(person), poses_at(person, poor), poses_at(person)]) == [[0], [0], [0]]


def test_a_poor_second_pose_on_a_person_takes_no_track():
    person, closer = standing(100, 300, 200), standing(101, 300, 200)
    found = ids_of([poses_at([person]), poses_at([person, closer], [0.9, 0.9 * START_SCORE])])
    # Both are nearly as similar to the track.
    assert found[1] == [0, NO_TRACK]
    better = ids_of([poses_at([closer]), poses_at([person, closer], [0.9, 0.9 * START_SCORE])])
    assert better[1] == [0, NO_TRACK]


def test_one_certain_pair_is_worth_more_than_two_doubtful_ones():
    """The left of two leaves, and another comes close to the right of the one who stays.

    Both together are more similar to the two tracks if the one who stays changes the id.
    """
    left, middle, right = (standing(100 + 17 * place, 300, 200) for place in range(3))
    assert ids_of([poses_at([left, middle]), poses_at([middle, right])]) == [[0, 1], [1, 2]]


def test_missing_key_points_do_not_matter():
    """Some models put the key points that they did not find at (0, 0), with the score 0."""
    tracker, rng = Tracker(), np.random.default_rng(1)
    for _ in range(20):
        poses = poses_at([standing(600, 900, 200)])
        lost = rng.random((1, 17)) < 0.5
        lost[0, :2] = False
        poses.keypoints_xy[lost] = poses.keypoint_scores[lost] = 0
        assert tracker.update(poses).tolist() == [0]


def test_a_pose_without_an_extent_has_no_track():
    scores = np.zeros((2, 17))
    scores[1, 0] = 0.9
    poses = Poses(np.full((2, 17, 2), 50.0), scores, np.full(2, 0.9), COCO_17)
    assert Tracker().update(poses).tolist() == [NO_TRACK, NO_TRACK]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_order_of_people_does_not_change_tracks(seed, count):
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(0, 600, (count, 2)), rng.normal(0, 8, (count, 2))
    heights = rng.uniform(80, 300, count)
    frames = [
        [standing(*(start[i] + t * speed[i]), heights[i]) for i in range(count)] for t in range(12)
    ]
    scores = rng.uniform(0.05, 1, (12, count))
    one, other = Tracker(), Tracker()
    names = dict[int, int]()
    for people, values in zip(frames, scores, strict=True):
        order = rng.permutation(count)
        ids = one.update(poses_at(people, values))[order]
        shuffled = other.update(poses_at([people[i] for i in order], values[order]))
        for mine, theirs in zip(ids.tolist(), shuffled.tolist(), strict=True):
            assert names.setdefault(mine, theirs) == theirs
    assert len(set(names.values())) == len(names)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.1, 10), st.booleans())
def test_tracks_do_not_depend_on_the_size_of_pixels_or_a_mirror(seed, zoom, mirrored):
    rng = np.random.default_rng(seed)
    factor = np.array([-zoom if mirrored else zoom, zoom])
    one, other = Tracker(), Tracker()
    start, speed = rng.uniform(0, 600, (3, 2)), rng.normal(0, 10, (3, 2))
    for t in range(10):
        people = [standing(*(start[i] + t * speed[i]), 150) for i in range(3)]
        zoomed = [factor * person for person in people]
        assert (one.update(poses_at(people)) == other.update(poses_at(zoomed))).all()
