"""PoseMark finds the 2D human pose model, and its settings, that suit a device best."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Unpack

from posemark.core.telemetry import report_no_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from os import PathLike

    from torch import nn

    from posemark.core.errors import (
        CardError,
        CheckpointError,
        DataError,
        DownloadError,
        ExportError,
        FrameError,
        PoseMarkError,
        RecordError,
        RunError,
        UsageError,
    )
    from posemark.core.frame import Boxes, Poses
    from posemark.core.skeleton import Skeleton
    from posemark.estimator import Estimator
    from posemark.predict.frames import TrackedFrame
    from posemark.run.options import Choices

__version__ = "0.1.0"

__all__ = [
    "Boxes",
    "CardError",
    "CheckpointError",
    "DataError",
    "DownloadError",
    "Estimator",
    "ExportError",
    "FrameError",
    "PoseMarkError",
    "Poses",
    "RecordError",
    "RunError",
    "Skeleton",
    "TrackedFrame",
    "UsageError",
    "__version__",
    "load",
    "network",
    "track",
]

_ERRORS = "posemark.core.errors"
_HOMES = {
    "Boxes": "posemark.core.frame",
    "Poses": "posemark.core.frame",
    "Skeleton": "posemark.core.skeleton",
    "Estimator": "posemark.estimator",
    "TrackedFrame": "posemark.predict.frames",
} | {name: _ERRORS for name in __all__ if name.endswith("Error")}
"""The modules that define the exported classes, which are imported on first use."""


report_no_use()  # here, because every import of PoseMark and every worker passes by


def __getattr__(name: str) -> Any:
    """Import an exported class on first use, because `import posemark` must not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def load(
    name: "str | PathLike[str]",
    weights: "str | PathLike[str] | None" = None,
    setting: "str | PathLike[str] | None" = None,
    smooth: bool = False,
    **choices: "Unpack[Choices]",
) -> "Estimator":
    """Load a model that finds people in images, with the processing that `posemark run` measures.

    Args:
        name: an entry of `posemark run`: a model, MODEL.TAG with imported weights, for bottom-up
            models also MODEL@multi; or the card of an exported model, by name or path.
        weights: a checkpoint file, an imported tag, "best" for the best imported weights, or
            "none" for untrained weights. An exported model has its own weights.
        setting: a name that `posemark tune` saved for this entry, or a .toml file.
        smooth: whether the movement of key points is smoothed by the One Euro filter. It needs the
            time of every frame, which track() knows.
        **choices: options of `posemark run` by their names there: runtime, precision, device,
            layout, threads, persons, max_batch, codec, flip, calibrate. They must not contradict
            the setting. `detector` names a person detector for a top-down model, such as
            "rtmdet-nano" or a card.toml; with it also min_score, max_people, detector_size,
            detector_runtime, detector_precision and `every`: at 5, the detector looks at every 5th
            image of a stream, and people are followed in between.

    Returns:
        An Estimator. Called with an image (H, W, 3) uint8 BGR and, for top-down models without a
        detector, boxes_xywh (N, 4), it returns posemark.Poses.

    Raises:
        posemark.UsageError: if the name, the setting or the runtime does not exist here, if
            options contradict each other, or if no weights are named.
        posemark.CheckpointError: if the weights are missing or do not fit the model.
    """
    from posemark.measure.environment import wait_passively

    wait_passively()  # before torch is loaded: its threads would slow down a busy machine
    from posemark.run.load import load

    return load(name, weights, setting, smooth, **choices)


def network(name: str) -> "nn.Module":
    """Build the network of a model, in evaluation mode, with untrained weights.

    Its state dict has the official keys and shapes, so that
    `network(name).load_state_dict(torch.load(official_file, weights_only=True))` works.

    Args:
        name: a model name as `posemark list` shows it, such as "hrnet-w32-256x192".

    Returns:
        A torch module. Its forward(x (N, 3, H, W)) gives a dict of named tensors; heatmap models
        give {"heatmaps": (N, 17, H / 4, W / 4)}.

    Raises:
        posemark.UsageError: if no model has this name.
    """
    from posemark.measure.environment import wait_passively
    from posemark.models import spec_of

    wait_passively()
    return spec_of(name).build().eval()


def track(
    estimator: "Estimator",
    source: "str | PathLike[str]",
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    step: int = 1,
    say: "Callable[[str], object] | None" = None,
) -> "Iterator[TrackedFrame]":
    """Find and follow the people in a video, a camera or images, one picture after the other.

    The pictures are never a list: a video of any length takes the same memory, and a camera is
    read until the loop ends.

    Args:
        estimator: from load(); a top-down model needs a detector, as in load(NAME,
            detector="rtmdet-nano").
        source: a video, an image, a folder of images, a pattern such as "photos/*.jpg", or
            "camera:0".
        start_s: seconds from the beginning of the video to the first frame.
        end_s: seconds from the beginning of the video at which the frames end; None for its end.
        step: 1 for every picture, n for every n-th.
        say: called with a sentence for whatever is noticed, such as a rotation that was applied,
            and for every picture that cannot be used. They become warnings by default.

    Returns:
        An iterator of posemark.TrackedFrame. In a video the same person has the same id in every
        frame; people in images have no ids, because every image stands alone.

    Raises:
        posemark.UsageError: if the source does not exist, or the estimator needs boxes.
        posemark.DataError: if no video can be read from the file, or there is no such camera.
    """
    import warnings

    from posemark.predict.shots import part_of
    from posemark.predict.stream import track

    return track(estimator, source, part_of(start_s, end_s, step), say or warnings.warn)
