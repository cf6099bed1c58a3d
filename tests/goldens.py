"""Finds the golden files, and makes the weights that they were made with.

A golden is an output of a family's official code with formula weights. tests/golden has one of
every network, some of them as samples of the output (see accept.py). Goldens of pre- and
post-processing are read from ../shared; tests of goldens that are missing there are skipped.
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
    """Return the golden file, from the project or from ../shared; skip the test without it."""
    for root in (HERE, SHARED / "golden"):
        if (root / relative).exists():
            return root / relative
    pytest.skip(f"golden {relative} is only in ../shared/golden, which is not here")


def listing(folder, pattern):
    """Return the matching names in golden/FOLDER, from the project or ../shared, each once."""
    found = {p.name for root in (HERE, SHARED / "golden") for p in (root / folder).glob(pattern)}
    return sorted(found, key=lambda name: ([int(n) for n in re.findall(r"\d+", name)], name))


def folder(model):
    """Return the folder of a model's golden: its name as the official repositories write it."""
    name = model.replace("-", "_")
    return re.sub("^higherhrnet", "higher_hrnet", re.sub("^dark_", "darkpose_", name))


def own(model):
    """Return the folder of a network's golden; it must be in tests/golden, nothing is skipped."""
    name = folder(model)
    for file in ("keys.json", "golden.npz"):
        assert (HERE / name / file).is_file(), (
            f"{model} has no golden: tests/golden/{name}/{file} is missing. Make it with the "
            "official code under weights by formula (docs/add-a-model.md), or take it over with "
            f'make accept GOLDENS="{name}/{file}".'
        )
    return name


def shared(relative):
    """Return a file of ../shared (real images and weights); skip the test without it."""
    if not (SHARED / relative).exists():
        pytest.skip(f"needs ../shared/{relative}, which is not here")
    return SHARED / relative


def arrays(relative):
    with np.load(path(relative)) as archive:
        return dict(archive)


def assert_output(ours, golden, name):
    """Compare a network's output (an array) with the golden's `name`, within 1e-4 of its maximum.

    The golden may contain only every nth cell of each row and column (`name`_stride). Its mean,
    deviation and largest absolute value, if it has them, are those of all cells.
    """
    expected, step = golden[name], int(golden.get(f"{name}_stride", 1))
    assert ours.shape == tuple(golden.get(f"{name}_shape", expected.shape))
    stats = golden.get(f"{name}_stats")
    limit = 1e-4 * float(np.abs(expected).max() if stats is None else stats[2])
    kept = ours[..., ::step, ::step]
    np.testing.assert_allclose(kept, expected, rtol=0, atol=limit, err_msg=name)
    if stats is not None:
        whole = ours.astype(np.float64)
        found = [whole.mean(), whole.std(), np.abs(whole).max()]
        np.testing.assert_allclose(found, stats, rtol=0, atol=limit, err_msg=f"{name}, all cells")


def cases(golden, prefix=""):
    """Return the numbers of the cases in an archive, from names like prefix + "3/scale"."""
    numbers = {k[len(prefix) :].split("/")[0] for k in golden if k.startswith(prefix)}
    return sorted((n for n in numbers if n.isdecimal()), key=int)


def keys(folder):
    return _description(folder)["keys"]


def _description(folder):
    return json.loads(path(f"{folder}/keys.json").read_text())


def state_dict(folder):
    """Return the official state dict of a golden network: official names, formula weights."""
    entries = keys(folder)
    names = {entry[0] for entry in entries}
    return {
        entry[0]: torch.from_numpy(np.asarray(_tensor(entry, names, folder))) for entry in entries
    }


# DEKR's buffer: the positions of the cells of a 3x3 kernel, row 0 in y, row 1 in x.
GRID_3X3 = [[-1, -1, -1, 0, 0, 0, 1, 1, 1], [-1, 0, 1, -1, 0, 1, -1, 0, 1]]


def _tensor(entry, names, folder):
    name, shape, kind = entry[0], tuple(entry[1]), _kind(entry, names)
    if kind == "sine_pos":
        return _sine_positions(*_description(folder)["pos_hw"], shape[-1])
    if kind == "grid3x3":
        return np.array(GRID_3X3, np.float32)
    return formula.tensor(name, shape, "bn_weight_residual" if kind == "prelu" else kind)


def _sine_positions(height, width, channels):
    """Return TransPose's frozen table (L, 1, C), in the official code's float32 arithmetic."""
    half = np.arange(channels // 2)
    power = np.float32(2) * (half // 2).astype(np.float32) / np.float32(len(half))
    frequency = np.float32(10000) ** power

    def waves(count):
        turns = np.arange(1, count + 1, dtype=np.float32) / np.float32(count + 1e-6)
        angles = (turns * np.float32(2 * np.pi))[:, None] / frequency
        return np.where(half % 2 == 0, np.sin(angles), np.cos(angles))

    ys, xs = waves(height).repeat(width, 0), np.tile(waves(width), (height, 1))
    return np.concatenate([ys, xs], 1)[:, None].astype(np.float32)


def network_input(golden):
    rng = np.random.Generator(np.random.PCG64(int(golden["input_seed"])))
    shape = tuple(int(n) for n in golden["input_shape"])
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def image(seed, height, width):
    """Return uint8 (H, W, 3): coarse, medium and fine random blocks, in integer arithmetic."""
    rng = np.random.Generator(np.random.PCG64(1000003 + int(seed)))
    total = np.zeros((height, width, 3), np.int64)
    for cell, weight in ((32, 3), (8, 3), (3, 1)):
        grid = rng.integers(0, 256, (height // cell + 1, width // cell + 1, 3), dtype=np.int64)
        total += weight * grid.repeat(cell, 0).repeat(cell, 1)[:height, :width]
    return (total // 7).astype(np.uint8)


_BY_ENDING = {
    "num_batches_tracked": "counter",
    "regular_matrix": "grid3x3",
    "running_mean": "running_mean",
    "running_var": "running_var",
    "bias": "bias",
}

# Four-dimensional weights, by full name, that the goldens draw by another rule than the rest.
_BY_NAME = {
    r"(final_layers?|head_heatmap\.1|offset_final_layer)\b": "conv_head",
    r".*\b(transform_matrix_conv|translation_conv)\.weight$": "conv_small",
    r"deconv_layers\.\d+\.0\.0\.weight$": "conv_transpose",
}


def _kind(entry, names):
    """Return the kind of a tensor: the fourth field, or else a guess from name and shape."""
    if len(entry) > 3:
        return entry[3]
    name, shape = entry[0], entry[1]
    ending = name.rsplit(".", 1)[-1]
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    if len(shape) == 1:
        return _norm_kind(name, names)
    if len(shape) == 2:
        return "linear"
    return next((kind for rule, kind in _BY_NAME.items() if re.match(rule, name)), "conv")


def _norm_kind(name, names):
    if "fuse_layers" in name:
        return "bn_weight_fuse"
    inner = name.endswith(".bn2.weight") and name.replace(".bn2.", ".bn3.") in names
    if re.search(r"\.(bn2|bn3|bn)\.weight$", name) and not inner:
        return "bn_weight_residual"
    return "bn_weight"
