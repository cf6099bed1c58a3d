"""DEKR and its deformable convolution, against the official code and a plain loop."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

import goldens
from posemark.models import dekr
from posemark.nn.deform import deform_conv

VARIANTS = {"dekr_w32_512": dekr.build_w32, "dekr_w48_640": dekr.build_w48}


def record_taps(network, golden, found):
    for key in {k.split("/")[1] for k in golden if k.startswith("tap/")}:
        name, _, index = key.partition(":")

        def keep(_, __, output, key=key, index=int(index)):
            # A copy: later in-place rectifiers would change what was recorded.
            found[key] = (output[index] if isinstance(output, list) else output).clone()

        network.get_submodule(name).register_forward_hook(keep)


@pytest.mark.parametrize("folder", VARIANTS)
def test_outputs_and_taps_of_the_official_code(folder):
    golden = goldens.arrays(f"{folder}/golden.npz")
    network = VARIANTS[folder]().eval()
    network.load_state_dict(goldens.state_dict(folder), strict=True)
    taps = {}
    record_taps(network, golden, taps)
    with torch.inference_mode():
        outputs = network(goldens.network_input(golden))
        assert len(taps) == sum(k.count("/") == 1 and k.startswith("tap/") for k in golden)
        for key, output in taps.items():
            flat = output.numpy().ravel()[:: int(golden[f"tap/{key}/step"])][:256]
            limit = 1e-4 * golden[f"tap/{key}/stats"][2]
            np.testing.assert_allclose(flat, golden[f"tap/{key}"], rtol=0, atol=limit, err_msg=key)
        other = {k.removeprefix("alt_"): v for k, v in golden.items() if k.startswith("alt_")}
        wide = network(goldens.network_input(other))
    for name in ("heatmap", "offset"):
        goldens.assert_output(outputs[f"{name}s"].numpy(), golden, name)
        goldens.assert_output(wide[f"{name}s"].numpy(), other, name)


# --- the deformable convolution ---------------------------------------------------------------


def oracle_deform(x, offsets, weight):
    """Return the output by definition: one pixel and one kernel cell at a time, in float64."""
    n, channels, height, width = x.shape
    total = np.zeros((n, len(weight), height, width))
    for image, row, column in np.ndindex(n, height, width):
        for cell in range(9):
            y = row + cell // 3 - 1 + offsets[image, 2 * cell, row, column]
            x_ = column + cell % 3 - 1 + offsets[image, 2 * cell + 1, row, column]
            top, left = int(np.floor(y)), int(np.floor(x_))
            seen = np.zeros(channels)
            for at_y, at_x in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                if 0 <= at_y < height and 0 <= at_x < width:
                    share = (1 - abs(y - at_y)) * (1 - abs(x_ - at_x))
                    seen += share * x[image, :, at_y, at_x]
            total[image, :, row, column] += weight[:, :, cell // 3, cell % 3] @ seen
    return total


@pytest.mark.parametrize("size_hw", [(7, 9), (1, 5), (4, 1), (1, 1)])
@pytest.mark.parametrize("reach", [0.3, 3.0, 40.0])
def test_deform_conv_equals_the_plain_loop(size_hw, reach):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 5, *size_hw), np.float32)
    offsets = reach * rng.standard_normal((2, 18, *size_hw), np.float32)
    # Also exactly on pixels, on borders and just outside.
    offsets[:, :6] = np.round(offsets[:, :6])
    weight = rng.standard_normal((3, 5, 3, 3), np.float32)
    ours = deform_conv(*map(torch.from_numpy, (x, offsets, weight)))
    np.testing.assert_allclose(ours, oracle_deform(x, offsets, weight), rtol=0, atol=1e-4)


def test_deform_conv_without_offsets_is_a_convolution():
    x, weight = torch.randn(2, 4, 8, 6), torch.randn(5, 4, 3, 3)
    ours = deform_conv(x, torch.zeros(2, 18, 8, 6), weight)
    torch.testing.assert_close(ours, conv2d(x, weight, padding=1), rtol=0, atol=1e-4)


def test_deform_conv_exports_with_one_sampling_and_no_custom_operator():
    class Network(torch.nn.Module):
        def forward(self, x, offsets, weight):
            return deform_conv(x, offsets, weight)

    given = (torch.randn(1, 4, 8, 6), torch.randn(1, 18, 8, 6), torch.randn(5, 4, 3, 3))
    program = torch.export.export(Network(), given)
    targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert sum("grid_sampler" in target for target in targets) == 1
    assert all(target.startswith("aten.") for target in targets)
    torch.testing.assert_close(program.module()(*given), deform_conv(*given))


# --- mmpose's files ---------------------------------------------------------------------------


def to_mmpose(state, version):
    """Return the inverse of from_mmpose, written from mmpose's module structure."""
    head = "head." if version else "keypoint_head."
    layers = "displacement_conv_layers" if version else "offset_conv_layers"
    own = ("offset_feature_layers", "offset_final_layer")
    merged = {}
    for name, tensor in state.items():
        if name.startswith("head_heatmap.1.") and not version:
            tensor = torch.cat([tensor[-1:], tensor[:-1]])
        if not name.startswith(own):
            merged[head_name(name, head, layers)] = tensor
    sign = -1 if version else 1
    for which in ("weight", "bias"):
        rows = [sign * state[f"offset_final_layer.{j}.{which}"] for j in range(17)]
        merged[f"{head}{layers}.3.{which}"] = torch.cat(rows)
    for block in range(2):
        for name, tensor in merged_block(state, block):
            merged[f"{head}{layers}.{block + 1}.{name}"] = tensor
    merged[f"{head}rescore_net.l1.weight"] = torch.zeros(256, 74)
    return merged


def head_name(name, head, layers):
    table = {
        "transition_heatmap.0": "heatmap_conv_layers.0.conv",
        "transition_heatmap.1": "heatmap_conv_layers.0.bn",
        "head_heatmap.0.0": "heatmap_conv_layers.1",
        "head_heatmap.1": "heatmap_conv_layers.2",
        "transition_offset.0": f"{layers}.0.conv",
        "transition_offset.1": f"{layers}.0.bn",
    }
    for ours, theirs in table.items():
        if name.startswith(f"{ours}."):
            return f"{head}{theirs}{name.removeprefix(ours)}"
    return f"backbone.{name}"


def merged_block(state, block):
    def joints(name):
        return [state[f"offset_feature_layers.{j}.{block}.{name}"] for j in range(17)]

    yield "regular_matrix", torch.cat([joints("regular_matrix")[0], torch.ones(1, 9)])
    for which in ("weight", "bias"):
        matrices = joints(f"transform_matrix_conv.{which}")
        if which == "bias":
            matrices = [m - torch.tensor([1.0, 0, 0, 1]) for m in matrices]
        shifts = joints(f"translation_conv.{which}")
        pairs = zip(matrices, shifts, strict=True)
        rows = [torch.cat([m[:2], s[:1], m[2:], s[1:]]) for m, s in pairs]
        yield f"transform_matrix_conv.{which}", torch.cat(rows)
    yield "adapt_conv.weight", torch.cat(joints("adapt_conv.weight"))
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield f"norm.{name}", torch.cat(joints(f"bn.{name}"))
    yield "norm.num_batches_tracked", joints("bn.num_batches_tracked")[0]


@pytest.fixture(scope="module")
def small():
    """A narrow DEKR with different weights in every tensor."""
    torch.manual_seed(0)
    network = dekr.DEKR(2).eval()
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("regular_matrix"):
            tensor.uniform_(0.05, 0.25)
    return network


@pytest.mark.parametrize("version", [0, 1])
def test_mmpose_files_come_back_as_the_official_state_dict(small, version):
    state = small.state_dict()
    back = dekr.from_mmpose(to_mmpose(state, version))
    assert len(state) == len(back) == 2264
    for name, tensor in state.items():
        torch.testing.assert_close(back[name], tensor, rtol=0, atol=1e-6, msg=name)
    dekr.DEKR(2).load_state_dict(back, strict=True)


def test_merged_grouped_convolutions_steer_the_kernels_like_the_separate_ones(small):
    """mmpose has one grouped convolution: (17, 2, 3) matrices times three rows of kernel cells."""
    merged = dict(merged_block(small.state_dict(), 0))
    x = torch.randn(1, 255, 6, 5)
    weight, bias = (merged[f"transform_matrix_conv.{w}"] for w in ("weight", "bias"))
    matrices = conv2d(x, weight, bias, padding=1, groups=17).unflatten(1, (17, 2, 3))
    theirs = torch.einsum("njarhw,rk->njkahw", matrices, merged["regular_matrix"])
    for joint in (0, 16):
        block = small.offset_feature_layers[joint][0]
        ours = block._offsets(x[:, joint * 15 : (joint + 1) * 15])
        torch.testing.assert_close(ours, theirs[:, joint].flatten(1, 2), rtol=0, atol=1e-5)
