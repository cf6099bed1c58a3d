"""Maps that are enlarged where they are read, against whole maps enlarged by OpenCV."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemark.codecs.lazy_maps import Enlarged, Mean, Spans, Stored, whole
from posemark.codecs.tagged_maps import Field

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(1, 23)


def enlarged(maps, size_wh):
    """Return whole enlarged maps; edge pixels are repeated."""
    return np.stack([cv2.resize(grid, size_wh, interpolation=cv2.INTER_LINEAR) for grid in maps])


def noise(rng, *shape):
    return rng.normal(0, 3, shape).astype(np.float32)


def three_scales(rng, height, width):
    """Return a surface of three scales, one flipped, and its whole maps (2, 4 H, 4 W)."""
    size_wh, order = (4 * width, 4 * height), (1, 0)
    maps = [noise(rng, 2, *hw) for hw in ((height, width), (2 * height, 2 * width))]
    base = noise(rng, 2, 4 * height, 4 * width)
    sources = (*map(Stored, maps), Stored(base, order))
    expected = [*(enlarged(each, size_wh) for each in maps), base[::-1, :, ::-1]]
    return Mean(tuple(Enlarged(each, size_wh) for each in sources)), np.mean(expected, 0)


@settings(deadline=None, max_examples=60)
@given(SEEDS, SIDES, SIDES)
def test_scales_and_a_flip_are_enlarged_and_averaged(seed, height, width):
    rng = np.random.default_rng(seed)
    surface, expected = three_scales(rng, height, width)
    np.testing.assert_allclose(whole(surface), expected, rtol=0, atol=3e-5)


@settings(deadline=None, max_examples=60)
@given(SEEDS, SIDES, SIDES, st.integers(1, 12))
def test_patches_hold_to_the_last_bit_what_whole_maps_hold(seed, height, width, size):
    """Windows beyond the edges repeat the edge pixels."""
    rng = np.random.default_rng(seed)
    surface, _ = three_scales(rng, height, width)
    full = whole(surface)
    maps, ys, xs = (rng.integers(low, n, 9) for low, n in zip((0, -3, -3), full.shape, strict=True))
    patches = surface.read(maps, ys, xs, (size, size))
    for patch, k, y, x in zip(np.moveaxis(patches, -1, 0), maps, ys, xs, strict=True):
        rows = (y + np.arange(size)).clip(0, full.shape[1] - 1)
        columns = (x + np.arange(size)).clip(0, full.shape[2] - 1)
        np.testing.assert_array_equal(patch, full[k][np.ix_(rows, columns)])


@settings(deadline=None, max_examples=60)
@given(SEEDS, SIDES, SIDES)
def test_bounds_of_squares_hold_and_are_reached_where_nothing_is_enlarged(seed, height, width):
    rng = np.random.default_rng(seed)
    surface, _ = three_scales(rng, height, width)
    full = whole(surface)
    blocks = [Spans.blocks(side, 8) for side in full.shape[1:]]
    low, high = (surface.extremes(*blocks, pick) for pick in (np.minimum, np.maximum))
    exact = Stored(full).extremes(*blocks, np.maximum)
    for (k, r, c), highest in np.ndenumerate(exact):
        square = full[k, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8]
        assert highest == square.max()
        assert low[k, r, c] - 1e-5 <= square.min()
        assert square.max() <= high[k, r, c] + 1e-5


KINDS = ("noise", "quiet", "plateaus", "negative", "empty", "border")


def maps_of(kind, rng, height, width):
    maps = noise(rng, 3, height, width)
    if kind == "quiet":
        return maps / 10
    if kind == "plateaus":
        return np.round(maps / 3)
    if kind == "negative":
        return -np.abs(maps)
    if kind == "empty":
        return np.zeros_like(maps)
    if kind == "border":
        maps[:, [0, -1]] += 9
        maps[:, :, [0, -1]] += 9
    return maps


def plain_maxima(full, threshold, reach):
    """Return (joint, y, x) from a search over all pixels: highest first, ties in reading order."""
    found = []
    for (k, y, x), value in np.ndenumerate(full):
        window = full[k, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        if value > threshold and value == window.max():
            found.append((k, -value, y, x))
    return [(k, y, x) for k, _, y, x in sorted(found)]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=15)
@given(SEEDS, SIDES, SIDES, st.sampled_from([3, 5, 7]), st.booleans())
def test_maxima_are_those_of_whole_maps(kind, seed, height, width, kernel, enlarge):
    heat = Stored(maps_of(kind, np.random.default_rng(seed), height, width))
    surface = Enlarged(heat, (2 * width, 2 * height)) if enlarge else heat
    full = whole(surface)
    field = Field(surface, np.zeros((1, *full.shape), np.float32))
    found = field.local_maxima(0.1, kernel)
    expected = plain_maxima(full, 0.1, kernel // 2)
    assert list(zip(found.joint, found.y, found.x, strict=True)) == expected
    np.testing.assert_array_equal(found.value, full[found.joint, found.y, found.x])


@pytest.mark.parametrize("kinds", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=15)
@given(SEEDS, SIDES, SIDES)
def test_the_best_match_is_that_of_whole_maps(kind, kinds, seed, height, width):
    """The first in reading order of highest heat - round(|tag - mean|)."""
    rng = np.random.default_rng(seed)
    heat = Enlarged(Stored(maps_of(kind, rng, height, width)), (2 * width, 2 * height))
    tags = tuple(Stored(noise(rng, 3, height, width)) for _ in range(kinds))
    full = whole(heat)
    every = np.stack([whole(Enlarged(each, (2 * width, 2 * height))) for each in tags])
    joint = np.sort(rng.integers(0, 3, 11))
    means = noise(rng, 11, kinds)
    found = Field(heat, tags).best_match(joint, means)
    for n, (k, mean) in enumerate(zip(joint, means, strict=True)):
        away = every[0, k] - mean[0]
        gap = np.abs(away)
        if kinds == 2:
            gap = np.sqrt(away * away + (every[1, k] - mean[1]) * (every[1, k] - mean[1]))
        y, x = np.unravel_index((full[k] - np.rint(gap)).argmax(), full[k].shape)
        assert (found.y[n], found.x[n]) == (y, x)
        assert found.value[n] == full[k, y, x]


def test_a_search_for_no_people_finds_nothing():
    field = Field(np.zeros((3, 9, 9), np.float32), np.zeros((1, 3, 9, 9), np.float32))
    assert len(field.best_match(np.zeros(0, np.intp), np.zeros((0, 1), np.float32)).y) == 0


def test_a_square_that_only_the_last_look_takes_is_judged_by_its_rounded_distance():
    """Another square in the same row has a higher bound, but no higher value."""
    heat, tags = np.full((1, 8, 16), 0.2, np.float32), np.zeros((1, 8, 16), np.float32)
    heat[0, 3, 3], tags[0, 3, 3] = 0.95, 5  # high where the tag is far
    heat[0, 4, 12], tags[0, :, 8:] = 0.9, 0.3  # 0.3 rounds to no distance
    found = Field(heat, tags[None]).best_match(np.array([0]), np.zeros((1, 1)))
    assert (found.y[0], found.x[0], found.value[0]) == (4, 12, np.float32(0.9))
