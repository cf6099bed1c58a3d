"""Finds people in images with a model, for applications and for the benchmark.

The estimator does not depend on the benchmark: it has no jobs, records or clocks. A benchmark
builds an estimator and times its pipeline, so that an application runs the same code.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posemark.core.errors import UsageError
from posemark.core.frame import NOBODY, Boxes, Floats, Poses
from posemark.core.spec import ModelSpec
from posemark.geometry.boxes import croppable
from posemark.pipelines import Pipeline
from posemark.pipelines.build import Processing, pipeline_of
from posemark.runtimes import Session

_FARTHEST = 1e6
"""Pixels from the origin beyond which a box is refused: no image is as large."""

_SMALLEST = 1e-3
"""Pixels below which a side of a box counts as no size."""


@dataclass(frozen=True)
class Estimator:
    """A network that is ready to run, with the pre- and post-processing of its family.

    Attributes:
        spec: the model.
        pipeline: the processing of an image into poses, which a benchmark times.
    """

    spec: ModelSpec
    pipeline: Pipeline[Any]

    @classmethod
    def of(cls, spec: ModelSpec, session: Session, how: Processing) -> "Estimator":
        """Build the estimator of a model whose network runs in this session."""
        return cls(spec, pipeline_of(spec, session, how))

    def __repr__(self) -> str:
        return f"Estimator({self.spec.name}, {self.runtime} {self.precision} on {self.device})"

    @property
    def runtime(self) -> str:
        """The name of the runtime that runs the network."""
        return self.pipeline.session.runtime

    @property
    def precision(self) -> str:
        """The precision of the network's arithmetic."""
        return self.pipeline.session.precision

    @property
    def device(self) -> str:
        """The device that runs the network, as the runtime names it."""
        return self.pipeline.session.device

    def __call__(
        self,
        image_bgr: NDArray[np.uint8],
        boxes_xywh: ArrayLike | None = None,
        box_scores: ArrayLike | None = None,
    ) -> Poses:
        """Find the people of an image.

        Args:
            image_bgr: (H, W, 3) uint8 in BGR order, as OpenCV reads it.
            boxes_xywh: (N, 4) person boxes x, y, w, h in pixels, only for top-down models without
                a detector. All boxes are used unchanged.
            box_scores: (N,) factors in 0..1 of the person scores; 1 by default.

        Returns:
            The poses in image pixels; (0, 0) is the centre of the top-left pixel. For N boxes that
            were given or found, a top-down model gives at most N poses, not in the order of the
            boxes: the best pose is first, and poses that duplicate a better one are dropped.

        Raises:
            UsageError: if the image or the boxes have the wrong shape or type, if boxes are
                missing, have no size or are outside the image, or if boxes are given although the
                model is bottom-up or has a detector.
            FrameError: if the input of a bottom-up model would be too large, or if its outputs
                are not finite.
        """
        _require_image(image_bgr)
        boxes = self._boxes(image_bgr, boxes_xywh, box_scores)
        return self.pipeline.poses(image_bgr, boxes)

    def _boxes(
        self,
        image_bgr: NDArray[np.uint8],
        boxes_xywh: ArrayLike | None,
        box_scores: ArrayLike | None,
    ) -> Boxes:
        if self.spec.convention is None:
            return _no_boxes(self.spec, boxes_xywh)
        if self.pipeline.people.looks:
            _require_no_boxes(self.spec, boxes_xywh)
            return NOBODY
        return _boxes(self.spec, image_bgr, boxes_xywh, box_scores)


def _require_image(image: Any) -> None:
    """Check an image from an application, which may be of any type."""
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", type(image).__name__)
    right = shape is not None and len(shape) == 3 and shape[2] == 3 and 0 not in shape
    if not right or dtype != np.uint8:
        raise UsageError(
            f"expected an image (H, W, 3) of uint8 in BGR order, got shape {shape} of {dtype}. "
            "Decode the bytes of a file with cv2.imdecode first."
        )


def _no_boxes(spec: ModelSpec, boxes_xywh: ArrayLike | None) -> Boxes:
    if boxes_xywh is not None:
        raise UsageError(
            f"{spec.name} is bottom-up: it finds the people in the whole image itself. Leave "
            "boxes_xywh out."
        )
    return NOBODY


def _require_no_boxes(spec: ModelSpec, boxes_xywh: ArrayLike | None) -> None:
    if boxes_xywh is not None:
        raise UsageError(
            f"{spec.name} is loaded with a detector, which finds the people. Leave boxes_xywh out, "
            "or load the model without a detector."
        )


def _boxes(
    spec: ModelSpec,
    image: NDArray[np.uint8],
    boxes_xywh: ArrayLike | None,
    box_scores: ArrayLike | None,
) -> Boxes:
    if boxes_xywh is None:
        raise UsageError(
            f"{spec.name} is top-down: it needs the boxes of the people, boxes_xywh (N, 4). Run a "
            "person detector first, or load a bottom-up model."
        )
    boxes = _numbers("boxes_xywh", boxes_xywh)
    # A detector that found no people gives an empty list.
    boxes = boxes if boxes.size else boxes.reshape(0, 4)
    scores = np.ones(boxes.shape[:1]) if box_scores is None else _numbers("box_scores", box_scores)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
        raise UsageError(
            f"expected boxes_xywh (N, 4) and box_scores (N,), got shapes {boxes.shape} and "
            f"{scores.shape}."
        )
    _require_croppable(boxes, image)
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    if len(wrong):
        raise UsageError(
            f"box_scores[{wrong[0]}] is {scores[wrong[0]]}: expected a number from 0 to 1."
        )
    return Boxes(boxes, scores)


def _numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return an argument of an application as float64."""
    try:
        given = np.asarray(value)
        if given.size and given.dtype.kind not in "iufb":
            raise TypeError(f"values of type {given.dtype}")
        return given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name}: expected an array of numbers ({error}).") from error


def _require_croppable(boxes: Floats, image: NDArray[np.uint8]) -> None:
    height, width = image.shape[:2]
    within = (np.abs(boxes) <= _FARTHEST).all(1) & (boxes[:, 2:] >= _SMALLEST).all(1)
    wrong = np.flatnonzero(~(croppable(boxes, (width, height)) & within))
    if len(wrong):
        raise UsageError(
            f"box {wrong[0]}, {boxes[wrong[0]].tolist()}, has no size or is outside the image "
            f"of {width}x{height} pixels. Boxes are x, y, w, h in pixels. Leave such boxes out."
        )
