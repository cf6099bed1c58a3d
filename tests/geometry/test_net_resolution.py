"""OpenPose's input sizes, its placement of the image, and the way back."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import goldens
from posemark.geometry.net_resolution import NetResolution


def test_official_sizes_and_scales():
    golden = goldens.arrays("post_openpose/net_resolution.npz")
    columns = [str(c) for c in golden["columns"]]
    for row in golden["rows"]:
        case = dict(zip(columns, row, strict=True))
        sizing = NetResolution(dynamic=case["dynamic"])
        scales = [1 - 0.25 * i for i in range(int(case["n_scales"]))]
        image_wh = int(case["img_w"]), int(case["img_h"])
        found = sizing.inputs(image_wh, scales)[int(case["scale_idx"])]
        assert found.size_wh == (case["net_w"], case["net_h"]), case
        assert found.affine[0, 0] == pytest.approx(case["scale_input_to_net"], rel=1e-7)
        assert found.affine[1, 1] == found.affine[0, 0]


def test_official_preprocessing():
    golden = goldens.arrays("post_openpose/preprocess.npz")
    for case in goldens.cases(golden):
        height, width = (int(n) for n in golden[f"{case}/image_hw"])
        (scaled,) = NetResolution().inputs((width, height), [1])
        assert scaled.size_wh == tuple(golden[f"{case}/net_hw"])[::-1]
        zoom = scaled.affine[0, 0]
        assert zoom == pytest.approx(float(golden[f"{case}/scale"]), rel=1e-9)
        image = goldens.image(golden[f"{case}/image_seed"], height, width)
        sampling = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_LINEAR
        placed = cv2.warpAffine(image, scaled.affine, scaled.size_wh, flags=sampling)
        # OpenCV 4 and 5 differ by a few grey levels.
        expected = golden[f"{case}/resized_sample"].astype(float)
        assert np.abs(placed[3::11, 5::13] - expected).max() <= 5
        expected = (golden[f"{case}/tensor_sample"].transpose(1, 2, 0) + 0.5) * 256
        assert np.abs(placed[3::23, 5::29] - expected).max() <= 5


@pytest.mark.parametrize("name", ["body25_2p", "body25_4p", "coco_3p"])
def test_official_way_back(name):
    golden = goldens.arrays(f"post_openpose/{name}.npz")
    image_wh = tuple(int(n) for n in golden["image_hw"][::-1])
    sizing = NetResolution()
    inputs = sizing.inputs(image_wh, [1])
    assert inputs[0].size_wh == tuple(golden["net_input_hw"])[::-1]
    back = sizing.to_image(image_wh, inputs)
    assert back[0, 0] == pytest.approx(float(golden["scale_net_to_output"]), rel=1e-6)
    assert 0.5 / inputs[0].back == pytest.approx(float(golden["nms_offset"]), rel=1e-6)


@given(width=st.integers(2, 5000), height=st.integers(2, 5000))
def test_the_whole_image_is_inside_and_comes_back_half_a_pixel_on(width, height):
    sizing = NetResolution()
    inputs = sizing.inputs((width, height), (0.5, 1.0, 0.75))
    assert [i.scale for i in inputs] == [1.0, 0.75, 0.5]
    for scaled in inputs:
        assert all(side % 16 == 0 for side in scaled.size_wh)
        last = scaled.affine[0, 0] * np.array([width - 1, height - 1])
        assert (last <= np.subtract(scaled.size_wh, 1) + 1e-9).all()
    back = sizing.to_image((width, height), inputs)
    assert back[0, 2] == back[1, 2] == 0
    peak = 100 + 0.5 / inputs[0].back  # the codec's result for pixel 100
    assert back[0, 0] * peak == pytest.approx(100 * back[0, 0] + 0.5)
    if min(width, height) > 100:  # the official code maps tiny images back to smaller places
        assert back[0, 0] == pytest.approx(1 / inputs[0].affine[0, 0], rel=0.02)
