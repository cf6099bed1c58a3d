"""HRNet, DarkPose and FPD against outputs of their official code."""

import numpy as np
import pytest
import torch

import goldens
from posemark.models.hrnet import MODELS

SPECS = {spec.name: spec for spec in MODELS}


def taps(network, golden):
    """Return intermediate outputs by golden name, collected by hooks."""
    found = {}

    def keep(name):
        def hook(_, __, output):
            outputs = output if isinstance(output, list) else [output]
            # Copies: later in-place rectifiers would change what was recorded.
            found.update({f"tap/{name}:{i}": o.clone() for i, o in enumerate(outputs)})

        return hook

    names = {k.split("/")[1].split(":")[0] for k in golden if k.startswith("tap/")}
    for name in names:
        network.get_submodule(name).register_forward_hook(keep(name))
    return found


@pytest.mark.parametrize("name", SPECS)
def test_outputs_of_the_official_code(name):
    folder = goldens.folder(name)
    golden = goldens.arrays(f"{folder}/golden.npz")
    network = SPECS[name].build().eval()
    network.load_state_dict(goldens.state_dict(folder), strict=True)
    recorded = taps(network, golden)
    with torch.inference_mode():
        heatmaps = network(goldens.network_input(golden))["heatmaps"].numpy()
    goldens.assert_output(heatmaps, golden, "heatmap")
    assert recorded
    for tap, output in recorded.items():
        flat = output.numpy().ravel()[:: int(golden[f"{tap}/step"])][:256]
        limit = 1e-4 * golden[f"{tap}/stats"][2]
        np.testing.assert_allclose(flat, golden[tap], rtol=0, atol=limit, err_msg=tap)
