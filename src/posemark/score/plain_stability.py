"""Measures how steady poses are in plain video, whose people and camera nobody has annotated.

The figures are bounds and estimates; docs/video.md says what they include. With truth, use
score/stability.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from posemark.core.frame import Floats
from posemark.core.skeleton import Skeleton
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
    tracks_of,
    without_jumps,
)


@dataclass(frozen=True)
class PlainStability:
    """How steady followed poses are, estimated from the poses alone.

    Attributes:
        jitter_bound: upper bound of the jitter, from second differences, in body sizes, the square
            root of the area of the box around the key points. It includes the accelerations of
            people and camera. None without three successive frames of a person.
        jumps: second differences that a jitter of more than JUMP body sizes would explain.
        gaps: frames in which a track is interrupted; people who were hidden are included.
        swaps: left-right pairs of key points that changed places from one frame to the next.
    """

    jitter_bound: float | None
    jumps: Rate
    gaps: Rate
    swaps: Rate


def plain_stability(frames: Sequence[Seen]) -> PlainStability:
    """Estimate how steady poses are from the poses alone.

    Args:
        frames: the frames of all clips, in order; poses without ids do not count.
    """
    tracks = [track for clip in clips_of(frames) for track in tracks_of(clip)]
    pairs = [(*pair, frames[0].poses.skeleton) for track in tracks for pair in successive(track)]
    rows = [(row, frames[0].poses.skeleton) for track in tracks for row in runs(track)]
    bound, jumps = without_jumps(turn for row in rows for turn in _turns(*row))
    swaps = total(_swapped(*pair) for pair in pairs)
    return PlainStability(bound, jumps, _gaps(tracks), swaps)


def _swapped(one: Sighting, other: Sighting, skeleton: Skeleton) -> tuple[Flags, Flags]:
    """Return which left-right pairs (F,) changed places, and which were judged."""
    swapped, judged = swapped_pairs(other.keypoints_xy, one, skeleton)
    both = np.array(skeleton.flip_pairs, np.intp).reshape(-1, 2)
    judged &= other.labelled[both].all(1)
    return swapped & judged, judged


def _turns(row: Sequence[Sighting], skeleton: Skeleton) -> Iterable[Floats]:
    """Yield the jitter, in body sizes, that explains the second differences of three frames.

    The second difference of independent noise is the root of 3 times as long as its movement from
    frame to frame. A movement at constant velocity has none.
    """
    for three in zip(row, row[1:], row[2:], strict=False):
        before, now, after = (one.keypoints_xy for one in three)
        usable = np.all([one.labelled for one in three], axis=0)
        for pair in pairwise(three):
            usable &= ~of_pairs(_swapped(*pair, skeleton)[0], skeleton)
        turn = np.linalg.norm(after - 2 * now + before, axis=-1)
        yield turn[usable] / (np.sqrt(3) * three[1].size)


def _gaps(tracks: Iterable[Sequence[Sighting]]) -> Rate:
    """Count the frames between the first and the last sighting in which a track has no pose."""
    chances = [track[-1].place - track[0].place for track in tracks]
    found = [len(track) - 1 for track in tracks]
    return Rate(sum(chances) - sum(found), sum(chances))
