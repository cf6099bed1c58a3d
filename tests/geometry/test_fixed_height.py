"""Whole images at one height: sizes, where pixels go, and the way back."""

import cv2
import numpy as np
import pytest

from posemark.core.spec import Pixels
from posemark.geometry.crop import crop_batch
from posemark.geometry.fixed_height import FixedHeight

PAD, STRETCH = FixedHeight(368, 8, pad=True), FixedHeight(368, 8, pad=False)
BYTES = Pixels("bgr", 1, (0, 0, 0), (1, 1, 1), cubic="always", fill=128)


@pytest.mark.parametrize(
    ("image_wh", "padded", "stretched"),
    [
        ((640, 480), (496, 368), (488, 368)),  # 490.7 wide
        ((480, 640), (368, 368), (272, 368)),  # 276, padded to a square
        ((500, 375), (496, 368), (488, 368)),
        ((1, 500), (368, 368), (8, 368)),
    ],
)
def test_the_width_is_a_multiple_of_8_and_padded_to_a_square_at_least(image_wh, padded, stretched):
    assert PAD.inputs(image_wh, (1.0,))[0].size_wh == padded
    assert STRETCH.inputs(image_wh, (1.0,))[0].size_wh == stretched


@pytest.mark.parametrize("sizing", [PAD, STRETCH])
def test_pixels_are_those_of_opencvs_resize_and_the_fill(sizing):
    image = np.random.default_rng(0).integers(0, 256, (300, 401, 3), np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    (scaled,) = sizing.inputs((401, 300), (1.0,))
    ours = crop_batch(image, scaled.affine[None], scaled.size_wh, BYTES)[0].transpose(1, 2, 0)
    zoom = scaled.affine.diagonal()
    resized = cv2.resize(image, None, fx=zoom[0], fy=zoom[1], interpolation=cv2.INTER_CUBIC)
    width = resized.shape[1]
    # The outermost pixels are mixed with the fill here, and repeated by OpenCV.
    inner = np.s_[4:-4, 4 : width - 4]
    assert np.abs(ours[inner] - resized[inner]).mean() < 0.5
    assert np.abs(ours[inner] - resized[inner]).max() <= 3
    assert (ours[:, width + 4 :] == 128).all()


def test_the_way_back_divides_by_the_zoom():
    (scaled,) = STRETCH.inputs((640, 480), (1.0,))
    back = STRETCH.to_image((640, 480), [scaled])
    assert back @ (488, 368, 1) == pytest.approx((640, 480))
