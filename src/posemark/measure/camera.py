"""Simulates a camera that does not wait: the newest frame is taken, older ones are dropped.

The camera's own clock advances by the frames' times and by waiting, not by the work of the
harness between frames. A run and a replay of its frame times thus follow exactly the same rule.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from posemark.measure.clock import rest

MOST_DROPPED = 0.01
"""A rate counts as sustained if at most this share (0..1) of the camera's frames is dropped."""

_STEPS = 14
"""Bisection steps in the search of a rate; far more precise than frame times are repeatable."""


@dataclass(frozen=True)
class Shot:
    """A frame of the camera.

    Attributes:
        index: the number of the frame, from 0.
        wait_ns: nanoseconds since its exposure.
        skipped: the number of frames dropped right before it.
    """

    index: int
    wait_ns: int
    skipped: int


class Camera:
    """Takes a frame every 1 / fps seconds and keeps only the newest.

    Args:
        fps: frames per second.
        rest: called with the nanoseconds until the next frame, if no frame is waiting.
    """

    def __init__(self, fps: float, rest: Callable[[int], None] = rest) -> None:
        self._fps, self._rest = fps, rest
        self._now_ns, self._last = 0, -1

    @property
    def taken(self) -> int:
        """Return the number of frames so far, dropped ones included."""
        return self._last + 1

    def shot(self) -> Shot:
        """Return the newest frame that was not yet returned; waits for the next if needed."""
        last = self._last
        taken_ns = self.take()
        return Shot(self._last, self._now_ns - taken_ns, self._last - last - 1)

    def take(self) -> int:
        """Advance as `shot` does, and return when the frame was exposed, in nanoseconds."""
        newest = int(self._now_ns * self._fps / 1e9)
        self._last = max(self._last + 1, newest)
        taken_ns = round(self._last * 1e9 / self._fps)
        if taken_ns > self._now_ns:
            self._rest(taken_ns - self._now_ns)
            self._now_ns = taken_ns
        return taken_ns

    def handled(self, frame_ns: int) -> None:
        """Advance the clock by the nanoseconds for which the application was busy."""
        self._now_ns += frame_ns


def dropped_share(frame_ns: Iterable[int], fps: float) -> float:
    """Return the share (0..1) of a camera's frames that an application drops.

    Args:
        frame_ns: the application's nanoseconds for each frame that it handles.
        fps: the camera's frames per second.
    """
    camera, handled = Camera(fps, rest=lambda _: None), 0
    for nanoseconds in frame_ns:
        camera.take()
        camera.handled(nanoseconds)
        handled += 1
    return 1 - handled / camera.taken if handled else 0.0


def _sustained(frame_ns: Sequence[int], fps: float) -> bool:
    """Return whether dropped_share is at most MOST_DROPPED; the replay ends once it is not."""
    camera, frames = Camera(fps, rest=lambda _: None), len(frame_ns)
    for handled, nanoseconds in enumerate(frame_ns, 1):
        camera.take()
        camera.handled(nanoseconds)
        at_least = camera.taken + frames - handled  # frames of the camera until the last one
        if 1 - frames / at_least > MOST_DROPPED:
            return False
    return True


def sustainable_fps(frame_ns: Sequence[int]) -> float | None:
    """Return the highest camera rate at which at most MOST_DROPPED of the frames are dropped.

    Args:
        frame_ns: the application's nanoseconds for each frame.

    Returns:
        Frames per second; None without frames, or if they took no time.
    """
    if not frame_ns or not max(frame_ns):
        return None
    low = 1e9 / max(frame_ns)  # no frame is dropped at this rate
    high = 2e9 * len(frame_ns) / sum(frame_ns)  # half of the frames are dropped at this rate
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        if _sustained(frame_ns, middle):
            low = middle
        else:
            high = middle
    return low
