"""Which pipeline a model takes: the one place that asks what its network sees."""

from collections.abc import Iterator
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
    """How a network's inputs are made and its outputs are read.

    Attributes:
        scales: of the input, for a model that sees whole images.
        flip: whether outputs are averaged with those of the mirrored input.
        most: crops in one forward, for a top-down model.
        trained: False feeds the codec perfect outputs in place of the network's.
        rescorer: judges the poses anew, where a model has one.
        people: where the people of an image are.
    """

    scales: tuple[float, ...] = ONE_SCALE
    flip: bool = False
    most: int = 1
    trained: bool = True
    rescorer: Rescorer | None = None
    people: People = GIVEN


def pipeline_of(spec: ModelSpec, session: Session, how: Processing) -> Pipeline[Any]:
    """The pipeline of a model whose network runs in this session."""
    if isinstance(spec.method, TopDown):
        return topdown.TopDownPipeline(
            *(spec, spec.method, session, how.flip, how.most, how.trained, how.people)
        )
    return whole_image.WholeImagePipeline(
        *(spec, spec.method, session, how.scales, how.flip, how.trained),
        rescorer=how.rescorer,
        people=how.people,
    )


def network_inputs(
    spec: ModelSpec, image_bgr: Image, boxes: Boxes, scales: tuple[float, ...] = ONE_SCALE
) -> Iterator[Maps]:
    """What the network is fed for an image: batches (N, 3, H, W); not timed.

    Args:
        spec: of the model.
        image_bgr: (H, W, 3) uint8.
        boxes: of its people, for a top-down model; one batch then holds all crops.
        scales: of the input, for a model that sees whole images; one batch for each then.
    """
    if isinstance(spec.method, TopDown):
        yield topdown.network_input(spec, spec.method, image_bgr, boxes)
        return
    height, width = image_bgr.shape[:2]
    for scaled in spec.method.sizing.inputs((width, height), scales):
        yield whole_image.network_input(spec, image_bgr, scaled)
