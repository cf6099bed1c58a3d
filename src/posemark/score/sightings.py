"""People frame by frame in clips: what stability, with or without truth, is measured from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from posemark.core.frame import Floats, Moment, Poses, Truth
from posemark.core.skeleton import Skeleton
from posemark.geometry.body import body_areas, counted_keypoints, extents

Flags = NDArray[np.bool_]

JUMP = 0.2
"""Body sizes by which a key point jumps rather than trembles: to another limb, or another person.
In an RMS, one jump by a body size would weigh as much as 10,000 movements by a hundredth."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame of a clip and the poses that were found in it.

    Attributes:
        poses: the poses in pixels of the frame; with ids, if people were followed.
        moment: the place of the frame in its clip.
        truth: the annotated people, with ids; None for plain video.
    """

    poses: Poses
    moment: Moment
    truth: Truth | None = None


@dataclass(frozen=True)
class Rate:
    """How often something happened.

    Attributes:
        events: number of times that it happened.
        chances: number of times that it could have happened.
    """

    events: int
    chances: int

    @property
    def share(self) -> float | None:
        """Return events by chances (0..1); None if there was no chance."""
        return self.events / self.chances if self.chances else None


@dataclass(frozen=True)
class Sighting:
    """A person in one frame.

    Attributes:
        place: number of the frame among those of the clip that were processed, from 0.
        moment: the place of the frame in its clip.
        found: whether a pose shows the person.
        keypoints_xy: (K, 2) key points of the pose; not a number if the person was not found.
        reference_xy: (K, 2) the true key points; those of the pose without truth.
        labelled: (K,) mask of the key points of which the reference is known.
        size: body size in pixels: the square root of the area.
        pose_id: id of the pose; None without a pose, an id or a track.
    """

    place: int
    moment: Moment
    found: bool
    keypoints_xy: Floats
    reference_xy: Floats
    labelled: Flags
    size: float
    pose_id: int | None = None


def successive(sightings: Iterable[Sighting]) -> Iterator[tuple[Sighting, Sighting]]:
    """Yield the sightings in two frames, without a dropped one in between, that show the person."""
    for one, other in pairwise(sightings):
        if one.found and other.found and other.moment.index == one.moment.index + 1:
            yield one, other


def runs(sightings: Iterable[Sighting]) -> Iterator[list[Sighting]]:
    """Yield the longest rows of sightings, without a dropped frame, that show the person."""
    row: list[Sighting] = []
    for one in sightings:
        if row and not (one.found and one.moment.index == row[-1].moment.index + 1):
            yield row
            row = []
        if one.found:
            row.append(one)
    if row:
        yield row


def clips_of(frames: Iterable[Seen]) -> list[list[Seen]]:
    """Return the frames of each clip."""
    clips = defaultdict[int, list[Seen]](list)
    for frame in frames:
        clips[frame.moment.clip].append(frame)
    return list(clips.values())


def tracks_of(clip: Sequence[Seen]) -> list[list[Sighting]]:
    """Return the sightings of each id in the poses of a clip; the reference is the pose itself."""
    tracks = defaultdict[int, list[Sighting]](list)
    for place, frame in enumerate(clip):
        poses = frame.poses
        counted = counted_keypoints(poses)
        sizes = np.sqrt(body_areas(extents(poses.keypoints_xy, counted)))
        for at, person in enumerate([] if poses.ids is None else poses.ids.tolist()):
            if person >= 0 and sizes[at] > 0:
                xy, size = poses.keypoints_xy[at], float(sizes[at])
                sighting = Sighting(place, frame.moment, True, xy, xy, counted[at], size, person)
                tracks[person].append(sighting)
    return list(tracks.values())


def swapped_pairs(
    keypoints_xy: Floats, sighting: Sighting, skeleton: Skeleton
) -> tuple[Flags, Flags]:
    """Return in which left-right pairs of key points left and right have changed places.

    A pair is swapped if each of its points is nearer to the reference of the other than half of the
    distance between both. It is judged if that distance is more than 2 sigma body sizes, within
    which people who annotate disagree.

    Args:
        keypoints_xy: (K, 2) the points to be judged.
        sighting: the person, with the reference.
        skeleton: the pairs, and the sigmas.

    Returns:
        Two masks (F,) over the pairs: swapped, and judged.
    """
    left, right = np.array(skeleton.flip_pairs, np.intp).reshape(-1, 2).T
    reference = sighting.reference_xy
    apart = _distances(reference[left], reference[right])
    deviation = 2 * np.array(skeleton.sigmas)[left] * sighting.size
    judged = sighting.labelled[left] & sighting.labelled[right] & (apart > deviation)
    crossed = np.maximum(
        _distances(keypoints_xy[left], reference[right]),
        _distances(keypoints_xy[right], reference[left]),
    )
    return judged & (crossed < apart / 2), judged


def of_pairs(pairs: Flags, skeleton: Skeleton) -> Flags:
    """Return the mask (K,) of the key points of the left-right pairs in a mask (F,)."""
    points = np.zeros(len(skeleton.keypoints), bool)
    points[np.array(skeleton.flip_pairs, np.intp).reshape(-1, 2)[pairs].ravel()] = True
    return points


def total(masks: Iterable[tuple[Flags, Flags]]) -> Rate:
    """Count what happened and what could have happened in pairs of masks."""
    counts = [(int(events.sum()), int(chances.sum())) for events, chances in masks]
    return Rate(*(sum(column) for column in zip((0, 0), *counts, strict=True)))


def without_jumps(movements: Iterable[Floats]) -> tuple[float | None, Rate]:
    """Separate trembling from jumps.

    Args:
        movements: lengths in body sizes.

    Returns:
        RMS of the movements of at most JUMP, None if there are none; and how many are longer.
    """
    every = np.concatenate([np.zeros(0), *movements])
    small = every[every <= JUMP]
    rms = float(np.sqrt((small**2).mean())) if len(small) else None
    return rms, Rate(len(every) - len(small), len(every))


def _distances(ones_xy: Floats, others_xy: Floats) -> Floats:
    return np.linalg.norm(ones_xy - others_xy, axis=-1)
