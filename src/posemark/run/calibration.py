"""Provides network inputs from a data set, from which the ranges of int8 are chosen."""

from collections.abc import Iterator
from functools import lru_cache, partial

from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.spec import Entry, ModelSpec
from posemark.core.whole_image import Maps
from posemark.datasets import Dataset, open_dataset
from posemark.datasets.boxes import open_boxes
from posemark.geometry.crop import image_of
from posemark.pipelines.build import network_inputs
from posemark.runtimes import Calibration

FRAMES = 100
"""Number of annotated images, evenly spread over the data; more change neither ranges nor AP."""


def calibration(spec: ModelSpec, entry: Entry, data: str) -> Calibration:
    """Return the inputs of an entry's network for FRAMES annotated images of a data set.

    A top-down model gets crops of the annotated boxes, one per batch.

    Args:
        spec: the model of the entry.
        entry: the entry, whose scales are those of the inputs.
        data: the data set, as given to --calibrate.

    Raises:
        UsageError: if the data set is unknown or has no annotated people.
        DataError: if the data set is missing or damaged.
    """
    dataset = _opened(data)
    frames = spread([frame for frame in dataset.frames() if len(frame.truth)], FRAMES)
    if not frames:
        raise UsageError(
            f"--calibrate {data}: expected images with annotated people, but the data set has "
            "none. Name another data set."
        )
    name = f"{dataset.name}:{dataset.fingerprint}:{len(frames)}:{entry.scales}"
    return Calibration(
        name, partial(_inputs, spec, entry.scales, dataset.name, frames), notes(data)
    )


def notes(data: str | None) -> tuple[str, ...]:
    """Return what was left out of a data set's annotations or filled in, one sentence each.

    Args:
        data: the data set, as given to --calibrate; None without calibration.

    Raises:
        UsageError: if the data set is unknown.
        DataError: if the data set is missing or damaged.
    """
    found = _opened(data).notes if data else ()
    return tuple(f"calibration: {note}" for note in found)


@lru_cache(maxsize=1)  # the entries of a run share one data set
def _opened(data: str) -> Dataset:
    try:
        return open_dataset(data)
    except UsageError as error:
        raise UsageError(f"--calibrate {data}: {error}") from error


def spread(frames: list[Frame], most: int) -> list[Frame]:
    """Return at most `most` of the frames, evenly spread."""
    count = min(most, len(frames))
    return [frames[i * len(frames) // count] for i in range(count)]


def _inputs(
    spec: ModelSpec, scales: tuple[float, ...], data: str, frames: list[Frame]
) -> Iterator[Maps]:
    source = open_boxes("gt", spec.convention, 0, data, frames)
    for frame in frames:
        image = image_of(frame)
        for batch in network_inputs(spec, image, source.of(frame), scales):
            yield from (one[None] for one in batch)
