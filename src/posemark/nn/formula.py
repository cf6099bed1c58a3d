"""Weights by formula: values that depend only on the name, shape and kind of a tensor.

With them a network runs at its true cost before a checkpoint is downloaded, and the official
code ran with them to make the golden files. The gains keep activations in a normal range:
overflowing or denormal numbers would change the timing.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

VERSION = "formula-1"

# Norms whose output is added to another branch, or which repeat often (Lite-HRNet's depthwise
# steps): without a small gain the sums grow with depth.
_ADDED = re.compile(r"\bbn[23]$|fuse_layers|depthwise_convs|branch2\.1|transition")

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

_GAIN = {
    "conv": 1.0,
    "linear": 1.0,
    "conv_small": 0.5,
    "conv_head": 0.25,
    "bn_weight": 1.0,
    "bn_weight_residual": 0.2,
    "bn_weight_fuse": 0.2,
}


def tensor(name: str, shape: tuple[int, ...], kind: str) -> NDArray[np.generic]:
    """Compute the values of a tensor; the name seeds the random numbers.

    Args:
        name: name in the state dict.
        shape: shape of the tensor.
        kind: counter, bias, running_mean, running_var, conv_transpose (of stride 2), conv,
            conv_small, conv_head, linear, bn_weight, bn_weight_residual or bn_weight_fuse.

    Returns:
        An array of the shape, in float32; int64 for the kind counter.
    """
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    if kind == "counter":
        return np.zeros(shape, np.int64)
    if kind == "bias":
        values = rng.uniform(-0.1, 0.1, shape)
    elif kind == "running_mean":
        values = 0.1 * rng.standard_normal(shape)
    elif kind == "running_var":
        values = rng.uniform(0.5, 1.5, shape)
    elif kind.startswith("bn_weight"):
        values = _GAIN[kind] * rng.uniform(0.9, 1.1, shape)
    elif kind == "conv_transpose":
        fan_in = shape[0] * shape[2] * shape[3] / 4.0
        values = rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)
    else:
        fan_in = int(np.prod(shape[1:]))
        values = rng.standard_normal(shape) * (np.sqrt(2.0 / fan_in) * _GAIN[kind])
    return values.astype(np.float32)


def _kinds(prefix: str, module: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the name in the state dict and the kind of every tensor of this module itself."""
    if isinstance(module, _BATCH_NORMS):
        yield f"{prefix}.weight", "bn_weight_residual" if _ADDED.search(prefix) else "bn_weight"
        yield f"{prefix}.bias", "bias"
        yield f"{prefix}.running_mean", "running_mean"
        yield f"{prefix}.running_var", "running_var"
        yield f"{prefix}.num_batches_tracked", "counter"
        return
    for name, parameter in module.named_parameters(recurse=False):
        full = f"{prefix}.{name}" if prefix else name
        yield full, "bias" if name.endswith("bias") else _weight_kind(module, parameter.ndim)


def _weight_kind(module: nn.Module, ndim: int) -> str:
    if isinstance(module, nn.ConvTranspose2d):
        return "conv_transpose"
    if isinstance(module, nn.PReLU):
        return "bn_weight_residual"  # a slope, for which 0.2 is a common value
    return {1: "bn_weight", 2: "linear"}.get(ndim, "conv")


def initialise(network: nn.Module) -> None:
    """Fill the network by formula, in place; frozen parameters and constant buffers are kept."""
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    modules = cast("Iterable[tuple[str, nn.Module]]", network.named_modules())
    kinds = dict(pair for prefix, module in modules for pair in _kinds(prefix, module))
    own = network.state_dict()
    filled = {
        name: torch.as_tensor(tensor(name, tuple(own[name].shape), kind))
        for name, kind in kinds.items()
        if name not in frozen
    }
    network.load_state_dict(own | filled, strict=True)
