"""L3: from an encoded frame to poses, as named stages."""

from collections.abc import Callable
from typing import Any, Protocol

from posemark.core.frame import Boxes, Frame, Poses


class Pipeline(Protocol):
    """What the run loop needs of a pipeline; the work is the pipeline's own."""

    trained: bool

    def prepare(self, frame: Frame, boxes: Boxes) -> Any: ...

    def process(self, work: Any, lap: Callable[[str], None]) -> Poses: ...

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses: ...

    def people(self, work: Any, poses: Poses) -> int: ...

    def pixels(self, work: Any) -> int: ...
