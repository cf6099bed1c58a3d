"""L3: from an image to poses, as named stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from posemark.core.frame import Boxes, Frame, Poses
from posemark.geometry.crop import Image, decode_bgr
from posemark.runtimes import Session

Lap = Callable[[str], None]


class Pipeline(Protocol):
    """What the run loop needs of a pipeline; the work is the pipeline's own."""

    trained: bool

    @property
    def session(self) -> Session: ...

    def prepare(self, frame: Frame, boxes: Boxes) -> Any: ...

    def process(self, work: Any, lap: Lap) -> Poses: ...

    def poses(self, image: Image, boxes: Boxes) -> Poses: ...

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses: ...

    def people(self, work: Any, poses: Poses) -> int: ...

    def pixels(self, work: Any) -> int: ...


class Staged(ABC):
    """What pipelines share: a frame of a run, timed by stage, and an image of an application.

    A pipeline makes its session ready in `_ready` and finds the people of an image in `_find`.
    """

    def process(self, work: Any, lap: Lap) -> Poses:
        """The poses; calls lap(stage) at the end of each stage's share of work."""
        poses = self._decoded(work, lap)
        # By now the image and the maps have been freed: an application pays for that as well.
        lap("postprocess")
        return poses

    def _decoded(self, work: Any, lap: Lap) -> Poses:
        image = decode_bgr(work.encoded, work.frame.size_wh, work.frame.name)
        lap("decode")
        lap("detect")
        return self._find(image, work.boxes, work.perfect, lap)

    def poses(self, image: Image, boxes: Boxes) -> Poses:
        """What the network itself makes of an image, trained or not; not timed."""
        height, width = image.shape[:2]
        self._ready((width, height), len(boxes))
        return self._find(image, boxes, None, lambda _: None)

    @abstractmethod
    def _ready(self, size_wh: tuple[int, int], people: int) -> None: ...

    @abstractmethod
    def _find(self, image: Image, boxes: Boxes, perfect: Any, lap: Lap) -> Poses:
        """perfect: what the codec reads in place of the network's outputs, if not None."""
