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
        last = self._last
        taken_ns = self.take()
        return Shot(self._last, self._now_ns - taken_ns, self._last - last - 1)

    def take(self) -> int:
        """The same for a replay, which asks nothing of the frame: when it was taken, in ns."""
        newest = int(self._now_ns * self._fps / 1e9)
        self._last = max(self._last + 1, newest)
        taken_ns = round(self._last * 1e9 / self._fps)
        if taken_ns > self._now_ns:
            self._rest(taken_ns - self._now_ns)
            self._now_ns = taken_ns
        return taken_ns

    def handled(self, frame_ns: int) -> None:
        """The application was busy for so long."""
        self._now_ns += frame_ns


def dropped_share(frame_ns: Iterable[int], fps: float) -> float:
    """Share of a camera's frames lost to an application that takes these times a frame."""
    camera, handled = Camera(fps, rest=lambda _: None), 0
    for nanoseconds in frame_ns:
        camera.take()
        camera.handled(nanoseconds)
        handled += 1
    return 1 - handled / camera.taken if handled else 0.0


def _sustained(frame_ns: Sequence[int], fps: float) -> bool:
    """Whether dropped_share is at most MOST_DROPPED; an excess ends the replay at once."""
    camera, frames = Camera(fps, rest=lambda _: None), len(frame_ns)
    for handled, nanoseconds in enumerate(frame_ns, 1):
        camera.take()
        camera.handled(nanoseconds)
        at_least = camera.taken + frames - handled  # that the camera takes until the last one
        if 1 - frames / at_least > MOST_DROPPED:
            return False
    return True


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
        if _sustained(frame_ns, middle):
            low = middle
        else:
            high = middle
    return low
