"""Where the golden files are, and the weights they were made with.

A golden is an output of a family's official code under weights by formula. Small ones lie
in tests/golden; the larger ones are looked up beside the checkout, and the test skips
where they are missing.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from posemark.nn import formula

HERE = Path(__file__).parent / "golden"
SHARED = Path(__file__).parents[2] / "shared"


def path(relative):
    """The golden file, from the project or from ../shared; skips without either."""
    for root in (HERE, SHARED / "golden"):
        if (root / relative).exists():
            return root / relative
    pytest.skip(f"golden {relative} is only in ../shared/golden, which is not here")


def shared(relative):
    """A file of ../shared (real images and weights); skips without it."""
    if not (SHARED / relative).exists():
        pytest.skip(f"needs ../shared/{relative}, which is not here")
    return SHARED / relative


def arrays(relative):
    with np.load(path(relative)) as archive:
        return dict(archive)


def cases(golden, prefix=""):
    """The numbers of the cases that an archive holds under names like prefix + "3/scale"."""
    numbers = {k[len(prefix) :].split("/")[0] for k in golden if k.startswith(prefix)}
    return sorted((n for n in numbers if n.isdecimal()), key=int)


def keys(model):
    return json.loads(path(f"{model}/keys.json").read_text())["keys"]


def state_dict(model):
    """The official state dict of a golden network: official names, weights by formula."""
    entries = keys(model)
    names = {entry[0] for entry in entries}
    return {
        entry[0]: torch.from_numpy(
            np.asarray(formula.tensor(entry[0], tuple(entry[1]), _kind(entry, names)))
        )
        for entry in entries
    }


def network_input(golden):
    rng = np.random.Generator(np.random.PCG64(int(golden["input_seed"])))
    shape = tuple(int(n) for n in golden["input_shape"])
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def image(seed, height, width):
    """uint8 (H, W, 3): coarse, medium and fine random blocks, in integer arithmetic."""
    rng = np.random.Generator(np.random.PCG64(1000003 + int(seed)))
    total = np.zeros((height, width, 3), np.int64)
    for cell, weight in ((32, 3), (8, 3), (3, 1)):
        grid = rng.integers(0, 256, (height // cell + 1, width // cell + 1, 3), dtype=np.int64)
        total += weight * grid.repeat(cell, 0).repeat(cell, 1)[:height, :width]
    return (total // 7).astype(np.uint8)


_BY_ENDING = {
    "num_batches_tracked": "counter",
    "running_mean": "running_mean",
    "running_var": "running_var",
    "bias": "bias",
}


def _kind(entry, names):
    """The kind of tensor: stated in the fourth field, else told from name and shape."""
    if len(entry) > 3:
        return entry[3]
    name, shape = entry[0], entry[1]
    ending = name.rsplit(".", 1)[-1]
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    if len(shape) == 1:
        return _norm_kind(name, names)
    if re.match(r"final_layers?\b", name):
        return "conv_head"
    return "linear" if len(shape) == 2 else "conv"


def _norm_kind(name, names):
    if "fuse_layers" in name:
        return "bn_weight_fuse"
    inner = name.endswith(".bn2.weight") and name.replace(".bn2.", ".bn3.") in names
    if re.search(r"\.(bn2|bn3|bn)\.weight$", name) and not inner:
        return "bn_weight_residual"
    return "bn_weight"
