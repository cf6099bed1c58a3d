"""The bottom-up pipeline: the whole image at one or several scales, network, codec.

It has the same stages as the top-down pipeline, but the stage "detect" does nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from posemark.core.errors import FrameError
from posemark.core.frame import Boxes, Frame, Poses
from posemark.core.spec import ModelSpec, WholeImage
from posemark.core.whole_image import MISSING, Maps, Pass, Rescorer, ScaledInput
from posemark.geometry.affine import apply
from posemark.geometry.crop import Image, crop_batch
from posemark.geometry.flip import mirrored_image
from posemark.pipelines import Lap, Pipeline, Work
from posemark.pipelines.people import GIVEN, People
from posemark.runtimes import Session

Passes = tuple[Pass, ...]
"""One pass per input scale, in the order in which the network runs them."""

MOST_INPUT_PIXELS = 1 << 23
"""The largest number of pixels in one network input, such as 1280 x 6553.

If the short side of the input is fixed, a thin image makes a long input: 65,500 x 10 pixels would
become 1,676,800 x 512 and need 27 GB.
"""

NOT_FINITE = (
    "the network's output is not finite: it contains NaN or infinity, and no person was found. "
    "Try another precision (fp32), and check the weights."
)


@dataclass(frozen=True)
class WholeImagePipeline(Pipeline[Passes]):
    """The pipeline of a model that sees the whole image.

    Attributes:
        spec: the model.
        method: its method, with the sizing of its inputs and the codec that finds the people.
        session: the network in its runtime.
        scales: the input scales, which include 1.
        flip: whether outputs are averaged with those of the mirrored image.
        trained: whether the codec decodes the outputs of the network; if False, it decodes
            perfect outputs instead.
        rescorer: rescores the poses; None if its weights are not present.
        people: provides no boxes, because the codec finds the people.
    """

    spec: ModelSpec
    method: WholeImage
    session: Session
    scales: tuple[float, ...]
    flip: bool
    trained: bool
    rescorer: Rescorer | None = None
    people: People = GIVEN

    def pixels(self, work: Work[Passes]) -> int:
        """Count the pixels of the network inputs at all scales, which depend on the image size."""
        inputs = self._inputs(work.frame.size_wh)
        return sum(width * height for width, height in (each.size_wh for each in inputs))

    def _ready(self, size_wh: tuple[int, int], people: int) -> None:  # noqa: ARG002 (top-down)
        for scaled in self._inputs(size_wh):
            self.session.prepare((1, 3, *reversed(scaled.size_wh)))

    def _inputs(self, image_wh: tuple[int, int]) -> tuple[ScaledInput, ...]:
        """Compute the inputs of an image, one per scale.

        Raises:
            FrameError: if one of them has more than MOST_INPUT_PIXELS pixels.
        """
        inputs = self.method.sizing.inputs(image_wh, self.scales)
        width, height = max((each.size_wh for each in inputs), key=lambda wh: wh[0] * wh[1])
        if width * height > MOST_INPUT_PIXELS:
            raise FrameError(
                f"an image of {image_wh[0]}x{image_wh[1]} pixels would make a network input of "
                f"{width}x{height}, above the limit of {MOST_INPUT_PIXELS} pixels. Use an image "
                "with a more usual aspect ratio."
            )
        return inputs

    def _poses(
        self,
        image: Image,
        boxes: Boxes,  # noqa: ARG002 (top-down needs them)
        perfect: Passes | None,
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

    def _decoded(self, outputs: Passes, frame: Frame, boxes: Boxes) -> Poses:  # noqa: ARG002
        return self._located(outputs, frame.size_wh)

    def _load(self, boxes: Boxes, poses: Poses) -> int:  # noqa: ARG002 (top-down needs them)
        return len(poses)

    def _passes(self, image: Image, inputs: Sequence[ScaledInput], lap: Lap) -> Iterator[Pass]:
        for scaled in inputs:
            pixels = network_input(self.spec, image, scaled)
            mirror = mirrored_image(pixels, self.method.mirror_shift) if self.flip else None
            lap("preprocess")
            outputs = self.session.infer(pixels)
            flipped = self.session.infer(mirror) if mirror is not None else None
            lap("infer")
            yield Pass(scaled, outputs, flipped)

    def _perfect_outputs(self, frame: Frame, boxes: Boxes) -> Passes:  # noqa: ARG002
        return tuple(
            Pass(
                scaled,
                self.method.codec.encode(frame.truth, scaled, False),
                self.method.codec.encode(frame.truth, scaled, True) if self.flip else None,
            )
            for scaled in self._inputs(frame.size_wh)
        )

    def _located(self, passes: Passes, size_wh: tuple[int, int]) -> Poses:
        people, scores = self.method.codec.decode(passes)
        back = self.method.sizing.to_image(size_wh, [each.input for each in passes])
        points = apply(np.broadcast_to(back, (len(people), 2, 3)), people[..., :2])
        points[(people == MISSING).all(-1)] = MISSING[:2]
        if self.rescorer:
            located = np.concatenate([points, people[..., 2:]], axis=-1)
            scores = self.rescorer.rescored(located, scores)
        return Poses(points, people[..., 2], scores, self.spec.skeleton)


def _require_finite(passes: Passes) -> None:
    """Refuse NaN and infinity: NaN exceeds no threshold, so a decoder would find no people."""
    outputs = [
        maps
        for each in passes
        for given in (each.outputs, each.mirrored)
        for maps in (given or {}).values()
    ]
    if not all(np.isfinite(maps).all() for maps in outputs):
        raise FrameError(NOT_FINITE)


def network_input(spec: ModelSpec, image_bgr: Image, scaled: ScaledInput) -> Maps:
    """Compute the network input (1, 3, H, W): the normalised image at one scale."""
    return crop_batch(image_bgr, scaled.affine[None], scaled.size_wh, spec.pixels)
