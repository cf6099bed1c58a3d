"""Lite-HRNet against the official code's outputs, and its fuse quirk against a plain loop."""

import json

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import goldens
from posemark.models.litehrnet import LITE_18, MODELS, WIDER_NAIVE_18, LiteHRNet, stage

SPECS = {spec.name: spec for spec in MODELS}
RTOL = 1e-4  # relative to the largest absolute value: some channels double in every module


@pytest.fixture(scope="module", params=SPECS)
def case(request):
    """The network with formula weights, and the golden arrays."""
    spec = SPECS[request.param]
    network = spec.build().eval()
    folder = goldens.folder(spec.name)
    network.load_state_dict(goldens.state_dict(folder), strict=True)
    return network, goldens.arrays(f"{folder}/golden.npz")


def close(actual, expected, largest):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=RTOL * float(largest))


def stats(x):
    x = x.double()
    return np.array([x.mean(), x.std(correction=0), x.abs().max()])


def outputs_of(network, names, x):
    """Return the network's heatmaps, and the outputs of the named inner modules."""
    seen = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, out, name=name: seen.__setitem__(name, out)
        )
        for name in names
    ]
    with torch.no_grad():
        heatmaps = network(x)["heatmaps"]
    for hook in hooks:
        hook.remove()
    return heatmaps, seen


def test_output_and_every_branch_equal_the_official(case):
    network, golden = case
    stages = [f"backbone.stage{i}" for i in range(3)]
    single = ["backbone.stem", "backbone.head_layer"]
    heatmaps, seen = outputs_of(network, stages + single, goldens.network_input(golden))
    probes = {name: seen[name] for name in single}
    probes |= {f"{name}#{k}": x for name in stages for k, x in enumerate(seen[name])}
    assert len(probes) == 2 + 2 + 3 + 4
    for name, x in probes.items():
        expected = golden[f"probe_stats/{name}"]
        assert tuple(x.shape) == tuple(golden[f"probe_shape/{name}"])
        close(stats(x), expected, expected[2])
        close(x.flatten()[:64], golden[f"probe_head/{name}"], expected[2])
    goldens.assert_output(heatmaps.numpy(), golden, "output")


@pytest.mark.parametrize("case", ["litehrnet-18-256x192", "litehrnet-30-256x192"], indirect=True)
def test_input_of_384x288_equals_the_official(case):
    network, golden = case
    x = goldens.network_input(
        {"input_seed": golden["alt_input_seed"], "input_shape": golden["alt_input_shape"]}
    )
    with torch.no_grad():
        heatmaps = network(x)["heatmaps"]
    assert heatmaps.shape == (1, 17, 96, 72)
    close(heatmaps[:, :, ::3, ::3], golden["alt_output_sample"], golden["alt_output_stats"][2])


def official_fuse(rows, branches):
    """Return the sums of the official loop: `total` of row 0 is branch 0 itself, so both change."""
    branches = [x.clone() for x in branches]
    totals = []
    for i, row in enumerate(rows):
        total = branches[0] if i == 0 else row[0](branches[0])
        for j, x in enumerate(branches):
            total += x if i == j else row[j](x)
        totals.append(total)
    return [torch.relu(total) for total in totals]


def plain_fuse(rows, branches):
    """Return sums as HRNet does; no released weights were trained with these."""
    return [
        torch.relu(sum(layer(x) for layer, x in zip(row, branches, strict=True))) for row in rows
    ]


def branches_of(channels):
    rng = torch.Generator().manual_seed(7)
    return [torch.randn(2, c, 16 >> i, 8 >> i, generator=rng) for i, c in enumerate(channels)]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_fuse_is_the_official_loop_and_not_the_plain_sum(index):
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        module = stage(LITE_18, index)[0].eval()
        branches = branches_of(LITE_18.channels[: index + 2])
        before = [x.clone() for x in branches]
        fused = module.fuse(branches)
        expected = official_fuse(module.fuse_layers, branches)
        plain = plain_fuse(module.fuse_layers, branches)
    for x, same in zip(branches, before, strict=True):
        assert torch.equal(x, same)
    for ours, official, other in zip(fused, expected, plain, strict=True):
        torch.testing.assert_close(ours, official, rtol=0, atol=1e-5)
        assert (other - official).abs().max() > 100 * RTOL * official.abs().max()


@pytest.mark.parametrize("config", [LITE_18, WIDER_NAIVE_18], ids=["lite", "naive"])
def test_gradients_reach_every_parameter(config):
    """In-place operations must not overwrite values that the backward pass needs."""
    network = LiteHRNet(config).train()
    network(torch.ones(2, 3, 64, 64).cumsum(3) / 64)["heatmaps"].square().mean().backward()
    assert all(p.grad is not None for p in network.parameters())


def person_crop(height, width):
    """Return the network input of one real person, and its labelled joints in it: (J, x y v)."""
    folder = goldens.shared("coco")
    truth = json.loads((folder / "annotations/person_keypoints_val2017.json").read_text())
    person = next(a for a in truth["annotations"] if a["num_keypoints"] >= 15)
    image = cv2.imread(str(folder / f"val2017/{person['image_id']:012d}.jpg"))
    x, y, w, h = person["bbox"]
    scale = width / (1.25 * max(w, h * width / height))
    shift = np.array([width, height]) / 2 - scale * np.array([x + w / 2, y + h / 2])
    affine = np.column_stack([scale * np.eye(2), shift])
    crop = cv2.warpAffine(image, affine, (width, height))[..., ::-1] / 255
    crop = (crop - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    joints = np.array(person["keypoints"], float).reshape(17, 3)
    joints[:, :2] = joints[:, :2] * scale + shift
    return torch.from_numpy(crop.transpose(2, 0, 1)[None].astype(np.float32)), joints


def test_tinypose_weights_load_strictly_and_find_a_real_person():
    spec = SPECS["wider-naive-litehrnet-18-256x192"]
    weights = next(w for w in spec.weights if w.tag == "tinypose")
    network = spec.build().eval()
    network.load_state_dict(load_file(goldens.shared(f"weights/{weights.file}")), strict=True)
    x, joints = person_crop(*spec.input_hw)
    with torch.no_grad():
        peaks = network(x)["heatmaps"][0].flatten(1).argmax(1).numpy()
    width, _ = spec.method.output_wh(spec.input_wh)
    found = np.stack([peaks % width, peaks // width], 1) * spec.codec.stride
    distance = np.linalg.norm(found - joints[:, :2], axis=1)[joints[:, 2] > 0]
    assert (distance < 13).mean() >= 0.9  # 13 pixels: 5 % of the crop's height


def test_published_figures_say_their_settings():
    published = {name: spec.reported("detected").ap for name, spec in SPECS.items()}
    assert published == {
        "litehrnet-18-256x192": 0.648,
        "litehrnet-30-256x192": 0.672,
        "naive-litehrnet-18-256x192": 0.628,
        "wider-naive-litehrnet-18-256x192": 0.660,
    }
    assert SPECS["wider-naive-litehrnet-18-256x192"].reported("gt").ap == 0.688
    for weights in (w for spec in MODELS for w in spec.weights if w.urls):
        assert f"-{weights.sha256}_" in weights.file
