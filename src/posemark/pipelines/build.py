"""Builds the pipeline of a model. Only this module asks whether its network sees crops."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from posemark.core.frame import Boxes
from posemark.core.spec import ONE_SCALE, ModelSpec, TopDown
from posemark.core.whole_image import Maps, Rescorer
from posemark.geometry.crop import Image
from posemark.pipelines import Pipeline, topdown, whole_image
from posemark.pipelines.people import GIVEN, People
from posemark.runtimes import Session


@dataclass(frozen=True)
class Processing:
    """The settings of pre- and post-processing.

    Attributes:
        scales: input scales of a bottom-up model.
        flip: whether outputs are averaged with those of the mirrored input.
        most: the largest number of crops in one batch of a top-down model.
        trained: whether the codec decodes the outputs of the network; if False, it decodes
            perfect outputs instead.
        rescorer: rescores the poses; None if the model has no rescorer.
        people: provides the person boxes of an image.
    """

    scales: tuple[float, ...] = ONE_SCALE
    flip: bool = False
    most: int = 1
    trained: bool = True
    rescorer: Rescorer | None = None
    people: People = GIVEN


def pipeline_of(spec: ModelSpec, session: Session, how: Processing) -> Pipeline[Any]:
    """Build the pipeline of a model whose network runs in this session."""
    if isinstance(spec.method, TopDown):
        return topdown.TopDownPipeline(
            *(spec, spec.method, session, how.flip, how.most, how.trained, how.people)
        )
    return whole_image.WholeImagePipeline(
        *(spec, spec.method, session, how.scales, how.flip, how.trained),
        rescorer=how.rescorer,
        people=how.people,
    )


def input_shapes(
    spec: ModelSpec, images_wh: Iterable[tuple[int, int]], how: Processing
) -> tuple[tuple[int, ...], ...]:
    """Return the shapes (N, 3, H, W) of the network inputs that these images may lead to.

    Args:
        spec: the model.
        images_wh: width and height of every image.
        how: the settings of the pipeline.

    Returns:
        One shape per number of crops in a batch (top-down), or one per image and scale.
    """
    if isinstance(spec.method, TopDown):
        return tuple((count, 3, *spec.input_hw) for count in range(1, how.most + 1))
    sized = (spec.method.sizing.inputs(image_wh, how.scales) for image_wh in images_wh)
    return tuple((1, 3, each.size_wh[1], each.size_wh[0]) for inputs in sized for each in inputs)


def network_inputs(
    spec: ModelSpec, image_bgr: Image, boxes: Boxes, scales: tuple[float, ...] = ONE_SCALE
) -> Iterator[Maps]:
    """Compute the network inputs of an image.

    Args:
        spec: the model.
        image_bgr: (H, W, 3) uint8.
        boxes: the person boxes, for a top-down model.
        scales: the input scales, for a bottom-up model.

    Yields:
        Batches (N, 3, H, W): one with all crops, or one per scale.
    """
    if isinstance(spec.method, TopDown):
        yield topdown.network_input(spec, spec.method, image_bgr, boxes)
        return
    height, width = image_bgr.shape[:2]
    for scaled in spec.method.sizing.inputs((width, height), scales):
        yield whole_image.network_input(spec, image_bgr, scaled)
