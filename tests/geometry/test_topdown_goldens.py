"""Boxes, affines, crops and NMS against outputs of the official repositories."""

import numpy as np
import pytest

import goldens
from posemark.codecs.heatmap import flip_back
from posemark.core.skeleton import COCO_17
from posemark.core.spec import IMAGENET
from posemark.geometry import affine, boxes, crop, oks
from posemark.geometry.conventions import DARK, HRNET, MMPOSE0

SIZES = {"256x192": (192, 256), "384x288": (288, 384)}
FAMILIES = [("topdown_hrnet", HRNET), ("topdown_dark", DARK)]


@pytest.mark.parametrize(("folder", "convention"), FAMILIES)
@pytest.mark.parametrize("size", SIZES)
def test_box_to_affine_and_back(folder, convention, size):
    golden = goldens.arrays(f"{folder}/boxes_affine.npz")
    input_wh = SIZES[size]
    map_wh = (input_wh[0] // 4, input_wh[1] // 4)
    for number in goldens.cases(golden, f"{size}/"):
        case = f"{size}/{number}"
        centres, scales = boxes.centre_scale(golden[f"{case}/boxes_xywh"], input_wh, convention)
        np.testing.assert_allclose(centres, golden[f"{case}/center"], rtol=0, atol=1e-4)
        np.testing.assert_allclose(scales, golden[f"{case}/scale"], rtol=1e-6)
        forward = affine.crop_affines(centres, scales, input_wh, convention)
        np.testing.assert_allclose(forward, golden[f"{case}/affine_fwd"], rtol=1e-5, atol=1e-3)
        back = affine.invert(affine.crop_affines(centres, scales, map_wh, convention))
        points = affine.apply(back, golden[f"{case}/points_heatmap"])
        np.testing.assert_allclose(points, golden[f"{case}/points_image"], rtol=0, atol=1e-3)


@pytest.mark.parametrize("opencv", [4, 5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("folder", "convention"), FAMILIES)
def test_crop(folder, convention, size, opencv):
    golden = goldens.arrays(f"{folder}/crop_{size}_opencv{opencv}.npz")
    for case in goldens.cases(golden):
        centre, scale = golden[f"{case}/center"][None], golden[f"{case}/scale"][None]
        image_bgr = goldens.image(*golden[f"{case}/image_seed_h_w"])
        affines = affine.crop_affines(centre, scale, SIZES[size], convention)
        # The golden image was made as RGB; the crop takes BGR and returns RGB.
        (tensor,) = crop.crop_batch(image_bgr[..., ::-1].copy(), affines, SIZES[size])
        step = int(golden[f"{case}/crop_stride"])
        pixels = denormalise(tensor)[::step, ::step]
        difference = np.abs(pixels - golden[f"{case}/crop_u8"].astype(float))
        # OpenCV 4 and 5 differ by up to 4 grey levels, and the official float32 point
        # pairs move a few sampling positions by one 32nd of a pixel.
        assert difference.max() <= 5
        assert difference.mean() < 0.25
        np.testing.assert_allclose(tensor.mean(), golden[f"{case}/norm_stats"][0], atol=2e-3)


def denormalise(tensor):
    mean, std = np.array(IMAGENET.mean), np.array(IMAGENET.std)
    return (tensor.transpose(1, 2, 0) * std + mean) * 255


def test_mmpose0_boxes_warp_and_crop():
    golden = goldens.arrays("post_mmpose0_topdown/golden.npz")
    height, width = golden["image_hw"]
    input_wh = tuple(int(n) for n in golden["input_wh"])
    centres, scales = boxes.centre_scale(golden["boxes_xywh"], input_wh, MMPOSE0)
    np.testing.assert_allclose(centres, golden["center"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(scales, golden["scale"], rtol=1e-6)
    affines = affine.crop_affines(centres, scales, input_wh, MMPOSE0)
    np.testing.assert_allclose(affines, golden["warp"], rtol=1e-5, atol=1e-3)
    image = goldens.image(golden["image_seed"], height, width)
    (tensor, *_) = crop.crop_batch(image[..., ::-1].copy(), affines, input_wh)
    difference = np.abs(denormalise(tensor) - golden["crop0"].astype(float))
    assert difference.max() <= 5
    assert difference.mean() < 0.25
    np.testing.assert_allclose(
        [tensor.mean(), tensor.std(), tensor.max()], golden["tensor0_stats"], atol=5e-3
    )


def test_oks_and_nms():
    golden = goldens.arrays("topdown_hrnet/oks_nms.npz")
    for case in goldens.cases(golden):
        points = golden[f"{case}/keypoints"][..., :2]
        areas, scores = golden[f"{case}/areas"], golden[f"{case}/scores"]
        similar = oks.oks_matrix(points, areas, COCO_17.sigmas)
        np.testing.assert_allclose(similar, golden[f"{case}/oks_matrix"], rtol=0, atol=1e-6)
        for threshold in (0.5, 0.9):
            keep = oks.oks_nms(points, scores, areas, COCO_17.sigmas, threshold)
            assert keep.tolist() == golden[f"{case}/oks_nms_keep_{threshold}"].tolist()


def test_flip_with_shift_keeps_column_zero_and_swaps_pairs():
    maps = np.arange(2 * 17 * 3 * 4, dtype=np.float32).reshape(2, 17, 3, 4)
    plain = flip_back(maps, COCO_17.mirrored(), 0)
    np.testing.assert_array_equal(plain[:, 1], maps[:, 2, :, ::-1])
    np.testing.assert_array_equal(flip_back(plain, COCO_17.mirrored(), 0), maps)
    shifted = flip_back(maps, COCO_17.mirrored(), 1)
    np.testing.assert_array_equal(shifted[..., 1:], plain[..., :-1])
    np.testing.assert_array_equal(shifted[..., 0], plain[..., 0])


@pytest.mark.parametrize("convention", [HRNET, DARK, MMPOSE0], ids=lambda c: c.name)
def test_a_box_whose_centre_is_at_minus_1_is_not_padded_officially(convention):
    extent = convention.extent
    found = [[-21, 20, 40 + extent, 80 + extent], [-20.5, 20, 40 + extent, 80 + extent]]
    centres, scales = boxes.centre_scale(np.array(found), (192, 256), convention)
    assert centres[:, 0].tolist() == [-1, -0.5]
    plain = (80 + extent) / 200
    first = plain * (1.25 if convention is MMPOSE0 else 1)
    np.testing.assert_allclose(scales[:, 1], [first, plain * 1.25], rtol=1e-6)
