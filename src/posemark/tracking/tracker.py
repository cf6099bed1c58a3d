"""Gives the people of successive frames their ids.

A track is a person who was seen. Its pose is predicted by its velocity and compared with the poses
of the new frame; the pairs with the highest total similarity continue the tracks. Nothing is drawn
at random, and nothing depends on the order of the poses but the numbering of new people.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemark.core.assignment import assign
from posemark.core.frame import Floats, Ids, Moment, Poses
from posemark.geometry.body import body_areas, counted_keypoints, extents
from posemark.geometry.boxes import iou
from posemark.geometry.oks import Shapes, weighted_oks
from posemark.tracking.clip import KEPT_FRAMES, frames_since

NO_TRACK = -1
"""The id of a pose that belongs to no track."""

START_SCORE = 0.2
"""Person score from which a pose may start a track; worse poses continue tracks. In boxes of the
detector RTMDet-nano, 4 of 10 poses of TinyPose with a score of less than 0.25 showed a person (OKS
of 0.5), and more than 9 of 10 with a better one."""

MATCH = 0.25
"""Similarity (0..1) below which a track and a pose are two people. On COCO val2017, 6 of 100 people
have a neighbour who is more similar. Of people who moved by a fifth of their body size since they
were predicted, 1 of 100 is less similar, and 19 of 100 at three tenths."""

_VELOCITY_SHARE = 0.3
"""Share of the latest movement in the velocity. The older part bridges frames in which a trembling
pose seems to turn back, which matters when two people cross."""


@dataclass
class _Track:
    """A person who was seen.

    Attributes:
        id: the number of the person.
        keypoints_xy: (K, 2) pixels, when last seen.
        weights: (K,) key-point scores; 0 for points that do not count.
        box_xywh: (4,) the box around the key points, in pixels.
        velocity_xy: (2,) pixels per frame.
        frame: number of the frame in which the person was last seen.
    """

    id: int
    keypoints_xy: Floats
    weights: Floats
    box_xywh: Floats
    velocity_xy: Floats
    frame: int

    def shift(self, frame: int) -> Floats:
        """Return by how many pixels (2,) the person should have moved until a frame."""
        return self.velocity_xy * (frame - self.frame)


@dataclass(frozen=True)
class _Bodies:
    """The poses of a frame, or the tracks: their shapes, and the boxes (N, 4) around them."""

    shapes: Shapes
    boxes_xywh: Floats

    @classmethod
    def of(cls, poses: Poses) -> "_Bodies":
        counted = counted_keypoints(poses)
        boxes = extents(poses.keypoints_xy, counted)
        weights = np.where(counted, poses.keypoint_scores, 0)
        return cls(Shapes(poses.keypoints_xy, weights, body_areas(boxes)), boxes)

    @classmethod
    def predicted(cls, tracks: list[_Track], frame: int) -> "_Bodies":
        shifts = [track.shift(frame) for track in tracks]
        points = [t.keypoints_xy + shift for t, shift in zip(tracks, shifts, strict=True)]
        boxes = np.array([track.box_xywh for track in tracks])
        boxes[:, :2] += shifts
        weights = np.array([track.weights for track in tracks])
        return cls(Shapes(np.array(points), weights, body_areas(boxes)), boxes)


class Tracker:
    """Gives ids to the poses of successive frames, for the poses of any model."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._last: Moment | None = None
        self._frame = 0
        self._next = 0

    def update(self, poses: Poses, moment: Moment | None = None) -> Ids:
        """Return the ids of the poses of the next frame.

        Poses with at least START_SCORE choose first, so that a poor second pose on the same person
        cannot take the track; they start new tracks if there is none for them. If another clip
        begins, everybody is forgotten. Ids are not used again.

        Args:
            poses: the poses of the frame, in image pixels.
            moment: the place of the frame in its clip; None if the frames are one stream.

        Returns:
            (N,) ids; NO_TRACK for poses that neither continue nor start a track.
        """
        self._advance(moment)
        bodies = _Bodies.of(poses)
        usable = bodies.shapes.areas > 0
        good = usable & (poses.scores >= START_SCORE)
        ids = np.full(len(poses), NO_TRACK, np.int64)
        for candidates in (good, usable & ~good):
            self._continue(bodies, np.flatnonzero(candidates), ids, poses)
        for index in np.flatnonzero(good & (ids == NO_TRACK)).tolist():
            ids[index] = self._start(bodies, index)
        return ids

    def _advance(self, moment: Moment | None) -> None:
        """Go to the next frame, and forget who was not seen for too long."""
        elapsed = frames_since(self._last, moment)
        self._last = moment
        self._frame += KEPT_FRAMES + 1 if elapsed is None else elapsed
        self._tracks = [t for t in self._tracks if self._frame - t.frame <= KEPT_FRAMES]

    def _continue(
        self, bodies: _Bodies, candidates: NDArray[np.intp], ids: Ids, poses: Poses
    ) -> None:
        """Give candidates the ids of the tracks that were not seen in this frame yet."""
        waiting = [track for track in self._tracks if track.frame < self._frame]
        if not waiting or not len(candidates):
            return
        predicted = _Bodies.predicted(waiting, self._frame)
        similar = _similarity(predicted, bodies, poses.skeleton.sigmas)[:, candidates]
        for row, column in _pairs(similar):
            index = candidates[column]
            ids[index] = waiting[row].id
            _move(waiting[row], bodies, index, self._frame)

    def _start(self, bodies: _Bodies, index: int) -> int:
        shapes = bodies.shapes
        self._tracks.append(
            _Track(
                self._next,
                shapes.keypoints_xy[index],
                shapes.weights[index],
                bodies.boxes_xywh[index],
                np.zeros(2),
                self._frame,
            )
        )
        self._next += 1
        return self._next - 1


def _similarity(tracks: _Bodies, poses: _Bodies, sigmas: tuple[float, ...]) -> Floats:
    """Return (T, N) the mean of OKS and box overlap.

    OKS separates people whose boxes overlap. The boxes still overlap if the limbs move so fast
    that OKS is small.
    """
    overlap = iou(tracks.boxes_xywh, poses.boxes_xywh)
    return (weighted_oks(tracks.shapes, poses.shapes, sigmas) + overlap) / 2


def _pairs(similar: Floats) -> list[tuple[int, int]]:
    """Return the pairs (track, pose) with the highest total gain over MATCH.

    The gain counts, not the similarity: one certain pair is worth more than two doubtful ones.
    """
    gain = np.maximum(similar - MATCH, 0)
    if gain.shape[0] > gain.shape[1]:
        return [(track, pose) for pose, track in _pairs(similar.T)]
    poses: list[int] = assign(-gain).tolist()
    return [(track, pose) for track, pose in enumerate(poses) if gain[track, pose] > 0]


def _move(track: _Track, bodies: _Bodies, index: int, frame: int) -> None:
    """Let a track continue with a pose."""
    points, weights = bodies.shapes.keypoints_xy[index], bodies.shapes.weights[index]
    common = np.sqrt(track.weights * weights)
    moved = np.average(points - track.keypoints_xy, axis=0, weights=common) if common.any() else 0
    velocity = moved / (frame - track.frame)
    track.velocity_xy = track.velocity_xy + _VELOCITY_SHARE * (velocity - track.velocity_xy)
    track.keypoints_xy, track.weights = points, weights
    track.box_xywh, track.frame = bodies.boxes_xywh[index], frame
