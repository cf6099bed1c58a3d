"""Measures how steady the poses of people are from frame to frame, against the truth.

docs/video.md defines the figures. A person is found in a frame if COCO's rule matches a pose at an
OKS of FOUND. Crowds, and people without labelled key points or without an area, do not count.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from posemark.core.errors import DataError
from posemark.core.frame import Floats, Truth
from posemark.core.skeleton import Skeleton
from posemark.score.lag import lag_of
from posemark.score.matching import Detections, Pairs, People
from posemark.score.sightings import (
    Flags,
    Rate,
    Seen,
    Sighting,
    clips_of,
    of_pairs,
    runs,
    successive,
    swapped_pairs,
    total,
    without_jumps,
)

FOUND = 0.5
"""OKS from which a pose shows a person, as for AP50."""

Track = Sequence[Sighting]
"""The sightings of one annotated person in one clip."""


@dataclass(frozen=True)
class Newcomers:
    """People who appear after the first frame of their clip.

    Attributes:
        frames: frames until each of them was found; 0 if at once.
        never: number of people who were not found before they left or the clip ended.
    """

    frames: tuple[int, ...]
    never: int


@dataclass(frozen=True)
class Stability:
    """How steady poses are in clips with annotated people.

    Attributes:
        jitter: RMS of the movement of key points from frame to frame that is left after their true
            movement, that of the camera included, is undone, without jumps; in body sizes, the
            square root of the annotated area. None without a movement to measure.
        jumps: movements of more than JUMP body sizes among those that were measured.
        drop_outs: frames in which a person is missed who was found since they came.
        swaps: changes of a left-right pair between right and swapped, from one frame to the next.
        identity_switches: found poses whose id is not that of the last pose of the person.
        newcomers: people who appear after the first frame.
        lag: frames by which poses are behind the truth; None if nobody moves enough.
    """

    jitter: float | None
    jumps: Rate
    drop_outs: Rate
    swaps: Rate
    identity_switches: Rate
    newcomers: Newcomers
    lag: float | None


def stability(frames: Sequence[Seen]) -> Stability:
    """Measure how steady poses are in clips with annotated people.

    Args:
        frames: the frames of all clips, in order, with truth.

    Raises:
        DataError: if a frame has no annotated people with ids.
    """
    tracks = [track for clip in clips_of(frames) for track in _tracks(clip)]
    pairs = [(*pair, frames[0].poses.skeleton) for track in tracks for pair in successive(track)]
    return Stability(
        *without_jumps(_movement(*pair) for pair in pairs),
        _drop_outs(tracks),
        total(_changes(*pair) for pair in pairs),
        _identity_switches(tracks),
        _newcomers(tracks),
        lag_of(row for track in tracks for row in _rows(track)),
    )


def _tracks(clip: Sequence[Seen]) -> list[list[Sighting]]:
    """Return the sightings of each annotated person of a clip."""
    truths = [_truth_of(frame) for frame in clip]
    poses = _poses_of_people(clip, truths)
    tracks = defaultdict[int, list[Sighting]](list)
    for place, (frame, truth, found) in enumerate(zip(clip, truths, poses, strict=True)):
        ids: list[int] = [] if truth.ids is None else truth.ids.tolist()
        for at in np.flatnonzero(_counts(truth)).tolist():
            tracks[ids[at]].append(_sighting(place, frame, truth, at, found.get(at)))
    return list(tracks.values())


def _truth_of(frame: Seen) -> Truth:
    if frame.truth is None or (frame.truth.ids is None and len(frame.truth)):
        moment = frame.moment
        raise DataError(
            f"Frame {moment.index} of clip {moment.clip} has no annotated people with ids, against "
            "which stability is measured. Measure it without truth, as for plain video."
        )
    return frame.truth


def _counts(truth: Truth) -> Flags:
    """Return (P,) who must be found: people with an area and labelled key points, but no crowds."""
    return (truth.keypoints_xyv[..., 2] > 0).any(1) & (truth.areas > 0) & ~truth.is_crowd


def _poses_of_people(clip: Sequence[Seen], truths: Sequence[Truth]) -> list[dict[int, int]]:
    """Return, for each frame, the index of the pose that shows a person, by the person's index."""
    orders = [np.argsort(-frame.poses.scores, kind="stable") for frame in clip]
    people = np.repeat(np.arange(len(clip)), [len(truth) for truth in truths])
    image = np.repeat(np.arange(len(clip)), [len(order) for order in orders])
    points = [frame.poses.keypoints_xy[order] for frame, order in zip(clip, orders, strict=True)]
    scores = [frame.poses.scores[order] for frame, order in zip(clip, orders, strict=True)]
    pairs = Pairs(
        len(clip),
        People(
            people,
            np.concatenate([truth.keypoints_xyv for truth in truths]),
            np.concatenate([truth.boxes_xywh for truth in truths]),
            np.concatenate([truth.areas for truth in truths]),
            np.concatenate([truth.is_crowd for truth in truths]),
            np.concatenate([~_counts(truth) for truth in truths]),
        ),
        Detections(
            image,
            np.concatenate(points),
            np.concatenate(scores),
            np.zeros(len(image)),  # areas, which only decide who is ignored by size
            np.concatenate([np.arange(len(order)) for order in orders]),
        ),
        np.array(clip[0].poses.skeleton.sigmas),
    )
    found: list[dict[int, int]] = [{} for _ in clip]
    (matched,) = pairs.matched(np.array([FOUND]))
    every = np.concatenate(orders)
    for detection in np.flatnonzero(matched >= 0).tolist():
        frame = int(image[detection])
        person = int(matched[detection] - pairs.first_person[frame])
        found[frame][person] = int(every[detection])
    return found


def _sighting(place: int, frame: Seen, truth: Truth, at: int, pose: int | None) -> Sighting:
    poses, true = frame.poses, truth.keypoints_xyv[at]
    person = -1 if pose is None or poses.ids is None else int(poses.ids[pose])
    return Sighting(
        place,
        frame.moment,
        pose is not None,
        np.full_like(true[:, :2], np.nan) if pose is None else poses.keypoints_xy[pose],
        true[:, :2],
        true[:, 2] > 0,
        float(np.sqrt(truth.areas[at])),
        person if person >= 0 else None,
    )


def _movement(one: Sighting, other: Sighting, skeleton: Skeleton) -> Floats:
    """Return the lengths, in body sizes, of the movements that are left in the second frame.

    Key points of left-right pairs that changed places are counted as swaps, and not here.
    """
    changed, _ = _changes(one, other, skeleton)
    usable = one.labelled & other.labelled & ~of_pairs(changed, skeleton)
    (error, size), (last_error, last_size) = (_at_rest(sighting) for sighting in (other, one))
    return np.linalg.norm(error - last_error, axis=-1)[usable] * 2 / (size + last_size)


def _at_rest(sighting: Sighting) -> tuple[Floats, float]:
    """Return the errors (K, 2) and the body size in pixels of the still image, if there is one.

    The inverse of the camera's motion, applied to pose and truth, leaves the difference of both
    without its shift.
    """
    error = sighting.keypoints_xy - sighting.reference_xy
    motion = sighting.moment.from_still
    if motion is None:
        return error, sighting.size
    back = np.linalg.inv(motion[:, :2])
    return error @ back.T, sighting.size * float(np.sqrt(abs(np.linalg.det(back))))


def _changes(one: Sighting, other: Sighting, skeleton: Skeleton) -> tuple[Flags, Flags]:
    """Return which left-right pairs (F,) changed between right and swapped, and were judged."""
    before, judged = swapped_pairs(one.keypoints_xy, one, skeleton)
    after, judged_again = swapped_pairs(other.keypoints_xy, other, skeleton)
    judged &= judged_again
    return (before != after) & judged, judged


def _drop_outs(tracks: Iterable[Track]) -> Rate:
    """Count the frames in which a person is missed between the first find and the departure."""
    visits = [visit for track in tracks for visit in _visits(track)]
    after = [one.found for visit in visits for one in _from_first_found(visit)[1:]]
    return Rate(after.count(False), len(after))


def _from_first_found(track: Track) -> Track:
    return track[next((at for at, one in enumerate(track) if one.found), len(track)) :]


def _identity_switches(tracks: Iterable[Track]) -> Rate:
    """Count changes of id while a person is there; who leaves and returns may get a new id."""
    same = [
        one == other
        for track in tracks
        for visit in _visits(track)
        for one, other in pairwise(one.pose_id for one in visit if one.pose_id is not None)
    ]
    return Rate(same.count(False), len(same))


def _visits(track: Track) -> Iterator[Track]:
    """Yield the parts of a track between which the person is not in the clip."""
    ends = [at for at in range(1, len(track)) if track[at].place != track[at - 1].place + 1]
    for start, end in pairwise([0, *ends, len(track)]):
        yield track[start:end]


def _newcomers(tracks: Iterable[Track]) -> Newcomers:
    came = [visit for track in tracks for visit in _visits(track) if visit[0].place > 0]
    found = [(visit[0], _from_first_found(visit)) for visit in came]
    frames = [late[0].moment.index - first.moment.index for first, late in found if late]
    return Newcomers(tuple(frames), len(came) - len(frames))


def _rows(track: Track) -> Iterator[tuple[Floats, Floats]]:
    """Yield the poses and the truth (T, K, 2), in body sizes, of frames without a gap."""
    for row in runs(track):
        labelled = np.all([one.labelled for one in row], axis=0)
        size = np.mean([one.size for one in row])
        found, true = (
            np.array(points)[:, labelled] / size
            for points in zip(*((one.keypoints_xy, one.reference_xy) for one in row), strict=True)
        )
        yield found, true
