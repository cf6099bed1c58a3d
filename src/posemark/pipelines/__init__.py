"""L3: from an encoded frame to poses, as named stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from posemark.core.frame import Boxes, Frame, Poses
from posemark.runtimes import Session

Lap = Callable[[str], None]


class Pipeline(Protocol):
    """What the run loop needs of a pipeline; the work is the pipeline's own."""

    trained: bool

    @property
    def session(self) -> Session: ...

    def prepare(self, frame: Frame, boxes: Boxes) -> Any: ...

    def process(self, work: Any, lap: Lap) -> Poses: ...

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses: ...

    def people(self, work: Any, poses: Poses) -> int: ...

    def pixels(self, work: Any) -> int: ...


class Timed(ABC):
    """The timed frame of a pipeline that finds its people in `_find`."""

    def process(self, work: Any, lap: Lap) -> Poses:
        """The poses; calls lap(stage) at the end of each stage's share of work."""
        poses = self._find(work, lap)
        # By now the image and the maps have been freed: an application pays for that as well.
        lap("postprocess")
        return poses

    @abstractmethod
    def _find(self, work: Any, lap: Lap) -> Poses: ...
