"""PoseMark answers which 2D human pose model, at which settings, suits a device."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    "UsageError",
    "__version__",
    "load",
    "network",
]

_ERRORS = "posemark.core.errors"
_HOMES = {
    "Boxes": "posemark.core.frame",
    "Poses": "posemark.core.frame",
    "Skeleton": "posemark.core.skeleton",
    "Estimator": "posemark.estimator",
} | {name: _ERRORS for name in __all__ if name.endswith("Error")}
"""Where the exported classes are defined; they are imported when first asked for."""


def __getattr__(name: str) -> Any:
    """An exported class: `import posemark` alone loads neither numpy nor torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def load(name: str, weights: str | None = None, setting: str | None = None) -> "Estimator":
    """A model ready to find people in images, with the processing that `posemark run` measures.

    Args:
        name: an entry as `posemark run` takes it: a model, MODEL.TAG with imported weights, for
            bottom-up models also MODEL@multi; or the card of an exported model, by name or path.
        weights: a checkpoint file, an imported tag, "best" for the best of the imported ones, or
            "none" for untrained weights, which must be asked for. An exported model has its own.
        setting: a name that `posemark tune` saved for this entry, or a .toml file.

    Returns:
        An Estimator: called with an image (H, W, 3) uint8 BGR and, for top-down models,
        boxes_xywh (N, 4), it returns posemark.Poses.

    Raises:
        posemark.UsageError: for a name, a setting or a runtime that is not here, or
            where no weights are named.
        posemark.CheckpointError: for weights that are not here or do not fit.
    """
    from posemark.run.load import load

    return load(name, weights, setting)


def network(name: str) -> "nn.Module":
    """The network of a model, in evaluation mode, with untrained weights.

    Its state dict has the official keys and shapes, so that
    `network(name).load_state_dict(torch.load(official_file, weights_only=True))` works.

    Args:
        name: a model name as `posemark list` shows it, such as "hrnet-w32-256x192".

    Returns:
        A torch module; forward(x (N, 3, H, W)) gives a dict of named tensors, for heatmap
        models {"heatmaps": (N, 17, H / 4, W / 4)}.

    Raises:
        posemark.UsageError: if no model has that name.
    """
    from posemark.models import spec_of

    return spec_of(name).build().eval()
