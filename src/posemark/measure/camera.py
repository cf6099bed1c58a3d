"""A camera that waits for nobody: its newest frame is taken, those in between are lost.

The camera's own clock moves with the frames' times and with waiting, not with what the harness
does between frames; so a run and a replay of its frame times follow the same rule exactly.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from posemark.measure.clock import rest

MOST_DROPPED = 0.01
"""A rate is sustained if at most this share of the camera's frames is dropped."""

_STEPS = 14
"""Halvings in the search of a rate: far finer than frame times repeat."""


@dataclass(frozen=True)
class Shot:
    """A frame of the camera. index: from 0. wait_ns: since it was taken. skipped: lost before."""

    index: int
    wait_ns: int
    skipped: int


class Camera:
    """Takes a frame every 1 / fps seconds and keeps only the newest.

    rest: called with the nanoseconds until the next frame, where none is waiting.
    """

    def __init__(self, fps: float, rest: Callable[[int], None] = rest) -> None:
        self._fps, self._rest = fps, rest
        self._now_ns, self._last = 0, -1

    @property
    def taken(self) -> int:
        """Frames so far, dropped ones included."""
        return self._last + 1

    def shot(self) -> Shot:
        """The newest frame not yet handed out; waits for one where there is none."""
        newest = int(self._now_ns * self._fps / 1e9)
        index = max(self._last + 1, newest)
        taken_ns = round(index * 1e9 / self._fps)
        if taken_ns > self._now_ns:
            self._rest(taken_ns - self._now_ns)
            self._now_ns = taken_ns
        shot = Shot(index, self._now_ns - taken_ns, index - self._last - 1)
        self._last = index
        return shot

    def handled(self, frame_ns: int) -> None:
        """The application was busy for so long."""
        self._now_ns += frame_ns


def dropped_share(frame_ns: Iterable[int], fps: float) -> float:
    """Share of a camera's frames lost to an application that takes these times a frame."""
    camera, handled = Camera(fps, rest=lambda _: None), 0
    for nanoseconds in frame_ns:
        camera.shot()
        camera.handled(nanoseconds)
        handled += 1
    return 1 - handled / camera.taken if handled else 0.0


def sustainable_fps(frame_ns: Sequence[int]) -> float | None:
    """The fastest camera of which at most MOST_DROPPED of the frames would be lost.

    None without frames, or where they took no time.
    """
    if not frame_ns or not max(frame_ns):
        return None
    low = 1e9 / max(frame_ns)  # nothing is lost at this rate
    high = 2e9 * len(frame_ns) / sum(frame_ns)  # half of the frames are
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        if dropped_share(frame_ns, middle) <= MOST_DROPPED:
            low = middle
        else:
            high = middle
    return low
