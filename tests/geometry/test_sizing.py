"""Whole-image inputs of HigherHRNet and DEKR: goldens of the official resizing."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import goldens
from posemark.geometry import affine
from posemark.geometry.sizing import ShortSide

FOLDERS = {"higher_hrnet_w32_512": True, "dekr_common": False}


@pytest.mark.parametrize("folder", FOLDERS)
def test_official_sizes_and_affines(folder):
    table = goldens.arrays(f"{folder}/multi_scale_sizes.npz")["table"]
    for height, width, size, smallest, scale, *expected in table:
        sizing = ShortSide(int(size), FOLDERS[folder])
        image_wh = int(width), int(height)
        inputs = sizing.inputs(image_wh, sorted({smallest, scale, 1.0}))
        chosen = next(i for i in inputs if i.scale == scale)
        assert chosen.size_wh == tuple(expected[:2])
        # The official code uses float32 points, some of them outside the image.
        forward, back = np.reshape(expected[6:], (2, 2, 3))
        np.testing.assert_allclose(chosen.affine, forward, rtol=0, atol=1e-4)
        if len(inputs) == 1:
            np.testing.assert_allclose(sizing.to_image(image_wh, inputs), back, rtol=0, atol=1e-4)


@pytest.mark.parametrize("version", [4, 5])
def test_official_resizing(version):
    golden = goldens.arrays(f"higher_hrnet_w32_512/resize_opencv{version}.npz")
    names = [key.removesuffix("/resized") for key in golden if key.endswith("/resized")]
    assert names
    for name in names:
        case, scales = name.split("/")
        scale, smallest = (float(n) for n in scales.removeprefix("scale").split("_min"))
        picture = goldens.image(*golden[f"{case}/image_seed_h_w"])
        sizing = ShortSide(128, True)
        inputs = sizing.inputs(picture.shape[1::-1], sorted({scale, smallest}))
        chosen = next(i for i in inputs if i.scale == scale)
        step = int(golden[f"{name}/stride"])
        assert (*chosen.size_wh[::-1], 3) == tuple(golden[f"{name}/shape"])
        resized = cv2.warpAffine(picture, chosen.affine, chosen.size_wh)[::step, ::step]
        difference = resized.astype(int) - golden[f"{name}/resized"]
        assert np.abs(difference).max() <= 5


@pytest.mark.parametrize("smallest_counts", [True, False])
@given(width=st.integers(20, 1200), height=st.integers(20, 1200), size=st.sampled_from([512, 640]))
def test_inputs_fit_the_network_and_lead_back_to_the_image(smallest_counts, width, height, size):
    sizing = ShortSide(size, smallest_counts)
    inputs = sizing.inputs((width, height), (0.5, 1.0, 2.0))
    assert [i.scale for i in inputs] == [2.0, 1.0, 0.5]
    assert all(side % 32 == 0 for i in inputs for side in i.size_wh)
    assert min(inputs[1].size_wh) == size
    # All inputs cover the same part of the image, so the smallest leads back as the base does.
    there_and_back = affine.invert(inputs[1].affine[None])[0]
    back = sizing.to_image((width, height), inputs)
    np.testing.assert_allclose(back, there_and_back, rtol=0, atol=1e-9)
    # The official code rounds 448.8 to 448: up to a pixel of the rounded input may be cut, half
    # of it on each side.
    cut = 0.5 / (0.5 if smallest_counts else 1.0)
    corners = inputs[1].affine @ [[0, width - 1, width], [0, height - 1, height], [1, 1, 1]]
    assert (corners[:, :2] >= -inputs[1].affine[0, 0] - cut).all()
    assert (corners[:, 1] <= inputs[1].size_wh).all()
