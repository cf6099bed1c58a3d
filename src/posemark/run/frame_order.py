"""Which frame comes next: each once, round and round, or as a camera takes them."""

from collections.abc import Iterator

from posemark.core.frame import Frame
from posemark.measure.camera import Camera, Shot


class Feed(Iterator[Frame]):
    """The frames of a run in their order; goes on over block after block.

    repeat: begin again after the last frame. camera: takes frame i of the data at its i-th
    shot, again and again, and loses those that nobody had time for.
    """

    def __init__(self, frames: list[Frame], repeat: bool, camera: Camera | None) -> None:
        self._frames, self._endless, self._camera = frames, repeat or camera is not None, camera
        self._next = 0
        self.shot: Shot | None = None

    @property
    def over(self) -> bool:
        """Whether no frame is left."""
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
        """The frame took so long; the camera went on meanwhile."""
        if self._camera:
            self._camera.handled(frame_ns)
