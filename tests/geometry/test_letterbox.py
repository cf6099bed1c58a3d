"""The letterbox of detectors: sizes, pixels, and boxes back in the image."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemark.core.spec import Pixels
from posemark.geometry.letterbox import Letterbox

PIXELS = Pixels("bgr", 1, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395), fill=114)
SIDES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@pytest.mark.parametrize(
    ("rounding", "image_wh", "resized"),
    [
        ("nearest", (640, 427), (320, 214)),  # 213.5
        ("down", (640, 427), (320, 213)),
        ("nearest", (100, 50), (320, 160)),
        ("nearest", (5000, 3), (320, 1)),  # 0.2 pixels
        ("down", (333, 500), (213, 320)),
    ],
)
def test_the_longer_side_fills_the_input(rounding, image_wh, resized):
    assert Letterbox((320, 320), rounding, PIXELS).resized_wh(image_wh) == resized


def test_the_input_is_the_resized_image_and_padding_below_and_beside_it():
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    batch = Letterbox((64, 64), "nearest", PIXELS).network_input(image)
    canvas = np.full((64, 64, 3), 114, np.float32)
    canvas[:, :48] = cv2.resize(image, (48, 64), interpolation=cv2.INTER_LINEAR)
    wanted = (canvas - PIXELS.mean) / PIXELS.std
    np.testing.assert_allclose(batch[0], wanted.transpose(2, 0, 1), atol=1e-5)


def test_the_order_of_the_channels_is_that_of_the_pixels():
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = 255  # blue
    plain = (0, 0, 0), (1, 1, 1)
    for order, channel in (("bgr", 0), ("rgb", 2)):
        batch = Letterbox((4, 4), "down", Pixels(order, 255, *plain)).network_input(image)
        assert batch[0, channel].min() == 1
        assert batch.sum() == 16


@given(SIDES, st.sampled_from(["nearest", "down"]), st.integers(0, 2**32 - 1))
def test_boxes_in_the_image_are_found_again(image_wh, rounding, seed):
    box = Letterbox((320, 256), rounding, PIXELS)
    corners = np.sort(np.random.default_rng(seed).random((5, 2, 2)) * image_wh, 1).reshape(5, 4)
    zoom = np.divide(box.resized_wh(image_wh), image_wh)
    found = box.to_image(corners * np.tile(zoom, 2), image_wh)
    sides = corners[:, 2:] - corners[:, :2]
    wanted = np.concatenate([corners[:, :2], sides], 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_boxes_are_clipped_to_the_image():
    box = Letterbox((100, 100), "nearest", PIXELS)
    outside = np.array([[-9, -9, 400, 400], [150, 0, 190, 50]])
    found = box.to_image(outside, (50, 25))
    np.testing.assert_allclose(found, [[0, 0, 50, 25], [50, 0, 0, 25]])
