"""Whole images with one length of the longer side: sizes, where pixels go, and the way back."""

import cv2
import numpy as np
import pytest

from posemark.core.spec import Pixels
from posemark.geometry.crop import crop_batch
from posemark.geometry.long_side import LongSide

SIZING = LongSide(256, 32)
BYTES = Pixels("rgb", 1, (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    ("image_wh", "input_wh"),
    [
        ((640, 480), (256, 192)),
        ((480, 640), (192, 256)),
        ((640, 427), (256, 192)),  # 170.8 high
        ((640, 400), (256, 160)),
        ((640, 401), (256, 160)),  # 160.4 high: rounded first, then padded
        ((500, 333), (256, 192)),
        ((128, 128), (256, 256)),
        ((65500, 10), (256, 32)),
    ],
)
def test_the_longer_side_is_fixed_and_both_sides_are_padded_to_the_multiple(image_wh, input_wh):
    assert SIZING.inputs(image_wh, (1.0,))[0].size_wh == input_wh


def test_a_scale_multiplies_the_longer_side_and_the_largest_comes_first():
    inputs = SIZING.inputs((640, 480), (0.5, 1.0))
    assert [(each.scale, each.size_wh) for each in inputs] == [(1, (256, 192)), (0.5, (128, 96))]
    assert SIZING.to_image((640, 480), inputs) @ (256, 192, 1) == pytest.approx((640, 480))
    assert SIZING.to_image((640, 480), inputs[1:]) @ (128, 96, 1) == pytest.approx((640, 480))


@pytest.mark.parametrize("image_wh", [(640, 427), (427, 640), (200, 131)])
def test_pixels_are_those_of_opencvs_resize_at_the_top_left_and_black(image_wh):
    image = np.random.default_rng(0).integers(0, 256, (*image_wh[::-1], 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    (scaled,) = SIZING.inputs(image_wh, (1.0,))
    ours = crop_batch(image, scaled.affine[None], scaled.size_wh, BYTES)[0].transpose(1, 2, 0)
    width, height = (round(side * 256 / max(image_wh)) for side in image_wh)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)[..., ::-1]
    # Where the image grows, its outermost pixels are mixed with black, and repeated by OpenCV.
    inner = np.s_[1 : height - 1, 1 : width - 1]
    assert np.abs(ours[inner] - resized[inner]).mean() < 0.5
    assert np.abs(ours[inner] - resized[inner]).max() <= 3
    assert not ours[height + 1 :].any()
    assert not ours[:, width + 1 :].any()


def test_the_way_back_divides_both_sides_by_the_zoom_before_rounding():
    (scaled,) = SIZING.inputs((640, 427), (1.0,))
    back = SIZING.to_image((640, 427), [scaled])
    assert back @ (0, 0, 1) == pytest.approx((0, 0))
    assert back @ (*scaled.size_wh, 1) == pytest.approx((640, 480))
    assert scaled.back == pytest.approx(640 / 256)
