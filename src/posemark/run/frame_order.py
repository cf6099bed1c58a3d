"""Yields the frames of a run: each once, repeatedly, or as a simulated camera takes them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from posemark.core.frame import Frame
from posemark.measure.camera import Camera, Shot


def unfinished(frames: list[Frame], measured: Iterable[int], passes: int) -> list[Frame]:
    """Return the frames that remain to be measured, one pass over the data after the other.

    Args:
        frames: the frames of the run.
        measured: the image id of every measurement so far.
        passes: how many times the run goes through its frames.
    """
    have = Counter(measured)
    return [f for number in range(passes) for f in frames if have[f.image_id] <= number]


class Feed(Iterator[Frame]):
    """The frames of a run in their order, across all blocks.

    Args:
        frames: the frames; not empty if they are repeated.
        repeat: whether the first frame follows the last one.
        camera: takes frame i at its i-th shot, repeatedly, and drops the frames that came while
            an earlier one was processed; None without a camera.

    Attributes:
        shot: the camera's shot of the last frame; None without a camera.
    """

    def __init__(self, frames: list[Frame], repeat: bool, camera: Camera | None) -> None:
        self._frames, self._endless, self._camera = frames, repeat or camera is not None, camera
        self._next = 0
        self.shot: Shot | None = None

    @property
    def over(self) -> bool:
        """Return whether no frame is left."""
        return not self._endless and self._next >= len(self._frames)

    def __next__(self) -> Frame:
        if self.over:
            raise StopIteration
        if self._camera:
            self.shot = self._camera.shot()
            self._next = self.shot.index
        frame = self._frames[self._next % len(self._frames)]
        self._next += 1
        return frame

    def handled(self, frame_ns: int) -> None:
        """Advance the camera by the nanoseconds that the last frame took."""
        if self._camera:
            self._camera.handled(frame_ns)
