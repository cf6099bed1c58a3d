"""OpenPose's decoder: goldens of both official builds, plain oracles, round trips."""

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import goldens
from posemark.codecs import paf, paf_surface
from posemark.codecs.paf import (
    BODY_25,
    COCO_18,
    MAXIMIZE_POSITIVES,
    Paf,
    Peaks,
    Surface,
    Thresholds,
)
from posemark.core.frame import Truth
from posemark.core.skeleton import COCO_17
from posemark.core.whole_image import Pass, ScaledInput

LAYOUTS = {0: BODY_25, 1: COCO_18}
FILES = [f for m in ("body25", "coco") for f in goldens.listing("post_openpose", f"{m}_*.npz")]
BUILDS = ("gpu", "cpu")


def codec_of(golden, build):
    thresholds = MAXIMIZE_POSITIVES if golden["maximize_positives"] else Thresholds()
    return Paf(LAYOUTS[int(golden["model"])], build, thresholds)


def scaled_input(size_wh, zoom=1.0, scale=1.0):
    return ScaledInput(scale, size_wh, np.array([[zoom, 0, 0], [0, zoom, 0]], np.float64))


def single_pass(golden):
    maps = golden["net_output_q"].astype(np.float32) * golden["net_output_scale"]
    size_wh = tuple(int(n) for n in golden["net_input_hw"][::-1])
    zoom, back = (float(golden[f"scale_{way}"]) for way in ("input_to_net", "net_to_output"))
    return [Pass(replace(scaled_input(size_wh, zoom), back=back), {"maps": maps[None]})]


def whole(surface, channels):
    """Return every pixel of the surface, from the windows that the decoder reads."""
    width, height = surface.size_wh
    size = 16
    grid = itertools.product(range(channels), range(0, height, size), range(0, width, size))
    c, y, x = np.array(list(grid)).T
    full = np.zeros((channels, height + size, width + size), np.float32)
    for channel, top, left, tile in zip(c, y, x, surface.windows(c, y, x, size), strict=True):
        full[channel, top : top + size, left : left + size] = tile
    return full[:, :height, :width]


def assert_same_peaks(peaks, counts, xys):
    found = [len(peaks.of(part)) for part in range(len(counts))]
    assert found == list(counts)
    np.testing.assert_allclose(peaks.xys, xys, rtol=0, atol=1e-3)


# --- goldens ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["body25", "coco"])
def test_tables_are_the_official_ones(model):
    golden = goldens.arrays(f"post_openpose/tables_{model}.npz")
    layout = BODY_25 if model == "body25" else COCO_18
    assert [list(limb) for limb in layout.limbs] == golden["pairs"].tolist()
    assert [[x, x + 1] for x in layout.fields] == golden["map_idx"].tolist()
    assert list(layout.coco) == golden["coco17_from_model"].tolist()
    for ours, key in ((Thresholds(), ""), (MAXIMIZE_POSITIVES, "_maximize_positives")):
        values = [ours.peak, ours.agreeing, ours.dot, ours.parts, ours.score]
        np.testing.assert_allclose(values, golden[f"thresholds{key}"], rtol=1e-6)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("file", FILES)
def test_every_step_equals_the_official_build(file, build):
    golden = goldens.arrays(f"post_openpose/{file}")
    codec, passes = codec_of(golden, build), single_pass(golden)
    layout, thresholds = codec.layout, codec.thresholds
    surface = Surface.of(passes, layout, build)
    found = paf.find_peaks(surface, layout.parts, thresholds.peak, float(golden["nms_offset"]))
    counts, xys = golden[f"{build}/peak_count"], golden[f"{build}/peak_xys"]
    assert_same_peaks(found, counts, xys)
    peaks = Peaks(xys, np.arange(layout.parts).repeat(counts))
    links = paf.score_links(surface, peaks, layout, thresholds)
    assert_same_links(links, peaks, layout, golden, f"{build}/")
    people, scores = paf.group(peaks, links, layout, thresholds, build)
    assert_same_people(people, scores, golden, build, 1e-6)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("file", FILES)
def test_people_are_those_of_the_official_build(file, build):
    golden = goldens.arrays(f"post_openpose/{file}")
    people, scores = codec_of(golden, build).people(single_pass(golden))
    assert_same_people(people, scores, golden, build, 1e-6)


def assert_same_people(people, scores, golden, build, score_limit):
    people = people * [*[float(golden["scale_net_to_output"])] * 2, 1]
    np.testing.assert_allclose(people, golden[f"{build}/keypoints"], rtol=0, atol=1e-3)
    np.testing.assert_allclose(scores, golden[f"{build}/scores"], rtol=0, atol=score_limit)


def assert_same_links(links, peaks, layout, golden, prefix=""):
    first = np.array([peaks.of(part)[:1].sum() for part in range(layout.parts)])
    a, b = np.array(layout.limbs)[links.limb].T
    ours = np.stack([links.limb, links.a - first[a], links.b - first[b]], 1)
    np.testing.assert_array_equal(ours, golden[f"{prefix}pair_idx"])
    np.testing.assert_allclose(links.score, golden[f"{prefix}pair_score"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("file", ["body25_2p.npz", "body25_4p.npz", "coco_4p.npz"])
def test_enlarged_maps_are_the_official_ones(file, build):
    golden = goldens.arrays(f"post_openpose/{file}")
    codec = codec_of(golden, build)
    full = whole(Surface.of(single_pass(golden), codec.layout, build), codec.layout.channels)
    expected = golden[f"{build}/up_sample"]
    np.testing.assert_allclose(full[:, 3::37, 5::41], expected, rtol=0, atol=2e-5)
    mean, deviation, largest = golden[f"{build}/up_stats"]
    assert full.mean() == pytest.approx(mean, abs=1e-5)
    assert full.std() == pytest.approx(deviation, abs=1e-5)
    assert np.abs(full).max() == pytest.approx(largest, abs=1e-5)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("offset", ["0.5", "0.25"])
def test_peaks_of_noise_plateaus_and_borders(build, offset):
    golden = goldens.arrays("post_openpose/nms_unit.npz")
    for case in goldens.cases(golden):
        maps = golden[f"{case}/map"]
        surface = Surface.plain(maps, build)
        peaks = paf.find_peaks(surface, len(maps), 0.05, float(offset))
        key = f"{case}/{build}/{offset}"
        assert_same_peaks(peaks, golden[f"{key}/count"], golden[f"{key}/xys"])


@pytest.mark.parametrize("build", BUILDS)
def test_links_and_people_of_random_fields(build):
    golden = goldens.arrays("post_openpose/paf_unit.npz")
    for case in goldens.cases(golden):
        maps = golden[f"{case}/maps_q"].astype(np.float32) * golden[f"{case}/maps_scale"]
        layout = BODY_25 if len(maps) == BODY_25.channels else COCO_18
        counts = golden[f"{case}/peak_count"]
        peaks = Peaks(golden[f"{case}/peak_xys"], np.arange(len(counts)).repeat(counts))
        thresholds = Thresholds(agreeing=float(golden[f"{case}/inter_min_above"]))
        links = paf.score_links(Surface.plain(maps, build), peaks, layout, thresholds)
        assert_same_links(links, peaks, layout, golden, f"{case}/")
        people, scores = paf.group(peaks, links, layout, thresholds, build)
        np.testing.assert_allclose(people, golden[f"{case}/{build}/keypoints"], atol=1e-4)
        np.testing.assert_allclose(scores, golden[f"{case}/{build}/scores"], atol=1e-6)


# --- oracles ----------------------------------------------------------------------------------


def test_cpu_enlarging_is_opencvs():
    maps = np.random.default_rng(0).normal(size=(2, 7, 9)).astype(np.float32)
    layers = (paf_surface._layer(maps, (72, 56), 1.0, 8, "cpu"),)
    ours = whole(Surface(layers, (72, 56), "cpu"), 2)
    for channel in range(2):
        theirs = cv2.resize(maps[channel], (72, 56), interpolation=cv2.INTER_CUBIC)
        np.testing.assert_allclose(ours[channel], theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("seed", range(3))
def test_tiles_miss_no_peak(build, seed):
    """Compare with a plain loop over whole enlarged maps with a few weak and strong blobs."""
    rng = np.random.default_rng(seed)
    maps = rng.normal(0, 0.01, (3, 12, 15)).astype(np.float32)
    for channel, y, x in zip(*(rng.integers(0, n, 9) for n in maps.shape), strict=True):
        maps[channel, y, x] += rng.uniform(0.04, 1)
    surface = Surface((paf_surface._layer(maps, (120, 96), 1.0, 8, build),), (120, 96), build)
    full = whole(surface, 3)
    expected = [
        (c, y, x)
        for c, y, x in itertools.product(range(3), range(2, 94), range(2, 118))
        if full[c, y, x] > 0.05 and full[c, y, x] == full[c, y - 1 : y + 2, x - 1 : x + 2].max()
    ]
    found = np.concatenate([np.zeros((0, 4)), *paf_surface._maxima(surface, 3, 0.05)])
    inner = ((found[:, 1:3] >= 2) & (found[:, 1:3] < (94, 118))).all(1)
    assert len(expected) > 3
    assert sorted(map(tuple, found[inner, :3].astype(int))) == expected


# --- there and back ---------------------------------------------------------------------------

# COCO key points of a standing person in a box of 1 by 2, seen from the front.
STANDING = np.array([
    *((0.5, 0.1), (0.55, 0.06), (0.45, 0.06), (0.62, 0.08), (0.38, 0.08)),
    *((0.75, 0.4), (0.25, 0.4), (0.9, 0.75), (0.1, 0.75), (0.95, 1.1), (0.05, 1.1)),
    *((0.65, 1.05), (0.35, 1.05), (0.68, 1.5), (0.32, 1.5), (0.7, 1.93), (0.3, 1.93)),
])  # fmt: skip


def truth_of(people):
    people = np.asarray(people, np.float64).reshape(-1, 17, 2)
    xyv = np.concatenate([people, np.full((len(people), 17, 1), 2.0)], 2)
    count = len(people)
    return Truth(xyv, np.zeros((count, 4)), np.ones(count), np.zeros(count, bool), COCO_17)


def crowd(count, size_wh, rng):
    """Return people side by side in rows, some mirrored, all far apart."""
    columns = -(-count // 2) if count > 3 else max(1, count)
    rows = max(1, -(-count // columns))
    cell = np.array(size_wh) / (columns, rows)
    height = min(cell[1] * 0.9 / 2, cell[0] * 0.8)
    corners = [(i % columns, i // columns) * cell + 0.05 * cell for i in range(count)]
    return np.array([c + STANDING * height + rng.uniform(0, 2, 2) for c in corners])


def matched(found, people):
    """Return the found people in the order of the true ones."""
    gap = np.abs(found[:, None, :, :2] - people[None]).mean((2, 3))
    return found[gap.argmin(0)]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("layout", [BODY_25, COCO_18], ids=lambda layout: layout.name)
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_separate_people_come_back_within_half_a_cell(count, layout, build, mirrored):
    rng = np.random.default_rng(count)
    zoom = 0.8
    scaled = scaled_input((656, 368), zoom)
    people = crowd(count, (656, 368), rng)
    truth = truth_of(people / zoom)
    codec = Paf(layout, build)
    outputs = codec.encode(truth, scaled, mirrored=False)
    assert outputs["maps"].shape == (1, layout.channels, 46, 82)
    assert np.abs(outputs["maps"]).max() <= 1
    back = codec.encode(truth, scaled, mirrored=True) if mirrored else None
    found, scores = codec.decode([Pass(scaled, outputs, back)])
    assert len(found) == count
    assert (scores > 0.5).all()
    if count:
        found = matched(found, people)
        assert (found[..., 2] > 0.4).all()
        # OpenPose adds half an image pixel to every peak.
        assert np.abs(found[..., :2] - 0.5 * zoom - people).max() < 0.5 * 8


@settings(deadline=None, max_examples=15)
@given(
    x=st.floats(10, 200),
    y=st.floats(10, 60),
    size=st.floats(90, 140),
    build=st.sampled_from(BUILDS),
)
def test_one_person_anywhere_comes_back(x, y, size, build):
    # Off the grid, because Hypothesis' round numbers put many key points between two pixels.
    person = STANDING * size + (x + 0.137, y + 0.211)
    codec, scaled = Paf(build=build), scaled_input((368, 368))
    found, _ = codec.decode([Pass(scaled, codec.encode(truth_of(person), scaled, False))])
    assert len(found) == 1
    seen = found[0, :, 2] > 0
    # A key point exactly between two pixels gives two equal values, and neither is a peak.
    assert seen.sum() >= 13
    assert np.abs(found[0, seen, :2] - 0.5 - person[seen]).max() < 0.5 * 8


def test_scales_are_averaged_where_their_content_is():
    people = crowd(2, (640, 368), np.random.default_rng(0))
    codec = Paf()
    inputs = [scaled_input((640, 368)), scaled_input((480, 272), 0.74, 0.75)]
    passes = [Pass(i, codec.encode(truth_of(people), i, False)) for i in inputs]
    found, _ = codec.decode(passes)
    assert len(found) == 2
    assert np.abs(matched(found, people)[..., :2] - 0.5 - people).max() < 0.5 * 8


def test_hidden_parts_and_lone_feet():
    person = crowd(1, (368, 368), np.random.default_rng(0))
    truth = truth_of(person)
    truth.keypoints_xyv[0, 13:, 2] = 0
    codec, scaled = Paf(), scaled_input((368, 368))
    outputs = codec.encode(truth, scaled, False)
    ((keypoints,), _) = codec.decode([Pass(scaled, outputs)])
    assert (keypoints[13:] == (-1, -1, 0)).all()
    assert (keypoints[:13, 2] > 0.4).all()
    truth.keypoints_xyv[..., 2] = 0
    assert not codec.encode(truth, scaled, False)["maps"][0, BODY_25.parts + 1 :].any()
    found, scores = codec.decode([Pass(scaled, codec.encode(truth, scaled, False))])
    assert found.shape == (0, 17, 3)
    assert scores.shape == (0,)


def test_mirroring_twice_is_nothing():
    for layout in (BODY_25, COCO_18):
        order, sign = layout.mirrored_channels
        assert (order[order] == np.arange(layout.channels)).all()
        assert (sign[order] == sign).all()
        for limb in range(len(layout.limbs)):
            assert sign[layout.x_channel(limb), 0, 0] == -1


def test_names_state_the_differences():
    names = {
        Paf(build=b, thresholds=t).name for b in BUILDS for t in (Thresholds(), MAXIMIZE_POSITIVES)
    }
    assert len(names) == 4
