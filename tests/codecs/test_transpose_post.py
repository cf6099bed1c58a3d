"""TransPose's crops, decoding and flip test, by the convention and codec of its variants."""

import numpy as np
import pytest

import goldens
from posemark.codecs.heatmap import flip_back
from posemark.core.skeleton import COCO_17
from posemark.core.spec import IMAGENET
from posemark.geometry import affine, boxes, crop
from posemark.models import spec_of

SPEC = spec_of("transpose-r-a3-256x192")


@pytest.fixture(scope="module")
def golden():
    return goldens.arrays("post_transpose/golden.npz")


def crops(golden):
    """Return the (8, 2, 3) affines of the boxes."""
    centres, scales = golden["center"], golden["scale"]
    return affine.crop_affines(centres, scales, tuple(golden["input_wh"]), SPEC.convention)


def test_boxes_become_the_official_centres_scales_and_affines(golden):
    centres, scales = boxes.centre_scale(golden["boxes_xywh"], (192, 256), SPEC.convention)
    np.testing.assert_allclose(centres, golden["center"], rtol=0, atol=1e-3)
    np.testing.assert_allclose(scales, golden["scale"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(crops(golden), golden["warp"], rtol=0, atol=2e-3)


def test_crop_and_normalised_input(golden):
    image_rgb = goldens.image(golden["image_seed"], *golden["image_hw"])
    batch = crop.crop_batch(image_rgb[..., ::-1].copy(), crops(golden), (192, 256))
    mean, std = np.array(IMAGENET.mean), np.array(IMAGENET.std)
    pixels = (batch.transpose(0, 2, 3, 1) * std + mean) * 255
    # OpenCV 4 and 5 differ by up to 4 grey levels.
    assert np.abs(pixels[0] - golden["crop0"]).max() <= 5
    assert np.abs(pixels[:, ::16, ::16] - golden["crop_sample"]).max() <= 5
    expected = golden["tensor0_sample"]
    np.testing.assert_allclose(batch[0, :, ::16, ::16], expected, rtol=0, atol=5 / 255 / 0.224)


def merged(golden):
    maps = golden["hm_q"].astype(np.float32) * golden["hm_scale"]
    mirrored = golden["hm_flip_q"].astype(np.float32) * golden["hm_scale"]
    back = flip_back(mirrored, COCO_17.mirrored(), SPEC.convention.flip_shift)
    return maps, (maps + back) * np.float32(0.5)


def test_decode_and_flip_test(golden):
    maps, averaged = merged(golden)
    back = affine.invert(
        affine.crop_affines(golden["center"][:4], golden["scale"][:4], (48, 64), SPEC.convention)
    )
    for kind, source in (("noflip", maps), ("flip", averaged)):
        cells, scores = SPEC.codec.peaks(source, SPEC.convention.missing_xy)
        np.testing.assert_allclose(scores, golden[f"maxvals_{kind}"][..., 0], rtol=0, atol=1e-6)
        points = affine.apply(back, cells)
        np.testing.assert_allclose(points, golden[f"preds_{kind}"], rtol=0, atol=5e-3)
    sample = golden["merged_sample"]
    np.testing.assert_allclose(averaged[:, :, ::9, ::7], sample, rtol=0, atol=1e-6)
