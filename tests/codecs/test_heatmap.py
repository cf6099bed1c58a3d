"""The heatmap codec: goldens of the official decoders, plain-loop oracles, properties."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import goldens
from posemark.codecs import heatmap
from posemark.codecs.heatmap import Heatmap
from posemark.core.errors import UsageError
from posemark.core.skeleton import COCO_17
from posemark.geometry import affine
from posemark.geometry.conventions import DARK, HRNET, MMPOSE0

SIGMAS = {"256x192": 2.0, "384x288": 3.0}


def dequantised(golden, name, scale):
    return golden[name].astype(np.float32) * np.float32(golden[scale])


def to_image(cells, golden, case, convention, map_wh):
    centre, scale = golden[f"{case}/center"], golden[f"{case}/scale"]
    back = affine.invert(affine.crop_affines(centre, scale, map_wh, convention))
    return affine.apply(back, cells)


@pytest.mark.parametrize("size", SIGMAS)
@pytest.mark.parametrize(
    ("folder", "convention", "refine"),
    [("topdown_hrnet", HRNET, "quarter"), ("topdown_dark", DARK, "dark")],
)
def test_official_decode(folder, convention, refine, size):
    golden = goldens.arrays(f"{folder}/decode_{size}.npz")
    for case in goldens.cases(golden):
        maps = dequantised(golden, f"{case}/heatmaps_q", f"{case}/q_scale")
        cells, scores = Heatmap(refine).peaks(maps, convention.missing_xy)
        np.testing.assert_array_equal(scores, golden[f"{case}/maxvals"][..., 0])
        if refine == "dark":
            np.testing.assert_allclose(cells, golden[f"{case}/coords_heatmap"], rtol=0, atol=1e-3)
        image_xy = to_image(cells, golden, case, convention, maps.shape[:1:-1])
        np.testing.assert_allclose(image_xy, golden[f"{case}/preds"], rtol=0, atol=5e-3)


def test_plain_argmax_is_the_official_decode_without_post_processing():
    golden = goldens.arrays("topdown_hrnet/decode_256x192.npz")
    for case in goldens.cases(golden):
        maps = dequantised(golden, f"{case}/heatmaps_q", f"{case}/q_scale")
        cells, _ = Heatmap("argmax").peaks(maps, 0)
        np.testing.assert_array_equal(cells, golden[f"{case}/argmax"])


@pytest.mark.parametrize(
    ("folder", "convention", "refine"),
    [("topdown_hrnet", HRNET, "quarter"), ("topdown_dark", DARK, "dark")],
)
def test_flip_test_of_the_official_validation(folder, convention, refine):
    golden = goldens.arrays(f"{folder}/validate_flip_256x192.npz")
    for case in goldens.cases(golden):
        maps = dequantised(golden, f"{case}/heatmaps_q", f"{case}/q_scale")
        mirrored = dequantised(golden, f"{case}/heatmaps_flipped_q", f"{case}/q_scale")
        back = heatmap.flip_back(mirrored, COCO_17.mirrored(), convention.flip_shift)
        for kind, merged in (("flip0", maps), ("flip1", (maps + back) * np.float32(0.5))):
            expected = golden[f"{case}/{kind}/averaged_joints_0_6"]
            np.testing.assert_allclose(merged[:, [0, 6]], expected, rtol=0, atol=1e-6)
            cells, scores = Heatmap(refine).peaks(merged, convention.missing_xy)
            image_xy = to_image(cells, golden, case, convention, (48, 64))
            predictions = golden[f"{case}/{kind}/all_preds"]
            np.testing.assert_allclose(image_xy, predictions[..., :2], rtol=0, atol=5e-3)
            np.testing.assert_allclose(scores, predictions[..., 2], rtol=0, atol=1e-6)


def test_mmpose0_decode_and_flip():
    golden = goldens.arrays("post_mmpose0_topdown/golden.npz")
    maps = dequantised(golden, "hm_q", "hm_scale")
    mirrored = dequantised(golden, "hm_flip_q", "hm_scale")
    merged = (maps + heatmap.flip_back(mirrored, COCO_17.mirrored(), MMPOSE0.flip_shift)) / 2
    centre, scale = golden["center"][:4], golden["scale"][:4]
    back = affine.invert(affine.crop_affines(centre, scale, (48, 64), MMPOSE0))
    rows = [(maps, "noflip", "quarter"), (merged, "flip", "quarter"), (maps, "unbiased", "dark")]
    for source, name, refine in rows:
        if name == "unbiased" and not np.array_equal(
            golden["maxvals_unbiased"], golden["maxvals_noflip"]
        ):
            source = merged
        cells, scores = Heatmap(refine).peaks(source, MMPOSE0.missing_xy)
        np.testing.assert_allclose(scores, golden[f"maxvals_{name}"][..., 0], rtol=0, atol=1e-6)
        points = affine.apply(back, cells)
        np.testing.assert_allclose(points, golden[f"preds_{name}"], rtol=0, atol=5e-3)


# --- the plain loop, as in the papers, is the oracle of the vectorised code --------------------


def oracle_quarter(grid):
    height, width = grid.shape
    y, x = divmod(int(grid.argmax()), width)
    if grid[y, x] <= 0:
        return -1.0, -1.0
    if 1 < x < width - 1 and 1 < y < height - 1:
        right = np.sign(grid[y, x + 1] - grid[y, x - 1])
        down = np.sign(grid[y + 1, x] - grid[y - 1, x])
        return x + 0.25 * right, y + 0.25 * down
    return float(x), float(y)


def oracle_dark(grid, kernel):
    height, width = grid.shape
    y, x = divmod(int(grid.argmax()), width)
    if grid[y, x] <= 0:
        return -1.0, -1.0
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return float(x), float(y)
    border = kernel // 2
    padded = np.pad(grid.astype(np.float64), border)
    blurred = cv2.GaussianBlur(padded, (kernel, kernel), 0)
    blurred = blurred[border : border + height, border : border + width]
    h = np.log(np.maximum(blurred * grid.max() / blurred.max(), 1e-10))
    dx, dy = (h[y, x + 1] - h[y, x - 1]) / 2, (h[y + 1, x] - h[y - 1, x]) / 2
    dxx = (h[y, x + 2] - 2 * h[y, x] + h[y, x - 2]) / 4
    dyy = (h[y + 2, x] - 2 * h[y, x] + h[y - 2, x]) / 4
    diagonals = h[y + 1, x + 1] - h[y - 1, x + 1] - h[y + 1, x - 1] + h[y - 1, x - 1]
    hessian = np.array([[dxx, diagonals / 4], [diagonals / 4, dyy]])
    if np.linalg.det(hessian) == 0:
        return float(x), float(y)
    step = -np.linalg.inv(hessian) @ [dx, dy]
    return x + step[0], y + step[1]


def random_maps(seed, count=3, height=64, width=48):
    """Return maps of blobs over noise: some all negative, some peaks on borders, some ties."""
    rng = np.random.Generator(np.random.PCG64(seed))
    centres = rng.uniform(-2, [width + 1, height + 1], (count, 17, 2))
    maps = Heatmap().gaussians(
        centres.clip(0, [width - 1, height - 1]), np.ones((count, 17), bool), (width, height)
    )
    maps = maps + rng.normal(0, 0.02, maps.shape).astype(np.float32)
    maps[:, 0] = -1.0
    maps[:, 1] = np.round(maps[:, 1] * 4) / 4
    return maps


@pytest.mark.parametrize("refine", ["quarter", "dark:3", "dark:11", "dark:5"])
@pytest.mark.parametrize("seed", range(4))
def test_decode_equals_the_plain_loop(refine, seed):
    maps = random_maps(seed)
    codec = Heatmap().variant(refine)
    cells, scores = codec.peaks(maps, -1.0)
    for n in range(len(maps)):
        for joint in range(17):
            grid = maps[n, joint]
            loop = oracle_quarter(grid) if refine == "quarter" else oracle_dark(grid, codec.kernel)
            np.testing.assert_allclose(cells[n, joint], loop, rtol=0, atol=1e-6)
            assert scores[n, joint] == grid.max()


@settings(deadline=None, max_examples=60)
@given(
    x=st.floats(3.5, 44),
    y=st.floats(3.5, 60),
    sigma=st.sampled_from([2.0, 3.0]),
)
def test_decode_of_encode_is_within_half_a_cell_and_dark_far_closer(x, y, sigma):
    truth = np.array([[[x, y]]])
    bound = {"argmax": 0.5, "quarter": 0.5, "dark": 0.01}
    for refine, limit in bound.items():
        codec = Heatmap(refine, sigma)
        cells, scores = codec.peaks(codec.gaussians(truth, np.ones((1, 1), bool), (48, 64)), -1)
        # Near the border DARK's blur sees zeros outside the map, as in the official code.
        deep = 8 < x < 39 and 8 < y < 55
        assert np.abs(cells - truth).max() <= (limit if deep else 0.5) + 1e-6
        assert 0.9 < scores[0, 0] <= 1


def test_quarter_is_closer_than_argmax_on_average():
    truth = np.random.default_rng(0).uniform(5, 40, (20, 17, 2))
    maps = Heatmap().gaussians(truth, np.ones((20, 17), bool), (48, 64))
    errors = [np.abs(Heatmap(r).peaks(maps, 0)[0] - truth).mean() for r in ("argmax", "quarter")]
    assert errors[1] < 0.6 * errors[0]


def test_invisible_and_outside_points_encode_to_nothing_and_decode_to_missing():
    points = np.array([[[10.0, 10.0], [-3.0, 5.0], [20.0, 70.0]]])
    maps = Heatmap().gaussians(points, np.array([[False, True, True]]), (48, 64))
    assert not maps.any()
    cells, scores = Heatmap().peaks(maps, -1.0)
    assert (cells == -1).all()
    assert not scores.any()


def test_no_people_decode_to_no_people():
    for refine in ("argmax", "quarter", "dark"):
        cells, scores = Heatmap(refine).peaks(np.zeros((0, 17, 64, 48), np.float32), 0)
        assert cells.shape == (0, 17, 2)
        assert scores.shape == (0, 17)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11, 13, 31])
def test_blur_kernel_is_opencvs(size):
    ours = heatmap.gaussian_kernel(size)
    np.testing.assert_allclose(ours, cv2.getGaussianKernel(size, 0)[:, 0], atol=1e-12)


@pytest.mark.parametrize(
    "text", ["", "darks", "dark:", "dark:4", "dark:x", "quarter:3", "dark:33", "dark:007"]
)
def test_unknown_codec_is_explained(text):
    with pytest.raises(UsageError, match="argmax, quarter, or dark:K"):
        Heatmap().variant(text)
