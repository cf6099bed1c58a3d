"""What every model must fulfil, whatever its family. No exception lists."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

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
    width, height = spec.output_wh
    joints = len(spec.skeleton.keypoints)
    assert outputs[spec.output].shape == (1, joints, height, width)


@pytest.mark.parametrize("name", NAMES)
def test_formula_weights_give_normal_outputs_and_a_batch_gives_what_single_crops_give(name):
    network = posemark.network(name)
    formula.initialise(network)
    pixels = np.random.default_rng(0).standard_normal((2, 3, 128, 96), np.float32)
    batch = torch.from_numpy(pixels)
    with torch.inference_mode():
        together = network(batch)[spec_of(name).output]
        alone = network(batch[1:])[spec_of(name).output]
    highest = together.abs().max()
    # fp16 ends at 65,504, and denormals would slow every layer after them.
    assert together.isfinite().all()
    assert 1e-3 < highest < 1e4
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-5 * float(highest))


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_complete_and_consistent(name):
    spec = spec_of(name)
    assert name.endswith(f"-{spec.input_hw[0]}x{spec.input_hw[1]}")
    assert spec.paper.startswith("arXiv ")
    assert spec.origin.startswith("github.com/")
    tags = [w.tag for w in spec.weights]
    assert len(set(tags)) == len(tags)
    for weights in spec.weights:
        assert weights.url is None or (weights.url.startswith("https://") and weights.sha256)
        assert weights.sha256 is None or set(weights.sha256) <= set("0123456789abcdef")
        for reported in weights.reported:
            assert 0 < reported.ap < 1
            assert reported.boxes.startswith(("detected", "gt"))
            assert reported.source
        if weights.url and weights.sha256:
            assert weights.sha256 in weights.url, "the prefix is the one in the file's name"


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
