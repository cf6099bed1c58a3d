"""Figures of stability, on clips whose jitter, losses, swaps and lag are known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.core.errors import DataError
from posemark.core.frame import Moment
from posemark.core.skeleton import COCO_17
from posemark.score.lag import lag_of, smoothing_lag
from posemark.score.plain_stability import plain_stability
from posemark.score.sightings import Rate, Seen
from posemark.score.stability import Newcomers, stability
from posemark.tracking.one_euro import OneEuro
from walkers import AREA, poses_at, standing, truth_at

PEOPLE = np.array([standing(150, 300, 200), standing(420, 340, 260)])


def camera(t, rng=None):
    """Return the affine of a camera that pans, zooms and rolls."""
    shift = rng.normal(0, 15, 2) if rng else 20 * np.array([np.sin(t / 9), np.cos(t / 7)])
    zoom, roll = 1 + 0.2 * np.sin(t / 11), 0.1 * np.sin(t / 13)
    turn = zoom * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.concatenate([turn, shift[:, None]], 1)


def moved(people, affine):
    return np.asarray(people) @ affine[:, :2].T + affine[:, 2]


def seen(t, poses, truth, ids=None, affine=None, clip=0):
    """Return a frame, in which the poses have ids, those of the truth by default."""
    names = np.arange(len(poses)) if ids is None else np.array(ids, np.int64)
    return Seen(replace(poses, ids=names), Moment(clip, t, t / 30, affine), truth)


def camera_clip(noise, frames=300, seed=0):
    """Return a clip of people at rest, with noise per axis in body sizes added to the truth."""
    rng, clip = np.random.default_rng(seed), []
    for t in range(frames):
        affine = camera(t)
        zoom = np.sqrt(np.linalg.det(affine[:, :2]))
        truth = truth_at(PEOPLE)
        sizes = np.sqrt(truth.areas) * zoom
        points = moved(PEOPLE, affine)
        flags = truth.keypoints_xyv[..., 2:]
        truth = replace(truth, keypoints_xyv=np.concatenate([points, flags], -1), areas=sizes**2)
        poses = poses_at(points + rng.normal(0, noise, points.shape) * sizes[:, None, None])
        clip.append(seen(t, poses, truth, affine=affine))
    return clip


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.02])
def test_a_known_jitter_is_found(noise):
    """Noise of s per axis moves a point in the plane by an RMS of 2 s from frame to frame."""
    found = stability(camera_clip(noise))
    assert found.jitter == pytest.approx(2 * noise, rel=0.03)
    assert found.jumps == Rate(0, 299 * 2 * 17)


def test_perfect_poses_are_at_rest_however_the_camera_moves():
    found = stability(camera_clip(0))
    assert found.jitter == pytest.approx(0, abs=1e-9)
    assert found.drop_outs == Rate(0, 299 * 2)
    assert found.swaps.events == found.identity_switches.events == 0
    assert found.swaps.chances > 0
    assert found.identity_switches.chances == 299 * 2
    assert found.newcomers == Newcomers((), 0)


def test_an_error_that_stays_is_no_jitter():
    clip = camera_clip(0)
    shifted = [
        replace(
            one, poses=replace(one.poses, keypoints_xy=moved(PEOPLE + 4, one.moment.from_still))
        )
        for one in clip
    ]
    assert stability(shifted).jitter == pytest.approx(0, abs=1e-9)


def test_a_jump_is_counted_and_does_not_raise_the_jitter():
    clip = camera_clip(0.01)
    for frame in clip[100:120]:
        frame.poses.keypoints_xy[0, 9] += 100
    found = stability(clip)
    assert found.jumps.events == 2, "there and back"
    assert found.jitter == pytest.approx(0.02, rel=0.03)
    assert plain_stability(clip).jumps.events == 4, "two frames of each jump turn"


def test_a_body_that_is_cut_by_the_border_is_no_jitter():
    """The annotated area shrinks then, but the error stays."""
    clip = []
    for t in range(30):
        truth = truth_at(PEOPLE)
        clip.append(seen(t, poses_at(PEOPLE + 4), replace(truth, areas=truth.areas * 0.98**t)))
    assert stability(clip).jitter == pytest.approx(0, abs=1e-9)


def test_the_movement_of_people_is_no_jitter():
    rng, clip = np.random.default_rng(0), []
    for t in range(300):
        people = np.array([standing(2 * t, 300, 200)])
        noise = rng.normal(0, 0.01 * np.sqrt(AREA) * 200, people.shape)
        clip.append(seen(t, poses_at(people + noise), truth_at(people)))
    assert stability(clip).jitter == pytest.approx(0.02, rel=0.03)


def still_clip(present, found, ids=None):
    """Return a clip of PEOPLE at rest: who is there and who is found, frame by frame."""
    clip = []
    for t, (there, those) in enumerate(zip(present, found, strict=True)):
        names = those if ids is None else ids[t]
        truth = truth_at(PEOPLE[there], there)
        clip.append(seen(t, poses_at(PEOPLE[those]), truth, names))
    return clip


def test_drop_outs_count_from_the_first_find_on():
    both, one = [0, 1], [0]
    found = stability(still_clip([both] * 8, [one, one, both, one, one, both, both, both]))
    # Person 0 is there in 7 frames after the first, person 1 in 5 frames after it was found.
    assert found.drop_outs == Rate(2, 7 + 5)


def test_who_has_left_is_not_missed():
    both, one = [0, 1], [0]
    found = stability(still_clip([both, both, one, one], [both, both, one, one]))
    assert found.drop_outs == Rate(0, 3 + 1)


def test_frames_until_newcomers_are_found():
    both, one = [0, 1], [0]
    present = [one] * 3 + [both] * 5 + [one] * 2 + [both] * 4 + [one] + [both] * 2
    found = [one] * 5 + [both] * 3 + [one] * 2 + [both] * 4 + [one] * 3
    assert stability(still_clip(present, found)).newcomers == Newcomers((2, 0), 1)


def test_identity_switches_count_while_a_person_is_there():
    both, one = [0, 1], [0]
    ids = [[0, 1], [1, 0], [1, 0], [1], [1, 5], [1, -1], [1, 5]]
    found = stability(still_clip([both] * 7, [both, both, both, one, both, both, both], ids))
    assert found.identity_switches == Rate(3, 6 + 4)
    left = stability(still_clip([both, one, both], [both, one, both], [[0, 1], [0], [0, 7]]))
    assert left.identity_switches == Rate(0, 2), "who returns may get a new id"


def crossed(person):
    order = list(COCO_17.mirrored())
    return person[order]


def test_changes_of_left_and_right_are_counted_as_swaps_and_not_as_jitter():
    clip = []
    for t in range(10):
        people = [crossed(PEOPLE[0]) if t in (3, 4, 7) else PEOPLE[0]]
        clip.append(seen(t, poses_at(people), truth_at(PEOPLE[:1])))
    # Only the shoulders are swapped, so that the person is still found. Eyes and ears are judged as
    # well, other key points are not labelled.
    for one in clip:
        one.truth.keypoints_xyv[:, 7:, 2] = 0
        one.poses.keypoints_xy[:, 0:5] = PEOPLE[:1, 0:5]
    found = stability(clip)
    assert found.drop_outs.events == 0
    assert found.swaps == Rate(4, 3 * 9)
    assert found.jitter == pytest.approx(0)
    assert plain_stability(clip).swaps.events == 4 * 6, "in plain video, all pairs are judged"


def swinging(frames, delay=0.0):
    """Return the positions (T, 1, 2) of a point that swings, in body sizes, so many frames late."""
    t = np.arange(frames) - delay
    return np.stack([np.sin(t / 8), 0.5 * np.cos(t / 11)], 1)[:, None]


@settings(max_examples=30)
@given(st.floats(-2, 12), st.floats(0, 0.03), st.integers(0, 1000))
def test_a_lag_is_found_within_a_fifth_of_a_frame(delay, noise, seed):
    late = swinging(200, delay) + np.random.default_rng(seed).normal(0, noise, (200, 1, 2))
    assert lag_of([(late, swinging(200))]) == pytest.approx(delay, abs=0.2)


def test_the_lag_of_constant_movement_is_found():
    straight = np.arange(60.0)[:, None, None] * [0.05, 0.02]
    assert lag_of([(straight[:-4], straight[4:])]) == pytest.approx(4)


def test_a_lag_needs_movement_and_time():
    rng = np.random.default_rng(0)
    trembling = rng.normal(0, 0.015, (200, 1, 2))
    assert lag_of([(trembling, trembling)]) is None
    assert lag_of([(swinging(20), swinging(20))]) is None
    assert lag_of([(swinging(200, 40), swinging(200))]) is None, "out of range"
    assert lag_of([]) is None


@pytest.mark.parametrize("delay", [0, 1, 3, 6])
def test_the_lag_of_poses_behind_the_truth_is_found(delay):
    rng = np.random.default_rng(1)
    places = [standing(300 + 20 * np.sin(t / 9), 300, 200) for t in range(-delay, 150)]
    clip = []
    for t in range(150):
        late = places[t] + rng.normal(0, 1, (17, 2))
        clip.append(seen(t, poses_at([late]), truth_at([places[t + delay]])))
    assert stability(clip).lag == pytest.approx(delay, abs=0.2)


def test_the_lag_of_smoothing_is_found():
    """A low-pass filter of first order is behind slow movement by (1 - alpha) / alpha frames."""
    cutoff = 2.0
    euro = OneEuro(min_cutoff=cutoff, beta=0.0)
    plain = [
        seen(t, poses_at([standing(300 + 150 * np.sin(t / 40), 300, 200)]), None)
        for t in range(300)
    ]
    smoothed = [replace(one, poses=euro.smooth(one.poses, one.moment)) for one in plain]
    assert smoothing_lag(smoothed, plain) == pytest.approx(30 / (2 * np.pi * cutoff), abs=0.2)
    assert smoothing_lag(plain, plain) == pytest.approx(0, abs=0.01)


def test_frames_of_several_clips_and_dropped_frames_do_not_mix():
    clip = still_clip([[0]] * 4, [[0]] * 4)
    apart = [replace(one, moment=replace(one.moment, clip=t)) for t, one in enumerate(clip)]
    assert stability(apart).jumps == plain_stability(apart).jumps == Rate(0, 0)
    dropped = [one for one in clip if one.moment.index != 2]
    assert stability(dropped).jumps.chances == 17
    assert stability(dropped).drop_outs == Rate(0, 2)


def test_crowds_and_unlabelled_people_need_not_be_found():
    truth = truth_at(PEOPLE)
    truth.is_crowd[0] = True
    truth.keypoints_xyv[1, :, 2] = 0
    clip = [seen(t, poses_at(PEOPLE), truth) for t in range(3)]
    found = stability(clip)
    assert (found.jumps, found.drop_outs, found.jitter) == (Rate(0, 0), Rate(0, 0), None)


def test_nothing_is_measured_of_no_frames():
    assert stability([]).jitter is None
    assert plain_stability([]).jitter_bound is None
    assert Rate(0, 0).share is None
    assert Rate(1, 4).share == 0.25


def test_truth_without_ids_is_refused():
    frame = still_clip([[0]], [[0]])[0]
    for truth in (None, replace(frame.truth, ids=None)):
        with pytest.raises(DataError, match=r"Frame 0 of clip 0 has no annotated people with ids"):
            stability([replace(frame, truth=truth)])


# --- without truth ------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.02])
def test_the_jitter_of_people_who_walk_steadily_is_its_own_bound(noise):
    rng, clip = np.random.default_rng(0), []
    size = np.sqrt(0.34 * 0.93) * 200  # of the box around the key points
    for t in range(400):
        person = standing(2.0 * t, 300, 200) + rng.normal(0, noise * size, (17, 2))
        clip.append(seen(t, poses_at([person]), None))
    found = plain_stability(clip)
    # Noise also widens the box around the key points.
    assert found.jitter_bound == pytest.approx(2 * noise, rel=0.03 + 3 * noise)
    assert found.jumps == Rate(0, 398 * 17)


def test_acceleration_raises_the_bound():
    clip = [
        seen(t, poses_at([standing(300 + 60 * np.sin(t / 3), 300, 200)]), None) for t in range(90)
    ]
    assert plain_stability(clip).jitter_bound > 0.01


def test_interrupted_tracks_have_gaps():
    both, one = [0, 1], [0]
    clip = still_clip([both] * 8, [one, both, both, one, one, both, one, one])
    # Track 1 goes from frame 1 to frame 5.
    assert plain_stability(clip).gaps == Rate(2, 7 + 4)


def test_poses_without_tracks_do_not_count():
    clip = [replace(one, poses=replace(one.poses, ids=None)) for one in camera_clip(0.01, 5)]
    assert plain_stability(clip).jumps == Rate(0, 0)
    assert stability(clip).jumps.chances == 4 * 2 * 17
    assert stability(clip).identity_switches == Rate(0, 0)
