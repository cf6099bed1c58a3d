"""Associative embedding: goldens of the official grouping, plain-loop oracles, properties."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

import goldens
from posemark.codecs import associative_embedding as ae
from posemark.codecs.associative_embedding import AssociativeEmbedding
from posemark.codecs.lazy_maps import Enlarged, Stored, whole
from posemark.core.errors import UsageError
from posemark.core.frame import Truth
from posemark.core.skeleton import COCO_17
from posemark.core.whole_image import Pass, ScaledInput
from posemark.geometry import affine
from posemark.geometry.conventions import HRNET
from posemark.geometry.sizing import ShortSide

GOLDEN = "higher_hrnet_w32_512"
CODEC = AssociativeEmbedding()
PARSED = goldens.listing(GOLDEN, "parser_*.npz")
LOOPS = goldens.listing(GOLDEN, "loop_*.npz")


def dequantised(golden, name, scale):
    return golden[name].astype(np.float32) * np.float32(golden[scale])


# --- goldens of the official parser: maps at full resolution -> people --------------------------


def parser_maps(golden):
    heatmaps = dequantised(golden, "heatmaps_q", "heatmaps_scale")
    tags = dequantised(golden, "tags_q", "tags_scale")
    return heatmaps, np.ascontiguousarray(np.moveaxis(tags, -1, 0))


def enlarged(maps, size_wh):
    """Return whole maps (..., h, w), resampled as lazy_maps.Enlarged does."""
    flat = Stored(maps.reshape(-1, *maps.shape[-2:]))
    found = whole(Enlarged(flat, (int(size_wh[0]), int(size_wh[1]))))
    return found.reshape(*maps.shape[:-2], *found.shape[1:])


@pytest.mark.parametrize("file", PARSED)
def test_official_top_k(file):
    golden = goldens.arrays(f"{GOLDEN}/{file}")
    peaks = CODEC._peaks(ae._Field(*parser_maps(golden)))
    for joint, rows in enumerate(peaks):
        counted = golden["top_val"][joint] > CODEC.detection_threshold
        np.testing.assert_array_equal(rows[:, :2], golden["top_loc"][joint][counted])
        np.testing.assert_array_equal(rows[:, 2], golden["top_val"][joint][counted])
        np.testing.assert_array_equal(rows[:, 3:], golden["top_tag"][joint][counted])


@pytest.mark.parametrize("file", PARSED)
def test_official_grouping(file):
    golden = goldens.arrays(f"{GOLDEN}/{file}")
    heatmaps, tags = parser_maps(golden)
    steps = {
        "matched": replace(CODEC, adjust=False, refine=False),
        "adjusted": replace(CODEC, refine=False),
        "not_refined": replace(CODEC, refine=False),
        "refined": CODEC,
    }
    for step, codec in steps.items():
        people, scores = codec.group(heatmaps, tags)
        expected = golden[step].reshape(-1, *people.shape[1:])
        np.testing.assert_array_equal(people, expected, err_msg=step)
        np.testing.assert_allclose(scores, golden["scores"], rtol=0, atol=1e-6)
    size_wh = heatmaps.shape[:0:-1]
    back = affine.invert(
        affine.crop_affines(golden["center"][None], golden["scale"][None], size_wh, HRNET)
    )
    final = affine.apply(back, people[..., :2].reshape(1, -1, 2))
    expected = golden["final"][..., :2].reshape(-1, 2)
    np.testing.assert_allclose(final[0], expected, rtol=0, atol=1e-3)


def test_goldens_hold_cases_in_which_another_assignment_groups_otherwise():
    every = [goldens.arrays(f"{GOLDEN}/{file}") for file in PARSED]
    assert any(golden["differs_with_scipy_assignment"] for golden in every)


# --- goldens of the official test loop: network outputs -> people in the image ------------------


def loop_passes(golden):
    height, width = (int(n) for n in golden["image_h_w"])
    scales = [float(s) for s in golden["scale_factor"]]
    inputs = ShortSide(int(golden["input_size"]), True).inputs((width, height), scales)
    return (width, height), [Pass(i, *outputs_of(golden, i.scale)) for i in inputs]


def outputs_of(golden, scale):
    found = []
    for kind in ("plain", "flipped") if golden["flip"] else ("plain",):
        quarter = golden[f"net/scale{scale}/{kind}/quarter_q"]
        values = quarter.astype(np.float32)
        values[:17] *= np.float32(golden["heatmaps_scale"])
        values[17:] *= np.float32(golden["tags_scale"])
        half = dequantised(golden, f"net/scale{scale}/{kind}/half_q", "heatmaps_scale")
        found.append({"stride4": values[None], "stride2": half[None]})
    return found


@pytest.mark.parametrize("file", LOOPS)
def test_official_loop(file):
    golden = goldens.arrays(f"{GOLDEN}/{file}")
    image_wh, passes = loop_passes(golden)
    heatmaps, tags = CODEC.aggregate(passes)
    assert heatmaps.shape == tuple(golden["final_shape"][1:])
    expected = golden["final_heatmaps_stride4"][0]
    np.testing.assert_allclose(heatmaps[:, ::4, ::4], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(heatmaps.max((1, 2)), golden["final_heatmap_max"][0], atol=1e-6)
    everywhere = enlarged(tags, golden["base_size_w_h"])[..., ::4, ::4]
    expected = np.moveaxis(golden["final_tags_stride4"][0], -1, 0)
    np.testing.assert_allclose(everywhere, expected, rtol=1e-5, atol=1e-5)

    people, scores = CODEC.group(heatmaps, tags)
    np.testing.assert_array_equal(people[..., :2], golden["grouped"][..., :2])
    np.testing.assert_allclose(people[..., 2:], golden["grouped"][..., 2:], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scores, golden["scores"], rtol=0, atol=1e-6)
    decoded, _ = CODEC.decode(passes)
    back = ShortSide(int(golden["input_size"]), True).to_image(image_wh, [p.input for p in passes])
    final = affine.apply(back[None], decoded[..., :2].reshape(1, -1, 2))[0]
    np.testing.assert_allclose(final, golden["final"][..., :2].reshape(-1, 2), rtol=0, atol=1e-3)


# --- plain loops, as described, are the oracles of what is vectorised or skipped ----------------


def oracle_peaks(heatmaps, tags, codec):
    """Return rows of x, y, value, tags for each joint, from a full max-pool."""
    pooled = functional.max_pool2d(
        torch.from_numpy(heatmaps), codec.nms_kernel, 1, codec.nms_kernel // 2
    )
    suppressed = heatmaps * (pooled.numpy() == heatmaps)
    found = []
    for joint, grid in enumerate(suppressed):
        order = np.argsort(-grid.ravel(), kind="stable")[: codec.max_people]
        cells = [divmod(int(i), grid.shape[1]) for i in order]
        rows = [[x, y, grid[y, x], *tags[:, joint, y, x]] for y, x in cells]
        found.append([r for r in rows if r[2] > codec.detection_threshold])
    return found


def oracle_refine(heatmaps, tags, person):
    """Fill the missing joints of one person by looking at every pixel."""
    present = person[:, 2] > 0
    mean = person[present, 3:].mean(0)
    for joint in np.flatnonzero(~present):
        grid = heatmaps[joint]
        away = np.sqrt(((tags[:, joint] - mean[:, None, None]) ** 2).sum(0))
        y, x = np.unravel_index((grid - np.round(away)).argmax(), grid.shape)
        if grid[y, x] > 0:
            right = grid[y, min(x + 1, grid.shape[1] - 1)] > grid[y, max(x - 1, 0)]
            below = grid[min(y + 1, grid.shape[0] - 1), x] > grid[max(y - 1, 0), x]
            person[joint, :3] = x + (0.75 if right else 0.25), y + (0.75 if below else 0.25), 0
            person[joint, 2] = grid[y, x]


def crowd(seed, size_hw, tags_hw, kinds):
    """Return maps of people with similar tags over noise: missing joints, ties, border peaks."""
    rng = np.random.Generator(np.random.PCG64(seed))
    heatmaps = rng.normal(0, 0.02, (17, *size_hw)).astype(np.float32)
    tags = rng.normal(0, 0.3, (kinds, 17, *tags_hw)).astype(np.float32)
    step = size_hw[0] // tags_hw[0]
    for person in range(int(rng.integers(1, 9))):
        for joint in np.flatnonzero(rng.random(17) < 0.6):
            y, x = int(rng.integers(size_hw[0])), int(rng.integers(size_hw[1]))
            rows = np.arange(size_hw[0])[:, None], np.arange(size_hw[1])
            heatmaps[joint] += np.exp(-((rows[0] - y) ** 2 + (rows[1] - x) ** 2) / 18.0)
            near = [slice(max(0, at // step - 2), at // step + 3) for at in (y, x)]
            tags[(slice(None), joint, *near)] = person * 1.3 + rng.normal(0, 0.2)
    heatmaps[3] = np.round(heatmaps[3] * 8) / 8
    heatmaps[4] = -1
    return heatmaps, tags


@pytest.mark.parametrize("kinds", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_group_equals_the_plain_loops(seed, kinds):
    heatmaps, tags = crowd(seed, (96, 120), (48, 60), kinds)
    full = enlarged(tags, (120, 96))
    expected_peaks = oracle_peaks(heatmaps, full, CODEC)
    for ours, theirs in zip(CODEC._peaks(ae._Field(heatmaps, tags)), expected_peaks, strict=True):
        np.testing.assert_array_equal(ours.reshape(-1, 3 + kinds), np.reshape(theirs, ours.shape))
    expected, _ = replace(CODEC, refine=False).group(heatmaps, tags)
    for person in expected:
        oracle_refine(heatmaps, full, person)
    people, _ = CODEC.group(heatmaps, tags)
    np.testing.assert_array_equal(people, expected)


def test_search_over_maps_whose_size_is_not_a_multiple_of_a_block():
    heatmaps, tags = crowd(11, (67, 83), (67, 83), 1)
    expected, _ = replace(CODEC, refine=False).group(heatmaps, tags)
    for person in expected:
        oracle_refine(heatmaps, tags, person)
    np.testing.assert_array_equal(CODEC.group(heatmaps, tags)[0], expected)


@pytest.mark.parametrize("size", [(10, 14), (20, 28), (40, 56), (15, 21), (13, 17)])
def test_enlarging_equals_torch(size):
    maps = np.random.default_rng(0).normal(0, 5, (3, 10, 14)).astype(np.float32)
    torchs = functional.interpolate(
        torch.from_numpy(maps)[None], size, mode="bilinear", align_corners=False
    )
    ours = enlarged(maps, size[::-1])
    np.testing.assert_allclose(ours, torchs[0].numpy(), rtol=1e-5, atol=1e-5 * np.abs(maps).max())
    ys, xs = np.mgrid[: size[0], : size[1]]
    read = ae._Field(np.zeros((3, *size), np.float32), maps[None]).tags_at(1, ys, xs)
    np.testing.assert_allclose(read[0], ours[1], rtol=0, atol=1e-5)


# --- encode and decode --------------------------------------------------------------------------


def truth_of(points, visible=None):
    """Return people with joints at points (P, 17, 2) of the image."""
    seen = np.full(points.shape[:2], 2.0) if visible is None else visible
    count = len(points)
    return Truth(
        np.concatenate([points, seen[..., None]], -1),
        np.zeros((count, 4)),
        np.ones(count),
        np.zeros(count, bool),
        COCO_17,
    )


def separated_people(seed, image_wh, count):
    """Return joints at random places in separate cells of a grid, so that people are apart."""
    rng = np.random.default_rng(seed)
    columns, rows = image_wh[0] // 60, image_wh[1] // 60
    points = np.zeros((count, 17, 2))
    for joint in range(17):
        cells = rng.choice(columns * rows, count, replace=False)
        corner = np.stack([cells % columns, cells // columns], 1) * 60.0
        points[:, joint] = corner + rng.uniform(20, 40, (count, 2))
    return points


def perfect(truth, image_wh, scales, flip, sizing):
    inputs = sizing.inputs(image_wh, scales)
    return [
        Pass(i, CODEC.encode(truth, i, False), CODEC.encode(truth, i, True) if flip else None)
        for i in inputs
    ]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0, 2.0)])
@pytest.mark.parametrize(("image_wh", "seed"), [((640, 480), 0), ((427, 640), 1), ((500, 500), 2)])
def test_everybody_is_found_within_half_a_cell_of_stride_2(image_wh, seed, scales, flip):
    sizing = ShortSide(256, True)
    points = separated_people(seed, image_wh, 1 + 3 * seed)
    visible = np.where(np.random.default_rng(seed).random(points.shape[:2]) < 0.8, 2.0, 0.0)
    visible[:, 0] = 1
    passes = perfect(truth_of(points, visible), image_wh, scales, flip, sizing)
    people, scores = CODEC.decode(passes)
    base = next(p.input for p in passes if p.input.scale == 1)
    expected = affine.apply(base.affine[None], points.reshape(1, -1, 2)).reshape(points.shape)
    assert len(people) == len(points)
    assert (scores > 0.3).all()
    for wanted, labelled in zip(expected, visible > 0, strict=True):
        errors = np.abs(people[:, labelled, :2] - wanted[labelled]).max((1, 2))
        assert errors.min() <= 1.0


def test_people_of_a_crowd_with_missing_joints_are_distinguished():
    # With tags on a line many assignments tie. Each person's tag is constant to the last bit, so
    # a peak that lost its column finds its group again by the key.
    points = separated_people(6, (640, 480), 25)
    visible = np.where(np.random.default_rng(6).random(points.shape[:2]) < 0.6, 2.0, 0.0)
    truth = truth_of(points, visible)
    (one,) = perfect(truth, (640, 480), (1.0,), True, ShortSide(512, True))
    people, _ = replace(CODEC, refine=False).decode([one])
    expected = affine.apply(one.input.affine[None], points.reshape(1, -1, 2)).reshape(points.shape)
    assert len(people) == 25
    for wanted, labelled in zip(expected, visible > 0, strict=True):
        errors = np.abs(people[:, labelled, :2] - wanted[labelled]).max((1, 2))
        assert errors.min() <= 1.0
        assert ((people[errors.argmin(), :, 2] > 0) == labelled).all()


def test_encoding_of_the_mirror_image_is_the_mirrored_encoding():
    points = separated_people(3, (640, 480), 3)
    (scaled,) = ShortSide(256, True).inputs((640, 480), (1.0,))
    plain = CODEC.encode(truth_of(points), scaled, False)
    mirrored = CODEC.encode(truth_of(points), scaled, True)
    assert plain["stride4"].shape == (1, 34, 64, 96)
    assert plain["stride2"].shape == (1, 17, 128, 192)
    assert (mirrored["stride2"][0, 1] == plain["stride2"][0, 2][:, ::-1]).all()
    assert (mirrored["stride4"][0, 17 + 5] == plain["stride4"][0, 17 + 6][:, ::-1]).all()


def test_crowds_and_unlabelled_joints_encode_to_nothing():
    points = separated_people(4, (640, 480), 2)
    truth = truth_of(points, np.zeros((2, 17)))
    (scaled,) = ShortSide(256, True).inputs((640, 480), (1.0,))
    assert not any(maps.any() for maps in CODEC.encode(truth, scaled, False).values())
    everyone = replace(truth_of(points), is_crowd=np.ones(2, bool))
    assert not any(maps.any() for maps in CODEC.encode(everyone, scaled, False).values())


def test_joints_outside_the_input_are_left_out():
    points = np.full((1, 17, 2), -500.0)
    points[0, 1] = 5000.0
    points[0, 2] = (320.0, 240.0)
    (scaled,) = ShortSide(256, True).inputs((640, 480), (1.0,))
    maps = CODEC.encode(truth_of(points), scaled, False)["stride2"][0]
    assert np.flatnonzero(maps.any((1, 2))).tolist() == [2]


def test_no_people_decode_to_no_people():
    scaled = ScaledInput(1.0, (128, 128), np.eye(2, 3))
    empty = {
        "stride4": np.zeros((1, 34, 32, 32), np.float32),
        "stride2": np.zeros((1, 17, 64, 64), np.float32),
    }
    people, scores = CODEC.decode([Pass(scaled, empty, empty)])
    assert people.shape == (0, 17, 3)
    assert scores.shape == (0,)


def test_scale_1_is_needed():
    scaled = ScaledInput(0.5, (64, 64), np.eye(2, 3))
    with pytest.raises(UsageError, match=r"needs the scale 1, got the scales 0\.5"):
        CODEC.decode([Pass(scaled, {})])


def test_too_many_people():
    rng = np.random.default_rng(5)
    heatmaps = np.zeros((17, 64, 64), np.float32)
    tags = np.zeros((1, 17, 64, 64), np.float32)
    spots = rng.permutation(100)[:40]
    for joint in (0, 1):
        for person, spot in enumerate(spots):
            y, x = 3 + 6 * (spot // 10), 3 + 6 * (spot % 10)
            # The 30 highest of the two joints belong to different people.
            heatmaps[joint, y, x] = 0.2 + 0.01 * (person if joint else 40 - person)
            tags[0, joint, y, x] = 5 * person
    people, _ = CODEC.group(heatmaps, tags)
    assert len(people) == 40
    people, _ = replace(CODEC, ignore_too_much=True).group(heatmaps, tags)
    assert len(people) == 30


def test_without_values_in_the_cost_distances_are_not_rounded():
    rows = np.array([[0, 0, 0.9, 0.4], [0, 0, 0.5, 0.1]])
    means = np.array([[0.0], [0.45]], np.float32)
    exact, _ = replace(CODEC, use_detection_val=False)._choose(rows, means)
    assert exact.tolist() == [1, 0]
    rounded, _ = CODEC._choose(rows, means)
    assert rounded.tolist() == [0, 1]
