"""Goldens of sampled outputs: which values are kept, and that the samples are reproducible."""

import numpy as np
import pytest

import accept
import goldens

MAPS = np.arange(2 * 17 * 64 * 48, dtype=np.float32).reshape(2, 17, 64, 48)


def test_large_outputs_are_thinned_out_and_all_else_is_kept():
    given = {"output": MAPS, "output_stats": np.ones(3), "output2": MAPS[:1, :, :8], "seed": 3}
    given = {name: np.asarray(value) for name, value in given.items()}
    found = accept.sampled(given)
    np.testing.assert_array_equal(found["output"], MAPS[..., ::2, ::2])
    assert found["output"].size <= accept.MOST_VALUES
    assert (found["output_stride"], tuple(found["output_shape"])) == (2, MAPS.shape)
    assert found.keys() == {*given, "output_stride", "output_shape"}
    assert all(found[name] is given[name] for name in given if name != "output")


def test_what_was_sampled_already_is_sampled_of_the_official_output():
    given = {"heatmap": MAPS, "heatmap_stride": np.int64(3), "heatmap_shape": np.arange(4)}
    found = accept.sampled(given)
    assert found["heatmap_stride"] == 6
    assert found["heatmap_shape"] is given["heatmap_shape"]


@pytest.mark.parametrize("whole", [True, False])
def test_an_output_is_held_to_the_samples_and_to_the_figures_of_all_cells(whole):
    stats = np.array([MAPS.mean(dtype=float), MAPS.std(dtype=float), MAPS.max()])
    golden = {"output": MAPS, "output_stats": stats}
    golden = golden if whole else accept.sampled(golden)
    goldens.assert_output(MAPS, golden, "output")
    for wrong in (MAPS[:1], MAPS * 1.001, np.where(MAPS == 0, 99, MAPS)):
        with pytest.raises(AssertionError):
            goldens.assert_output(wrong, golden, "output")
    between = MAPS.copy()
    between[:, :, 1::2] = 0
    with pytest.raises(AssertionError):
        goldens.assert_output(between, golden, "output")


@pytest.mark.parametrize("folder", accept.SAMPLED)
def test_the_kept_samples_are_those_of_the_official_output(folder):
    goldens.shared(f"golden/{folder}")
    assert accept.is_same(f"{folder}/golden.npz")
    assert accept.is_same(f"{folder}/keys.json")
