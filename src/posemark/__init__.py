"""PoseMark answers which 2D human pose model, at which settings, suits a device."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__version__ = "0.1.0"

__all__ = ["__version__", "network"]


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
        posemark.core.errors.UsageError: if no model has that name.
    """
    from posemark.models import spec_of

    return spec_of(name).build().eval()
