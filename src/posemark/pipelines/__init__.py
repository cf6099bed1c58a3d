"""L3: from an image to poses, as named stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from posemark.core.frame import Boxes, Frame, Poses
from posemark.geometry.crop import Image, decode_bgr
from posemark.pipelines.people import People
from posemark.runtimes import Session

Lap = Callable[[str], None]

OutputsT = TypeVar("OutputsT")
"""What a kind of pipeline hands to its codec: the network's outputs, or perfect ones."""


@dataclass(frozen=True)
class Work(Generic[OutputsT]):
    """One frame ready for the clock.

    Attributes:
        frame: with its encoded image.
        encoded: bytes of a JPEG or PNG.
        boxes: that came with the frame.
        perfect: without trained weights the outputs that the codec reads in place of the
            network's; else None.
    """

    frame: Frame
    encoded: bytes
    boxes: Boxes
    perfect: OutputsT | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a frame came to.

    Attributes:
        poses: in image pixels.
        load: people that the frame's time went to: boxes of a top-down model, poses of others.
        dropped: boxes that could not be cropped.
    """

    poses: Poses
    load: int
    dropped: int


class Pipeline(ABC, Generic[OutputsT]):
    """From an encoded image to poses: the frame of a run, stage by stage, or an image.

    Attributes:
        session: the network in its runtime.
        people: where the people of an image are.
        trained: False where the codec reads perfect outputs in place of the network's.
    """

    session: Session
    people: People
    trained: bool

    def prepare(self, frame: Frame, boxes: Boxes) -> Work[OutputsT]:
        """Everything that a camera application would not do; runs outside the clock."""
        encoded = frame.read()
        foreseen = boxes
        if self.people.looks:
            image = decode_bgr(encoded, frame.size_wh, frame.name)
            foreseen = self.people.find(image, boxes)
        self._ready(frame.size_wh, len(foreseen))
        perfect = None if self.trained else self._perfect_outputs(frame, foreseen)
        return Work(frame, encoded, boxes, perfect)

    def process(self, work: Work[OutputsT], lap: Lap) -> Found:
        """The people of a frame; calls lap(stage) at the end of each stage's share of work."""
        found = self._found(work, lap)
        # By now the image and the maps have been freed: an application pays for that as well.
        lap("postprocess")
        return found

    def _found(self, work: Work[OutputsT], lap: Lap) -> Found:
        image = decode_bgr(work.encoded, work.frame.size_wh, work.frame.name)
        lap("decode")
        boxes = self.people.find(image, work.boxes)
        lap("detect")
        poses = self._poses(image, boxes, work.perfect, lap)
        return Found(poses, self._load(boxes, poses), boxes.dropped)

    def poses(self, image: Image, boxes: Boxes) -> Poses:
        """What the network itself makes of an image, trained or not; not timed."""
        height, width = image.shape[:2]
        people = self.people.find(image, boxes)
        self._ready((width, height), len(people))
        return self._poses(image, people, None, lambda _: None)

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses:
        """The poses that perfect outputs for these boxes decode to; not timed."""
        return self._decoded(self._perfect_outputs(frame, boxes), frame, boxes)

    @abstractmethod
    def pixels(self, work: Work[OutputsT]) -> int:
        """Of the network's inputs, where they follow the image's size; else 0."""

    @abstractmethod
    def _ready(self, size_wh: tuple[int, int], people: int) -> None:
        """Make the session ready for the shapes that such an image needs."""

    @abstractmethod
    def _perfect_outputs(self, frame: Frame, boxes: Boxes) -> OutputsT:
        """What a flawless network would give for these people."""

    @abstractmethod
    def _poses(self, image: Image, boxes: Boxes, perfect: OutputsT | None, lap: Lap) -> Poses:
        """The poses. perfect: what the codec reads in place of the network's outputs."""

    @abstractmethod
    def _decoded(self, outputs: OutputsT, frame: Frame, boxes: Boxes) -> Poses:
        """The poses that outputs decode to."""

    @abstractmethod
    def _load(self, boxes: Boxes, poses: Poses) -> int:
        """How many people the frame's time went to."""
