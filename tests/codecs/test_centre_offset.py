"""The centre-and-offset codec: goldens of DEKR's official code, oracles, round trips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import goldens
from posemark.codecs.centre_offset import CentreOffset, Proposals
from posemark.core.frame import Truth
from posemark.core.skeleton import COCO_17
from posemark.core.whole_image import Pass, ScaledInput
from posemark.geometry.sizing import ShortSide

LOOPS = goldens.listing("dekr_common", "loop_*.npz")
SIZING = ShortSide(128, smallest_counts=False)


def dequantised(golden, name, scale):
    return golden[name].astype(np.float32) * np.float32(golden[scale])


def one_pass(heatmaps=None, offsets=None, scale=1.0, mirrored=None):
    """Return a pass over maps (1, C, h, w); the placement of its input does not matter."""
    outputs = {"heatmaps": heatmaps, "offsets": offsets}
    return Pass(ScaledInput(scale, (0, 0), np.eye(2, 3)), outputs, mirrored)


# --- pieces of the official code --------------------------------------------------------------


def test_official_pose_maps_and_their_mirroring():
    golden = goldens.arrays("dekr_common/pieces.npz")
    for case in goldens.cases(golden):
        offset = golden[f"{case}/offset"]
        cells = np.arange(offset[0, 0].size)

        def as_joints(poses):
            return poses.reshape(34, -1).T.reshape(-1, 17, 2)

        expected = as_joints(golden[f"{case}/posemap"])
        joints = CentreOffset().joints(one_pass(offsets=offset), cells)
        np.testing.assert_allclose(joints, expected, rtol=0, atol=1e-6)
        both = one_pass(offsets=offset, mirrored={"offsets": offset})
        # The stored maps have swapped channels and offsets from the right, but are not mirrored.
        other = as_joints(golden[f"{case}/posemap_flip"][..., ::-1])
        expected = (expected + other) / 2
        np.testing.assert_allclose(CentreOffset().joints(both, cells), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("zoom", [1, 2, 4, 8])
def test_reading_between_cells_gives_the_official_enlarged_maps(zoom):
    golden = goldens.arrays("dekr_common/pieces.npz")
    for case in goldens.cases(golden):
        maps = golden[f"{case}/map"]
        enlarged = golden[f"{case}/up_x{zoom}"][0]
        rows, columns = np.indices(enlarged.shape[1:]).reshape(2, -1)
        points = np.stack([columns, rows], 1)[:, None].repeat(len(enlarged), 1) + 0.9
        with_centre = np.concatenate([maps, maps[:, :1]], 1)
        heats = CentreOffset(stride=zoom).heats([one_pass(with_centre)], points)
        np.testing.assert_allclose(heats, enlarged.reshape(3, -1).T, rtol=0, atol=1e-6)


def test_official_centre_peaks():
    golden = goldens.arrays("dekr_common/center_peaks.npz")
    for case in goldens.cases(golden):
        centre = dequantised(golden, f"{case}/center_q", "q_scale")
        peaks = CentreOffset().peaks(centre)
        np.testing.assert_array_equal(centre.ravel()[peaks], golden[f"{case}/scores"])
        assert sorted(peaks) == sorted(golden[f"{case}/pos"])


def test_official_suppression_across_scales():
    golden = goldens.arrays("dekr_common/pose_nms.npz")
    for case in goldens.cases(golden):
        scales = golden[f"{case}/scale_factor_sorted"]
        limit = float(golden[f"{case}/nms_thre"])
        codec = CentreOffset(stride=1, max_people=int(golden[f"{case}/max_num_people"]))
        given = [golden[f"{case}/proposals_{i}"] for i in range(len(scales))]
        found = [Proposals(g[..., :2], g[:, 0, 2]) for g in given]
        found = codec.comparable(found, [one_pass(scale=s) for s in scales])
        joints = np.concatenate([p.joints_xy for p in found])
        maps = dequantised(golden, f"{case}/heatmap_q", "heatmap_q_scale")[None]
        heats = codec.heats([one_pass(maps)], joints)
        scores = np.concatenate([p.scores for p in found])[:, None] * heats
        kept = codec.suppress(joints, heats.mean(1), limit)
        expected = golden[f"{case}/kept"]
        np.testing.assert_array_equal(joints[kept], expected[..., :2])
        np.testing.assert_allclose(scores[kept], expected[..., 2], rtol=0, atol=1e-6)
        mean = scores[kept].mean(1)
        np.testing.assert_allclose(mean, golden[f"{case}/scores"], rtol=0, atol=1e-6)


def official_run(file):
    """Return a golden of the whole test loop, its passes and the image size."""
    golden = goldens.arrays(f"dekr_common/{file}")
    height, width = golden["image_h_w"]
    passes = []
    for scaled in SIZING.inputs((int(width), int(height)), golden["scale_factor"].tolist()):

        def outputs(kind, scale=scaled.scale):
            return {
                f"{name}s": dequantised(
                    golden, f"net/scale{scale}/{kind}/{name}_q", f"{name}_q_scale"
                )[None]
                for name in ("heatmap", "offset")
            }

        mirrored = outputs("flipped") if golden["flip"] else None
        passes.append(Pass(scaled, outputs("plain"), mirrored))
    return golden, passes, (int(width), int(height))


@pytest.mark.parametrize("file", LOOPS)
def test_official_test_loop(file):
    golden, passes, image_wh = official_run(file)
    codec = CentreOffset()
    assert codec.nms_thresholds[len(passes) > 1] == golden["nms_thre"]
    for seen in passes:
        found = codec.proposals(seen)
        expected = golden[f"scale{seen.input.scale}/proposals"].reshape(-1, 17, 3)
        np.testing.assert_allclose(found.scores, expected[:, 0, 2], rtol=0, atol=1e-6)
        # Loop 2 has two peaks of equal height; torch.topk decides which comes first.
        order = np.lexsort([found.joints_xy[:, 0, 0], -found.scores])
        theirs = expected[np.lexsort([expected[:, 0, 0], -expected[:, 0, 2]])]
        np.testing.assert_allclose(found.joints_xy[order], theirs[..., :2], rtol=0, atol=1e-4)
    people, scores = codec.decode(passes)
    if len(golden["nms_poses"]) == 0:
        assert people.shape == (0, 17, 3)
        assert scores.shape == (0,)
        return
    np.testing.assert_allclose(people, golden["nms_poses"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(scores, golden["nms_scores"], rtol=0, atol=1e-6)
    to_image = SIZING.to_image(image_wh, [p.input for p in passes])
    points = people[..., :2] @ to_image[:, :2].T + to_image[:, 2]
    np.testing.assert_allclose(points, golden["final"][..., :2], rtol=0, atol=1e-3)


@pytest.mark.parametrize("file", LOOPS)
def test_official_mean_heatmaps(file):
    golden, passes, _ = official_run(file)
    expected = golden["heatmap_avg_stride4"][0, :17]
    rows, columns = np.indices(expected.shape[1:]).reshape(2, -1) * 4
    points = np.stack([columns, rows], 1)[:, None].repeat(17, 1).astype(np.float32)
    heats = CentreOffset().heats(passes, points)
    np.testing.assert_allclose(heats, expected.reshape(17, -1).T, rtol=0, atol=1e-6)


# --- plain loops as oracles -------------------------------------------------------------------


def oracle_suppress(joints, heats, threshold, needed):
    """Return poses after suppression, one by one as in the paper's code."""
    kept, ignored = [], set()
    for i, pose in enumerate(joints):
        if i in ignored:
            continue
        width, height = pose.max(0) - pose.min(0)
        reach = threshold * np.hypot(width, height)
        like = [
            k
            for k, other in enumerate(joints)
            if sum(np.hypot(*d) < reach for d in pose - other) > needed
        ]
        best = max(like, key=lambda k: heats[k])
        if best not in ignored:
            kept.append(best)
            ignored.update(like)
    return kept


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.0, 20.0), count=st.integers(0, 20))
def test_suppression_equals_the_plain_loop(seed, spread, count):
    rng = np.random.default_rng(seed)
    figure = rng.uniform(0, 100, (1, 17, 2))
    sizes = rng.uniform(0.7, 1.4, (count, 1, 1))
    joints = figure * sizes + rng.normal(0, 1 + spread, (count, 17, 2))
    heats = rng.uniform(0, 1, count)
    kept = CentreOffset(max_people=99).suppress(joints, heats, 0.15)
    assert kept.tolist() == oracle_suppress(joints, heats, 0.15, 8)


@pytest.mark.parametrize(("shape", "reach"), [((40, 60), 1), ((150, 260), 2), ((300, 310), 3)])
def test_peaks_equal_the_plain_loop(shape, reach):
    rng = np.random.default_rng(5)
    centre = (rng.integers(-50, 1000, shape) / 1000).astype(np.float32)
    found = {
        y * shape[1] + x
        for y, x in np.argwhere(centre > 0.9)
        if centre[y, x]
        == centre[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].max()
    }
    peaks = CentreOffset(centre_threshold=0.9, max_people=10**6).peaks(centre)
    assert set(peaks.tolist()) == found
    assert (np.diff(centre.ravel()[peaks]) <= 0).all()


# --- perfect outputs --------------------------------------------------------------------------


def people_in(image_wh, seed, count=5):
    """Return people on a grid, far enough apart that no centre is hidden."""
    rng = np.random.default_rng(seed)
    columns = np.arange(count) % 3
    centres = np.stack([columns, np.arange(count) // 3], 1) * [200, 240] + [110, 120]
    joints = centres[:, None] + rng.uniform(-1, 1, (count, 17, 2)) * [80, 100]
    keypoints = np.concatenate([joints, np.full((count, 17, 1), 2.0)], 2)
    keypoints[rng.uniform(size=(count, 17)) < 0.1, 2] = 1
    boxes = np.zeros((count, 4))
    assert (joints.max((0, 1)) < image_wh).all()
    return Truth(keypoints, boxes, np.ones(count), np.zeros(count, bool), COCO_17)


def perfect_passes(codec, truth, image_wh, sizing, scales, flip):
    passes = []
    for scaled in sizing.inputs(image_wh, scales):
        mirrored = codec.encode(truth, scaled, True) if flip else None
        passes.append(Pass(scaled, codec.encode(truth, scaled, False), mirrored))
    return passes


def decoded_in_image(codec, passes, sizing, image_wh):
    people, scores = codec.decode(passes)
    to_image = sizing.to_image(image_wh, [p.input for p in passes])
    return people[..., :2] @ to_image[:, :2].T + to_image[:, 2], scores


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scales", [(1.0,), (0.5, 1.0, 2.0)])
def test_everybody_in_perfect_outputs_is_found_within_half_a_cell(scales, flip, seed):
    # 640x512 fits the input rule exactly, so positions agree at all scales.
    image_wh, sizing, codec = (640, 512), ShortSide(512, smallest_counts=False), CentreOffset()
    truth = people_in(image_wh, seed)
    passes = perfect_passes(codec, truth, image_wh, sizing, scales, flip)
    points, scores = decoded_in_image(codec, passes, sizing, image_wh)
    assert len(points) == len(truth)
    for person in truth.keypoints_xyv[..., :2]:
        assert np.abs(points - person).max((1, 2)).min() < 0.5 * 4
    assert (scores > 0.5).all()


@pytest.mark.parametrize("image_wh", [(640, 480), (500, 375), (427, 640)])
def test_at_one_scale_any_image_size_gives_exact_joints(image_wh):
    sizing, codec = ShortSide(512, smallest_counts=False), CentreOffset()
    truth = people_in((640, 640), 0, count=2)
    passes = perfect_passes(codec, truth, image_wh, sizing, (1.0,), True)
    points, _ = decoded_in_image(codec, passes, sizing, image_wh)
    for person in truth.keypoints_xyv[..., :2]:
        assert np.abs(points - person).max((1, 2)).min() < 1e-3


def test_mirrored_outputs_are_those_of_the_mirrored_and_moved_image():
    scaled = ScaledInput(1.0, (640, 512), np.eye(2, 3))
    codec, truth = CentreOffset(), people_in((640, 512), 4)
    keypoints = truth.keypoints_xyv[:, list(codec.skeleton.mirrored())]
    # The image is mirrored and then moved left.
    keypoints[..., 0] = 639 - codec.mirror_shift - keypoints[..., 0]
    moved = Truth(keypoints, truth.boxes_xywh, truth.areas, truth.is_crowd, COCO_17)
    mirrored = codec.encode(truth, scaled, True)
    for name, maps in codec.encode(moved, scaled, False).items():
        assert maps.dtype == mirrored[name].dtype == np.float32
        np.testing.assert_allclose(mirrored[name], maps, rtol=0, atol=1e-4)


def test_joints_without_label_are_at_the_peak_and_crowds_are_left_out():
    scaled = ScaledInput(1.0, (640, 512), np.eye(2, 3))
    codec, truth = CentreOffset(), people_in((640, 512), 1, count=3)
    truth.keypoints_xyv[0, 5] = 0
    truth.keypoints_xyv[1] = 0
    truth.is_crowd[2] = True
    people, _ = codec.decode([Pass(scaled, codec.encode(truth, scaled, False))])
    assert len(people) == 1
    centre = truth.keypoints_xyv[0, truth.keypoints_xyv[0, :, 2] > 0, :2].mean(0)
    assert np.abs(people[0, 5, :2] - centre).max() <= 2
    assert people[0, 5, 2] == 0


def test_no_people_and_a_person_of_one_point():
    scaled = ScaledInput(1.0, (128, 128), np.eye(2, 3))
    codec = CentreOffset()
    empty = Truth(np.zeros((0, 17, 3)), np.zeros((0, 4)), np.zeros(0), np.zeros(0, bool), COCO_17)
    people, scores = codec.decode([Pass(scaled, codec.encode(empty, scaled, False))])
    assert people.shape == (0, 17, 3)
    assert scores.shape == (0,)
    keypoints = np.zeros((1, 17, 3))
    keypoints[0, 0] = 64, 64, 2
    single = Truth(keypoints, np.zeros((1, 4)), np.ones(1), np.zeros(1, bool), COCO_17)
    people, _ = codec.decode([Pass(scaled, codec.encode(single, scaled, False))])
    assert people[0, :, :2].tolist() == [[64, 64]] * 17
