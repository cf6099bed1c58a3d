"""OpenPose's networks against outputs of the released network descriptions."""

import numpy as np
import pytest
import torch

import goldens
from posemark.models import spec_of

VARIANTS = {
    "openpose_body25": spec_of("openpose-body25"),
    "openpose_coco": spec_of("openpose-coco"),
}


def close(actual, expected, largest):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * float(largest))


def layers_of(network, x):
    """Return the maps, and the output of each layer by its Caffe name."""
    seen = {}
    for name, module in network.named_children():
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: seen.__setitem__(name, output.clone())
        )
    with torch.inference_mode():
        return network(x)["maps"], seen


@pytest.mark.parametrize("folder", VARIANTS)
def test_every_layer_and_both_outputs_equal_the_official(folder):
    golden = goldens.arrays(f"{folder}/golden.npz")
    network = VARIANTS[folder].build().eval()
    network.load_state_dict(goldens.state_dict(folder), strict=True)
    maps, seen = layers_of(network, goldens.network_input(golden))
    goldens.assert_output(maps.numpy(), golden, "output")
    for name, output in seen.items():
        mean, deviation, largest = golden[f"layer_stats/{name}"]
        x = output.double()
        close([x.mean(), x.std(correction=0), x.abs().max()], [mean, deviation, largest], largest)
        if f"layer_head/{name}" in golden:
            close(output.flatten()[:32], golden[f"layer_head/{name}"], largest)
    second = {"input_seed": golden["input2_seed"], "input_shape": golden["input2_shape"]}
    with torch.inference_mode():
        other = network(goldens.network_input(second))["maps"]
    goldens.assert_output(other.numpy(), golden, "output2")
