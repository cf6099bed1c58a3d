"""HigherHRNet against outputs of its official code."""

import numpy as np
import pytest
import torch

import goldens
from posemark.models import higherhrnet

GOLDEN = "higher_hrnet_w32_512"


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
    handles = [network.get_submodule(n).register_forward_hook(keep(n)) for n in names]
    return found, handles


@pytest.fixture(scope="module")
def network():
    built = higherhrnet.build_w32().eval()
    built.load_state_dict(goldens.state_dict(GOLDEN), strict=True)
    return built


def compare(outputs, golden, prefix=""):
    for ours, theirs in (("stride4", "out_quarter"), ("stride2", "out_half")):
        goldens.assert_output(outputs[ours].numpy(), golden, f"{prefix}{theirs}")


def test_outputs_of_the_official_code(network):
    golden = goldens.arrays(f"{GOLDEN}/golden.npz")
    recorded, handles = taps(network, golden)
    with torch.inference_mode():
        compare(network(goldens.network_input(golden)), golden)
    for handle in handles:
        handle.remove()
    assert recorded
    for tap, output in recorded.items():
        flat = output.numpy().ravel()[:: int(golden[f"{tap}/step"])][:256]
        limit = 1e-4 * golden[f"{tap}/stats"][2]
        np.testing.assert_allclose(flat, golden[tap], rtol=0, atol=limit, err_msg=tap)


def test_outputs_for_an_input_that_is_not_square(network):
    golden = goldens.arrays(f"{GOLDEN}/golden.npz")
    other = {k: golden[f"alt_{k}"] for k in ("input_seed", "input_shape")}
    with torch.inference_mode():
        compare(network(goldens.network_input(other)), golden, "alt_")
