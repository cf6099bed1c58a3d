"""What a network is fed on a data set that the user names, for choosing int8 ranges."""

from collections.abc import Iterator
from functools import lru_cache, partial

from posemark.core.errors import UsageError
from posemark.core.frame import Frame
from posemark.core.spec import Entry, ModelSpec
from posemark.core.whole_image import Maps
from posemark.datasets import Dataset, open_dataset
from posemark.datasets.boxes import open_boxes
from posemark.geometry.crop import decode_bgr
from posemark.pipelines.build import network_inputs
from posemark.runtimes import Calibration

FRAMES = 100
"""Annotated images, evenly spread over the data set: more change ranges, and AP, no further."""


def calibration(spec: ModelSpec, entry: Entry, data: str) -> Calibration:
    """The inputs of an entry for FRAMES images of a data set, ground-truth boxes.

    Raises:
        UsageError: for an unknown data set, or one without annotated people.
        DataError: as the data set does.
    """
    dataset = _opened(data)
    frames = spread([frame for frame in dataset.frames() if len(frame.truth)], FRAMES)
    if not frames:
        raise UsageError(
            f"--calibrate {data}: expected images with annotated people, and there are none."
        )
    name = f"{dataset.name}:{dataset.fingerprint}:{len(frames)}:{entry.scales}"
    return Calibration(
        name, partial(_inputs, spec, entry.scales, dataset.name, frames), notes(data)
    )


def notes(data: str | None) -> tuple[str, ...]:
    """What was left out of the annotations of a data set that is calibrated with, or filled in.

    Raises:
        UsageError, DataError: as calibration does for a data set that cannot be read.
    """
    found = _opened(data).notes if data else ()
    return tuple(f"calibration: {note}" for note in found)


@lru_cache(maxsize=1)  # the entries of a run share one
def _opened(data: str) -> Dataset:
    return open_dataset(data)


def spread(frames: list[Frame], most: int) -> list[Frame]:
    """At most so many of the frames, evenly."""
    count = min(most, len(frames))
    return [frames[i * len(frames) // count] for i in range(count)]


def _inputs(
    spec: ModelSpec, scales: tuple[float, ...], data: str, frames: list[Frame]
) -> Iterator[Maps]:
    source = open_boxes("gt", spec.convention, 0, data, frames)
    for frame in frames:
        image = decode_bgr(frame.read(), frame.size_wh, frame.name)
        for batch in network_inputs(spec, image, source.of(frame), scales):
            yield from (one[None] for one in batch)
