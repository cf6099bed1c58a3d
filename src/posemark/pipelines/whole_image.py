"""Bottom-up: the whole image at one or several scales, a network, a codec that finds people.

The same stages as top-down, booked in the same ledger; nothing happens in `detect`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Poses
from posemark.core.spec import ModelSpec
from posemark.core.whole_image import MISSING, GroupCodec, Maps, Pass, Rescorer, ScaledInput, Sizing
from posemark.geometry.affine import apply
from posemark.geometry.crop import Image, crop_batch
from posemark.geometry.flip import mirrored_image
from posemark.pipelines import Lap, Staged
from posemark.runtimes import Session

MOST_INPUT_PIXELS = 1 << 23
"""Of one network input: 1280 x 6553. Where the short side is fixed, a thin image makes a long
input: 65,500 x 10 pixels would become 1,676,800 x 512, and take 27 GB."""

NOT_FINITE = (
    "the network's output is not finite: it holds values that are no numbers, and nobody was "
    "found. Try another precision (fp32), and check the weights."
)


@dataclass(frozen=True)
class Work:
    """One frame ready for the clock.

    perfect: without trained weights the oracle passes that the codec reads, one a scale; else
    None.
    """

    frame: Frame
    encoded: bytes
    boxes: Boxes
    perfect: tuple[Pass, ...] | None


@dataclass(frozen=True)
class BottomUp(Staged):
    """The pipeline of one entry.

    scales: of the input, 1 among them. flip: average with the mirrored image. trained: False
    feeds the codec perfect outputs in place of the network's. rescorer: judges poses anew.
    """

    spec: ModelSpec
    session: Session
    sizing: Sizing
    codec: GroupCodec
    scales: tuple[float, ...]
    flip: bool
    trained: bool
    rescorer: Rescorer | None = None

    def prepare(self, frame: Frame, boxes: Boxes) -> Work:
        """Everything that a camera application would not do; runs outside the clock."""
        encoded = frame.read()
        self._ready(frame.size_wh, len(boxes))
        perfect = None if self.trained else self._perfect_passes(frame)
        return Work(frame, encoded, boxes, perfect)

    def _ready(self, size_wh: tuple[int, int], people: int) -> None:  # noqa: ARG002 (top-down)
        for scaled in self._inputs(size_wh):
            self.session.prepare((1, 3, *reversed(scaled.size_wh)))

    def _inputs(self, image_wh: tuple[int, int]) -> tuple[ScaledInput, ...]:
        """The inputs of an image, one a scale.

        Raises:
            FrameError: if one of them has more than MOST_INPUT_PIXELS.
        """
        inputs = self.sizing.inputs(image_wh, self.scales)
        width, height = max((each.size_wh for each in inputs), key=lambda wh: wh[0] * wh[1])
        if width * height > MOST_INPUT_PIXELS:
            raise FrameError(
                f"an image of {image_wh[0]}x{image_wh[1]} pixels would make a network input of "
                f"{width}x{height}, above the limit of {MOST_INPUT_PIXELS} pixels. Use an image "
                "of more usual proportions."
            )
        return inputs

    def _find(
        self,
        image: Image,
        boxes: Boxes,  # noqa: ARG002 (top-down needs them)
        perfect: tuple[Pass, ...] | None,
        lap: Lap,
    ) -> Poses:
        height, width = image.shape[:2]
        inputs = self._inputs((width, height))
        passes = tuple(self._passes(image, inputs, lap))
        if perfect is not None:
            return self._located(perfect, (width, height))
        poses = self._located(passes, (width, height))
        if not len(poses):
            _require_finite(passes)
        return poses

    def perfect(self, frame: Frame, boxes: Boxes) -> Poses:  # noqa: ARG002 (top-down needs them)
        """The poses that perfect outputs decode to; not timed."""
        return self._located(self._perfect_passes(frame), frame.size_wh)

    def people(self, work: Work, poses: Poses) -> int:  # noqa: ARG002 (top-down needs it)
        """How many people the frame's time went to: those found."""
        return len(poses)

    def pixels(self, work: Work) -> int:
        """Of the network's inputs at all scales: they follow the image's size."""
        inputs = self._inputs(work.frame.size_wh)
        return sum(width * height for width, height in (each.size_wh for each in inputs))

    def _passes(self, image: Image, inputs: tuple[ScaledInput, ...], lap: Lap) -> Iterator[Pass]:
        for scaled in inputs:
            pixels = network_input(self.spec, image, scaled)
            mirror = mirrored_image(pixels, self.spec.mirror_shift) if self.flip else None
            lap("preprocess")
            outputs = self.session.infer(pixels)
            flipped = self.session.infer(mirror) if mirror is not None else None
            lap("infer")
            yield Pass(scaled, outputs, flipped)

    def _perfect_passes(self, frame: Frame) -> tuple[Pass, ...]:
        return tuple(
            Pass(
                scaled,
                self.codec.encode(frame.truth, scaled, False),
                self.codec.encode(frame.truth, scaled, True) if self.flip else None,
            )
            for scaled in self._inputs(frame.size_wh)
        )

    def _located(self, passes: tuple[Pass, ...], size_wh: tuple[int, int]) -> Poses:
        people, scores = self.codec.decode(passes)
        back = self.sizing.to_image(size_wh, [each.input for each in passes])
        points = apply(np.broadcast_to(back, (len(people), 2, 3)), people[..., :2])
        points[(people == MISSING).all(-1)] = MISSING[:2]
        if self.rescorer:
            located = np.concatenate([points, people[..., 2:]], axis=-1)
            scores = self.rescorer.rescored(located, scores)
        return Poses(points, people[..., 2], scores)


def _require_finite(passes: tuple[Pass, ...]) -> None:
    """What is no number exceeds no threshold: a decoder takes it for an image without people."""
    outputs = [
        maps
        for each in passes
        for given in (each.outputs, each.mirrored)
        for maps in (given or {}).values()
    ]
    if not all(np.isfinite(maps).all() for maps in outputs):
        raise FrameError(NOT_FINITE)


def network_input(spec: ModelSpec, image_bgr: Image, scaled: ScaledInput) -> Maps:
    """(1, 3, H, W): the image at one scale, as the network is fed it."""
    return crop_batch(image_bgr, scaled.affine[None], scaled.size_wh, spec.pixels)
