"""L3: pipelines process an image into poses in named stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

from posemark.core.frame import Boxes, Encoded, Frame, Moment, Poses
from posemark.geometry.crop import Image, decoded
from posemark.pipelines.people import People
from posemark.runtimes import Session

Lap = Callable[[str], None]
"""Called with the name of a stage when a share of its work ends; a run takes the time there."""

OutputsT = TypeVar("OutputsT")
"""The type of the outputs, of the network or perfect, that a kind of pipeline decodes."""


@dataclass(frozen=True)
class Work(Generic[OutputsT]):
    """One frame, prepared for a timed run.

    Attributes:
        frame: the frame.
        encoded: what is to be decoded inside the clock.
        boxes: the boxes that came with the frame.
        perfect: the outputs that the codec decodes instead of the network's outputs; None with
            trained weights.
    """

    frame: Frame
    encoded: Encoded
    boxes: Boxes
    perfect: OutputsT | None


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one frame.

    Attributes:
        poses: the poses in image pixels.
        load: number of people whose processing took the frame's time: the boxes for a top-down
            model, the poses for a bottom-up model.
        boxes: the person boxes; empty for a bottom-up model.
    """

    poses: Poses
    load: int
    boxes: Boxes


class Pipeline(ABC, Generic[OutputsT]):
    """The processing of an image into poses, for the timed frames of a run or for an application.

    Attributes:
        session: the network in its runtime.
        people: provides the person boxes of an image.
        trained: whether the codec decodes the outputs of the network; if False, it decodes
            perfect outputs instead.
    """

    session: Session
    people: People
    trained: bool

    def prepare(self, frame: Frame, boxes: Boxes) -> Work[OutputsT]:
        """Do, outside the timed region, all work that a camera application would not do.

        Raises:
            FrameError: if the image cannot be read or processed.
        """
        encoded = frame.read()
        foreseen = boxes
        if self.people.looks:
            image = decoded(encoded, frame)
            foreseen = self.people.find(image, boxes, frame.moment)
        self._ready(frame.size_wh, len(foreseen))
        perfect = None if self.trained else self._perfect_outputs(frame, foreseen)
        return Work(frame, encoded, boxes, perfect)

    def process(self, work: Work[OutputsT], lap: Lap) -> Found:
        """Find the people of a frame.

        Args:
            work: the prepared frame.
            lap: called with the name of a stage whenever a share of its work ends.

        Raises:
            FrameError: if the image or the outputs of the network cannot be used.
        """
        found = self._found(work, lap)
        # The image and the maps are freed by now; that time counts, as in an application.
        lap("postprocess")
        return found

    def _found(self, work: Work[OutputsT], lap: Lap) -> Found:
        frame = work.frame
        image = decoded(work.encoded, frame)
        lap("decode")
        boxes = self.people.find(image, work.boxes, frame.moment)
        lap("detect")
        poses = self._poses(image, boxes, work.perfect, lap)
        load = self._load(boxes, poses)
        return Found(self.people.saw(boxes, poses, frame.moment), load, boxes)

    def poses(self, image: Image, boxes: Boxes, moment: Moment | None = None) -> Poses:
        """Find the people of an image from the network's outputs, whether it is trained or not.

        Args:
            image: (H, W, 3) uint8 in BGR order.
            boxes: the boxes that came with the image.
            moment: the place of the image in its clip.
        """
        return self.found(image, boxes, moment).poses

    def found(
        self, image: Image, boxes: Boxes, moment: Moment | None = None, lap: Lap = lambda _: None
    ) -> Found:
        """Find the people of an image as `poses` does, and also return their boxes.

        Args:
            image: (H, W, 3) uint8 in BGR order.
            boxes: the boxes that came with the image.
            moment: the place of the image in its clip.
            lap: called with the name of a stage whenever a share of its work ends. The stage
                "preprocess" includes the preparation of the session for new shapes of input.
        """
        people = self.people.find(image, boxes, moment)
        lap("detect")
        poses = self.poses_of(image, people, lap)
        load = self._load(people, poses)
        seen = self.people.saw(people, poses, moment)
        lap("postprocess")
        return Found(seen, load, people)

    def poses_of(self, image: Image, boxes: Boxes, lap: Lap = lambda _: None) -> Poses:
        """Find the poses of the people in these boxes, without a look for other people.

        Args:
            image: (H, W, 3) uint8 in BGR order.
            boxes: the person boxes.
            lap: as in `found`.
        """
        height, width = image.shape[:2]
        self._ready((width, height), len(boxes))
        return self._poses(image, boxes, None, lap)

    def with_people(self, people: People) -> Self:
        """Return this pipeline with another provider of person boxes."""
        pipeline: Any = self  # every pipeline is a dataclass, which the base class is not
        return replace(pipeline, people=people)

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses:
        """Decode perfect outputs for these boxes; they show the highest accuracy of the codec."""
        return self._decoded(self._perfect_outputs(frame, boxes), frame, boxes)

    @abstractmethod
    def pixels(self, work: Work[OutputsT]) -> int:
        """Count the pixels of the network inputs; return 0 if the image size has no influence."""

    @abstractmethod
    def _ready(self, size_wh: tuple[int, int], people: int) -> None:
        """Prepare the session for the input shapes of such an image."""

    @abstractmethod
    def _perfect_outputs(self, frame: Frame, boxes: Boxes) -> OutputsT:
        """Compute the outputs of a perfect network for the annotated people."""

    @abstractmethod
    def _poses(self, image: Image, boxes: Boxes, perfect: OutputsT | None, lap: Lap) -> Poses:
        """Run all stages after detection; the codec decodes `perfect` if it is not None."""

    @abstractmethod
    def _decoded(self, outputs: OutputsT, frame: Frame, boxes: Boxes) -> Poses:
        """Decode outputs and map the poses to the image."""

    @abstractmethod
    def _load(self, boxes: Boxes, poses: Poses) -> int:
        """Count the people whose processing took the frame's time."""
