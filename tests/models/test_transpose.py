"""TransPose against outputs of the official code."""

import numpy as np
import pytest
import torch

import goldens
from posemark.models.transpose import MODELS, SelfAttention, sine_table
from posemark.nn import formula

SPECS = {spec.name: spec for spec in MODELS}


def outputs_of(network, golden):
    """Return the heatmaps, and the outputs of the probed inner modules by golden name."""
    names = {k.split("/")[1].split("#")[0] for k in golden if k.startswith("probe_head/")}
    names &= set(dict(network.named_modules()))  # PoseMark's stem has no module for its rectifier
    seen = {}

    def keep(name, output):
        outputs = output if isinstance(output, list) else [output]
        seen.update({f"{name}#{i}": o.clone() for i, o in enumerate(outputs)})
        seen[name] = outputs[0].clone()

    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: keep(name, output)
        )
    with torch.inference_mode():
        return network(goldens.network_input(golden))["heatmaps"], seen


def officially_ordered(name, x):
    """Return tokens as (L, N, C), the layout of the official encoder."""
    if name == "global_encoder":
        return x.flatten(2).permute(2, 0, 1)
    return x.transpose(0, 1) if name.startswith("global_encoder.") else x


def close(actual, expected, largest):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * float(largest))


@pytest.mark.parametrize("name", SPECS)
def test_every_probed_layer_and_the_output_equal_the_official(name):
    golden = goldens.arrays(f"{goldens.folder(name)}/golden.npz")
    network = SPECS[name].build().eval()
    network.load_state_dict(goldens.state_dict(goldens.folder(name)), strict=True)
    heatmaps, seen = outputs_of(network, golden)
    probes = [k.removeprefix("probe_head/") for k in golden if k.startswith("probe_head/")]
    assert len([p for p in probes if p in seen]) >= 7
    for probe in set(probes) & set(seen):
        x = officially_ordered(probe, seen[probe]).double()
        assert tuple(x.shape) == tuple(golden[f"probe_shape/{probe}"])
        expected = golden[f"probe_stats/{probe}"]
        close([x.mean(), x.std(correction=0), x.abs().max()], expected, expected[2])
        close(x.flatten()[:64], golden[f"probe_head/{probe}"], expected[2])
    goldens.assert_output(heatmaps.numpy(), golden, "output")


@pytest.mark.parametrize("name", SPECS)
def test_the_sine_table_is_the_official_one(name):
    golden = goldens.arrays(f"{goldens.folder(name)}/golden.npz")
    table = SPECS[name].build().pos_embedding
    assert not table.requires_grad
    sample = table[:: int(golden["pos_embedding_sample_step"]), 0]
    np.testing.assert_allclose(sample, golden["pos_embedding_sample"], rtol=0, atol=1e-6)


def test_formula_weights_leave_the_sine_table():
    network = SPECS["transpose-h-s-256x192"].build()
    formula.initialise(network)
    assert torch.equal(network.pos_embedding, sine_table(64, 48, 64))
    assert 0.9 <= network.global_encoder.layers[0].norm1.weight.min() <= 1.1


def test_the_sine_table_by_its_definition():
    table = sine_table(3, 5, 8)
    y, x = 1, 3
    row = []
    for turn in (2 * np.pi * (y + 1) / 3, 2 * np.pi * (x + 1) / 5):
        row += [np.sin(turn), np.cos(turn), np.sin(turn / 100), np.cos(turn / 100)]
    np.testing.assert_allclose(table[y * 5 + x, 0], row, atol=1e-5)


def test_attention_is_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours, theirs = SelfAttention(16, 4), torch.nn.MultiheadAttention(16, 4, batch_first=True)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x, positions = torch.randn(2, 6, 16), torch.randn(1, 6, 16)
    query = x + positions
    torch.testing.assert_close(ours(x, positions), theirs(query, query, x)[0])
