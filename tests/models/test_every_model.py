"""Requirements for every model of every family, without exceptions."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import goldens
import posemark
from posemark.core.errors import UsageError
from posemark.core.spec import ModelSpec
from posemark.models import all_models, collect, spec_of
from posemark.nn import formula

NAMES = list(all_models())


@pytest.mark.parametrize("name", NAMES)
def test_declared_parameters_are_the_counted_ones(name):
    with torch.device("meta"):
        network = posemark.network(name)
    assert sum(p.numel() for p in network.parameters()) == spec_of(name).parameters


@pytest.mark.parametrize("name", NAMES)
def test_declared_macs_are_half_the_counted_flops_and_the_output_has_the_declared_shape(name):
    spec = spec_of(name)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        outputs = posemark.network(name)(torch.empty(1, 3, *spec.input_hw))
    assert counter.get_total_flops() == 2 * spec.macs
    for output, shape in expected_shapes(spec).items():
        assert outputs[output].shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_names_and_shapes_of_the_state_dict_are_the_official_ones_in_order(name):
    with torch.device("meta"):
        state = posemark.network(name).state_dict()
    ours = [[key, list(tensor.shape)] for key, tensor in state.items()]
    assert ours == [entry[:2] for entry in goldens.keys(goldens.own(name))]


OUTPUTS = {
    "heatmap": "heatmaps",
    "offset": "offsets",
    "out_quarter": "stride4",
    "out_half": "stride2",
}
"""PoseMark's names of a golden's outputs. A golden with a single `output` needs no entry."""


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_that_of_the_golden(name):
    folder = goldens.own(name)
    golden = goldens.arrays(f"{folder}/golden.npz")
    network = posemark.network(name)
    network.load_state_dict(goldens.state_dict(folder), strict=True)
    with torch.inference_mode():
        outputs = network(goldens.network_input(golden))
    names = OUTPUTS | {"output": spec_of(name).outputs[0].name}
    held = {ours: theirs for theirs, ours in names.items() if theirs in golden}
    assert held.keys() == outputs.keys()
    for ours, theirs in held.items():
        goldens.assert_output(outputs[ours].numpy(), golden, theirs)


def expected_shapes(spec):
    """Return the shapes of the outputs that the codec reads, for an input of input_hw."""
    height, width = spec.input_hw
    return {
        each.name: (1, each.channels, height // each.stride, width // each.stride)
        for each in spec.outputs
    }


@pytest.mark.parametrize("name", NAMES)
def test_formula_weights_give_normal_outputs_and_a_batch_gives_what_single_crops_give(name):
    network = posemark.network(name)
    formula.initialise(network)
    spec = spec_of(name)
    # Networks for whole images accept any size; a small one is enough and much faster.
    shape = (2, 3, *(spec.input_hw if spec.method.fixed_size else (128, 192)))
    pixels = np.random.default_rng(0).standard_normal(shape, np.float32)
    batch = torch.from_numpy(pixels)
    with torch.inference_mode():
        together = network(batch)[spec.outputs[0].name]
        alone = network(batch[1:])[spec.outputs[0].name]
    highest = together.abs().max()
    # The largest fp16 number is 65,504, and denormals would slow down all later layers.
    assert together.isfinite().all()
    assert 1e-3 < highest < 1e4
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-5 * float(highest))


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_complete_and_consistent(name):
    spec = spec_of(name)
    if spec.method.fixed_size:
        assert name.endswith(f"-{spec.input_hw[0]}x{spec.input_hw[1]}")
    starts = ("detected", "gt") if spec.approach == "top-down" else ("single", "multi")
    assert spec.paper.startswith("arXiv ")
    assert spec.origin.startswith("github.com/")
    tags = [w.tag for w in spec.weights]
    assert len(set(tags)) == len(tags)
    for weights in spec.weights:
        assert all(url.startswith("https://") for url in weights.urls)
        assert weights.licence is None or "(" in weights.licence or weights.licence[:3] == "CMU"
        assert not weights.urls or (weights.licence and weights.file)
        assert weights.sha256 is None or set(weights.sha256) <= set("0123456789abcdef")
        for reported in weights.reported:
            assert 0 < reported.ap < 1
            assert reported.boxes.startswith(starts)
            assert reported.source
        if weights.pin == "prefix only":
            assert f"{weights.sha256}" in weights.file, "the prefix is the one in the file's name"
        assert all(url.endswith(f"/{weights.file}") for url in weights.urls)


def test_official_figures_come_first():
    assert spec_of("hrnet-w32-256x192").reported("detected").ap == 0.744
    assert spec_of("dark-w48-384x288").reported("detected").ap == 0.768
    assert spec_of("dark-w48-384x288").reported("gt") is None


def test_two_models_of_one_name_are_refused():
    spec = spec_of(NAMES[0])
    assert isinstance(spec, ModelSpec)
    with pytest.raises(RuntimeError, match="two models are called"):
        collect([spec, spec])


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(UsageError, match="hrnet-w32-256x192"):
        posemark.network("hrnet-w32-256x129")


def test_models_that_declare_one_network_have_the_same_layers_at_the_same_input_size():
    by_network = {}
    for name, spec in all_models().items():
        with torch.device("meta"):
            layers = [(k, v.shape) for k, v in posemark.network(name).state_dict().items()]
        by_network.setdefault(spec.network, []).append((layers, spec.input_hw, spec.macs))
    assert len(by_network["hrnet-w32"]) == 3
    assert len(by_network["hrnet-w48"]) == 2
    for alike in by_network.values():
        assert all(each == alike[0] for each in alike)
