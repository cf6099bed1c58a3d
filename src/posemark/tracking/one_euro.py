"""The One Euro filter: smooths key points at rest, and follows fast ones with little lag.

Casiez, Roussel, Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. Written from the formulas of the paper: a low-pass filter of first
order, whose cutoff frequency grows with the speed of the signal,

    cutoff = min_cutoff + beta * |speed|,   alpha = 1 / (1 + 1 / (2 pi cutoff dt)).

Here, the speed is the length of the velocity of a key point in body sizes per second, so that x and
y have one cutoff, and one setting suits people of all sizes.

The defaults were chosen on drawn movements at 30 frames/s with noise of 0.015 body sizes per axis:
at rest they leave a quarter of the trembling, and the error of somebody who walks through the
picture remains as it was. A waving hand pays with lag: its error grows by three quarters.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posemark.core.errors import UsageError
from posemark.core.frame import Floats, Moment, Poses
from posemark.geometry.body import body_areas, counted_keypoints, extents
from posemark.tracking.clip import frames_since

FORGET_S = 0.5
"""Seconds without a key point after which its filter begins again. After a shorter gap, the filter
continues with a longer step, which nearly follows the new position."""


@dataclass
class _Filter:
    """The state of the key points of one person.

    Attributes:
        keypoints_xy: (K, 2) filtered positions in pixels.
        velocity_xy: (K, 2) filtered velocities in pixels per second.
        seen_s: (K,) when each key point was last found; -inf if it never was.
    """

    keypoints_xy: Floats
    velocity_xy: Floats
    seen_s: Floats

    @classmethod
    def of(cls, keypoints: int) -> "_Filter":
        nowhere = np.zeros((keypoints, 2))
        return cls(nowhere, nowhere.copy(), np.full(keypoints, -np.inf))


class OneEuro:
    """Smooths the key points of people with ids. One filter per person and key point.

    Args:
        min_cutoff: cutoff frequency of a key point at rest, in Hz. Less is smoother.
        beta: growth of the cutoff with the speed, in Hz per body size per second. More follows
            movement with less lag. A body size is the square root of the area of the box around
            the key points.
        derivative_cutoff: cutoff frequency of the speed, in Hz; the paper uses 1.
    """

    def __init__(
        self, min_cutoff: float = 1.0, beta: float = 8.0, derivative_cutoff: float = 1.0
    ) -> None:
        self._min_cutoff, self._beta = min_cutoff, beta
        self._derivative_cutoff = derivative_cutoff
        self._filters = dict[int, _Filter]()
        self._last: Moment | None = None

    def smooth(self, poses: Poses, moment: Moment) -> Poses:
        """Return the poses of the next frame with smoothed key points.

        Scores are not changed. Key points that do not count in their pose, and poses that belong
        to no track, are not smoothed. If another clip begins, everybody is forgotten.

        Args:
            poses: the poses of a frame, with ids.
            moment: the place of the frame in its clip, and its time.

        Raises:
            UsageError: if the poses have no ids, or if the time does not increase in a clip.
        """
        if poses.ids is None:
            raise UsageError(
                "Poses without ids cannot be smoothed, because nobody knows whose they are. Give "
                "them the ids of a Tracker first."
            )
        self._advance(moment)
        counted = counted_keypoints(poses)
        sizes = np.sqrt(body_areas(extents(poses.keypoints_xy, counted)))
        points = np.array(poses.keypoints_xy, np.float64)
        for index, person in enumerate(poses.ids.tolist()):
            if person >= 0 and sizes[index] > 0:
                known = self._filters.setdefault(person, _Filter.of(points.shape[1]))
                found = counted[index]
                self._step(known, points[index], found, float(sizes[index]), moment.time_s)
                points[index, found] = known.keypoints_xy[found]
        return replace(poses, keypoints_xy=points)

    def _advance(self, moment: Moment) -> None:
        """Go to the next frame, and forget who was not seen for too long."""
        last, self._last = self._last, moment
        if frames_since(last, moment) is None:
            self._filters.clear()
        elif last is not None and moment.time_s <= last.time_s:
            raise UsageError(
                f"Frame {moment.index} of clip {moment.clip} is at {moment.time_s} s, but the "
                f"frame before it at {last.time_s} s: expected a later time. Mend the times of "
                "the clip."
            )
        self._filters = {
            person: state
            for person, state in self._filters.items()
            if moment.time_s - state.seen_s.max() <= FORGET_S
        }

    def _step(
        self,
        state: _Filter,
        keypoints_xy: Floats,
        found: NDArray[np.bool_],
        size: float,
        time_s: float,
    ) -> None:
        """Advance the filters of the key points that were found."""
        new = found & (time_s - state.seen_s > FORGET_S)
        state.keypoints_xy[new], state.velocity_xy[new] = keypoints_xy[new], 0
        old = found & ~new
        state.seen_s[found], elapsed = time_s, (time_s - state.seen_s[old])[:, None]
        moved = keypoints_xy[old] - state.keypoints_xy[old]
        velocity = state.velocity_xy[old]
        velocity += _alpha(self._derivative_cutoff, elapsed) * (moved / elapsed - velocity)
        state.velocity_xy[old] = velocity
        speed = np.linalg.norm(velocity, axis=-1, keepdims=True) / size
        cutoff = self._min_cutoff + self._beta * speed
        state.keypoints_xy[old] += _alpha(cutoff, elapsed) * moved


def _alpha(cutoff_hz: float | Floats, elapsed_s: Floats) -> Floats:
    """Return the weight of the newest value in a low-pass filter of first order."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff_hz * elapsed_s))
