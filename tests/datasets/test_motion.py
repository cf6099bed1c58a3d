"""Clips under a moving camera: the truth moves exactly as the pixels do, and no edge is in view."""

import json
import pickle

import cv2
import numpy as np
import pytest

from posemark.core.errors import DataError
from posemark.core.frame import Frame, Truth
from posemark.core.skeleton import COCO_17
from posemark.datasets import motion, open_dataset
from posemark.datasets._moving_camera import camera_path, carried_truths
from posemark.datasets.motion import CLIP_FRAMES, FPS, Motion
from posemark.geometry.crop import image_of
from posemark.records import truth
from posemark.report.results import load_rows
from posemark.run.best_weights import default_weights
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.weights import BEST, NONE
from runs import run_one

WH = (640, 480)
TIMES_S = np.arange(CLIP_FRAMES) / FPS


class Stills:
    """A data set of the given frames."""

    name, fingerprint, notes, photographs = "stills", "f" * 16, ("a note",), True

    def __init__(self, *frames):
        self._frames = frames

    def frames(self):
        return list(self._frames)


def truth_of(points, boxes=None, crowds=None):
    """Return a truth with (P, K, 3) key points, of which the first K of 17 are given."""
    points = np.asarray(points, float)
    people = len(points)
    keypoints = np.zeros((people, 17, 3))
    keypoints[:, : points.shape[1]] = points
    boxes = np.asarray(boxes if boxes is not None else [[100, 80, 200, 300]] * people, float)
    crowd = np.array(crowds if crowds is not None else [False] * people)
    return Truth(keypoints, boxes, boxes[:, 2] * boxes[:, 3] / 2, crowd, COCO_17)


def still_of(image, truth, number=7):
    content = cv2.imencode(".png", image)[1].tobytes()
    size = image.shape[1], image.shape[0]
    return Frame(number, f"{number}.png", size, lambda: content, truth)


def scattered(count, seed=0, size_wh=WH):
    """Return visible key points (1, count, 3) all over the image, on fractions of a pixel."""
    points = np.random.default_rng(seed).uniform((20, 20), np.array(size_wh) - 20, (count, 2))
    return np.concatenate([points, np.full((count, 1), 2.0)], 1)[None]


# --- the truth against the pixels ---------------------------------------------------------------


def dots(points_xy):
    """Return an image with a smooth round dot at each point."""
    y, x = np.mgrid[: WH[1], : WH[0]]
    image = np.zeros(WH[::-1])
    for at_x, at_y in points_xy:
        image += 200 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * 3.0**2))
    return np.clip(image, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)


def centroid(image, near_xy, reach=14):
    """Return the centre of brightness around a place; None at the edge of the image."""
    x, y = np.round(near_xy).astype(int)
    patch = image[y - reach : y + reach + 1, x - reach : x + reach + 1, 0].astype(float)
    if patch.shape != (2 * reach + 1,) * 2:
        return None
    weights = np.where(patch > 8, patch, 0)
    grid = np.mgrid[y - reach : y + reach + 1, x - reach : x + reach + 1]
    return np.array([(weights * grid[1]).sum(), (weights * grid[0]).sum()]) / weights.sum()


def test_dots_are_rendered_where_the_truth_says():
    grid = [(x + 0.37, y + 0.81) for x in range(60, 600, 135) for y in range(60, 440, 90)]
    points = np.array(grid[:17])
    truth = truth_of([np.concatenate([points, np.full((17, 1), 2)], 1)], [[0, 0, 640, 480]])
    frames = Motion(Stills(still_of(dots(points), truth)), "motion").frames()
    off = []
    for frame in frames:
        image = image_of(frame)
        (keypoints,) = frame.truth.keypoints_xyv
        for x, y, _ in keypoints[keypoints[:, 2] > 0]:
            found = centroid(image, (x, y))
            if found is not None:
                off.append(found - (x, y))
    assert len(off) > 200
    assert np.abs(np.mean(off, 0)).max() < 0.01, "no shift as a whole"
    assert np.abs(off).max() < 0.06


def test_key_points_agree_with_another_implementation():
    points = scattered(17)
    affines = camera_path("other", WH, TIMES_S)
    moved = carried_truths(truth_of(points), affines, WH)
    for carried, affine in zip(moved, affines, strict=True):
        square = np.concatenate([affine, [[0, 0, 1]]])
        wanted = cv2.perspectiveTransform(points[:, :, :2], square)[0]
        inside = ((wanted >= -0.5) & (wanted < np.array(WH) - 0.5)).all(1)
        (found,) = carried.keypoints_xyv
        assert (found[:, 2] > 0).tolist() == inside.tolist()
        np.testing.assert_allclose(found[inside, :2], wanted[inside], atol=6e-4)
        assert not found[~inside].any()


def test_boxes_and_areas_agree_with_another_implementation():
    boxes = np.array([[100, 80, 200, 300], [-10, 300, 90.5, 150], [500, 10, 120, 60.0]])
    affines = camera_path("boxes", WH, TIMES_S)
    truth = truth_of(np.repeat(scattered(5), 3, 0), boxes)
    for frame, affine in zip(carried_truths(truth, affines, WH), affines, strict=True):
        square = np.concatenate([affine, [[0, 0, 1]]])
        for number, (x, y, w, h) in enumerate(boxes, 1):
            corners = np.array([[[x, y], [x + w, y], [x, y + h], [x + w, y + h]]])
            moved = cv2.perspectiveTransform(corners, square)[0]
            low, high = moved.min(0), moved.max(0)
            first, last = np.clip(low, 0, WH), np.clip(high, 0, WH)
            (place,) = np.flatnonzero(frame.ids == number) if (last > first + 1).all() else [None]
            if place is None:
                continue
            np.testing.assert_allclose(
                frame.boxes_xywh[place], [*first, *(last - first)], atol=6e-4
            )
            zoom = np.hypot(affine[0, 0], affine[1, 0])
            share = np.prod(last - first) / np.prod(high - low)
            assert frame.areas[place] == pytest.approx(w * h / 2 * zoom**2 * share, rel=1e-5)


# --- who is in view -----------------------------------------------------------------------------


def fixed(*affine):
    """Return the affines of a single frame."""
    return np.array([affine], float).reshape(1, 2, 3)


def test_who_leaves_the_view_is_dropped_and_the_others_keep_their_ids():
    boxes = [[0, 0, 50, 50], [300, 200, 100, 100], [0, 0, 640, 30], [320, 0, 300, 400]]
    truth = truth_of([[[20, 20, 2], [310, 210, 1], [639, 479, 2]]] * 4, boxes, [0, 0, 1, 1])
    (frame,) = carried_truths(truth, fixed(2, 0, -300, 0, 2, -200), WH)
    assert frame.ids.tolist() == [2, 4]
    assert frame.is_crowd.tolist() == [False, True]
    assert frame.boxes_xywh.tolist() == [[300, 200, 200, 200], [340, 0, 300, 480]]
    assert frame.keypoints_xyv[0, :3].tolist() == [[0, 0, 0], [320, 220, 1], [0, 0, 0]]
    share = 300 * 480 / (600 * 800)
    assert frame.areas.tolist() == [100 * 100 / 2 * 4, pytest.approx(300 * 400 / 2 * 4 * share)]


def test_unlabelled_key_points_stay_unlabelled():
    truth = truth_of([[[0, 0, 0], [200, 200, 2]]])
    (frame,) = carried_truths(truth, fixed(1.2, 0, 0, 0, 1.2, 0), WH)
    assert frame.keypoints_xyv[0, 0].tolist() == [0, 0, 0]
    assert frame.keypoints_xyv[0, 1].tolist() == [240, 240, 2]


# --- the camera ---------------------------------------------------------------------------------

SIZES = [(640, 480), (480, 640), (640, 427), (1920, 1080), (64, 640), (33, 31)]


@pytest.mark.parametrize("size_wh", SIZES)
def test_the_edge_of_the_image_is_never_in_view(size_wh):
    """1,000 cameras per size: every corner of every frame looks at a pixel of the image."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (np.array(size_wh) - 1)
    for seed in range(1000):
        for affine in camera_path(f"edge-{seed}", size_wh, TIMES_S):
            back = cv2.invertAffineTransform(affine)
            looked_at = corners @ back[:, :2].T + back[:, 2]
            assert (looked_at >= -1e-6).all()
            assert (looked_at <= np.array(size_wh) - 1 + 1e-6).all()


def test_no_black_pixel_is_rendered():
    white = np.full((48, 64, 3), 255, np.uint8)
    truth = truth_of([[[20, 20, 2]]], [[5, 5, 50, 40]])
    stills = Stills(*(still_of(white, truth, number) for number in range(40)))
    for frame in Motion(stills, "motion").frames():
        assert image_of(frame).min() == 255


def test_the_image_is_never_made_smaller_and_moves_smoothly():
    for seed in range(200):
        affines = camera_path(f"smooth-{seed}", WH, TIMES_S)
        zoom = np.hypot(affines[:, 0, 0], affines[:, 1, 0])
        assert (zoom >= 1.1).all()
        assert (zoom < 2).all()
        middle = affines[:, :, :2] @ (320, 240) + affines[:, :, 2]
        speed, bend = np.diff(middle, axis=0), np.diff(middle, 2, axis=0)
        assert np.linalg.norm(speed, axis=1).max() < 16, "pixels per frame"
        assert np.linalg.norm(bend, axis=1).max() < 2


def test_cameras_differ_by_seed_and_all_of_them_move():
    paths = [camera_path(f"{seed}", WH, TIMES_S) for seed in range(50)]
    assert len({path.tobytes() for path in paths}) == 50
    assert all(np.ptp(path, axis=0).max() > 2 for path in paths)


def test_a_path_is_the_same_on_every_machine():
    """Accepted from the first machine; the affines are rounded beyond what sines differ by."""
    (path,) = camera_path("golden", WH, np.array([0.5]))
    wanted = [1.355816424, 0.043513166, -195.462814179, -0.043513166, 1.355816424, -117.770208864]
    assert path.ravel().tolist() == wanted


# --- the data set -------------------------------------------------------------------------------


def test_every_image_with_people_is_a_clip_of_thirty_frames():
    image = np.zeros((480, 640, 3), np.uint8)
    nobody = truth_of(np.zeros((0, 1, 3)), np.zeros((0, 4)))
    crowd = truth_of([[[9, 9, 0]]], crowds=[True])
    one = truth_of(scattered(5))
    stills = Stills(
        *(still_of(image, truth, n) for n, truth in enumerate([one, nobody, crowd, one]))
    )
    dataset = Motion(stills, "motion")
    frames = dataset.frames()
    assert [frame.image_id for frame in frames] == list(range(1, 61))
    assert [frame.moment.clip for frame in frames] == [1] * 30 + [2] * 30
    assert [frame.moment.index for frame in frames] == list(range(30)) * 2
    assert frames[29].moment.time_s == pytest.approx(29 / 30)
    assert frames[31].name == "3.png#1"
    assert {frame.size_wh for frame in frames} == {WH}
    assert (dataset.notes, dataset.photographs) == (("a note",), True)
    assert len(dataset.fingerprint) == 16
    assert dataset.fingerprint != stills.fingerprint


def test_the_affine_of_a_frame_is_that_of_its_truth():
    point = [[[320, 240, 2]]]
    (first, *_) = Motion(Stills(still_of(np.zeros((480, 640, 3)), truth_of(point))), "m").frames()
    moved = first.moment.from_still @ (320, 240, 1)
    np.testing.assert_allclose(first.truth.keypoints_xyv[0, 0, :2], moved, atol=6e-4)


def test_frames_come_raw_and_the_still_is_decoded_once_per_clip(monkeypatch):
    truth = truth_of(scattered(3))
    calls = []
    still = still_of(np.zeros((480, 640, 3), np.uint8), truth)
    content = still.read()
    still = Frame(1, "a.png", WH, lambda: calls.append(1) or content, truth)
    for frame in Motion(Stills(still), "motion").frames():
        encoded = frame.read()
        assert encoded() is encoded(), "nothing is left to decode in the clock"
    assert len(calls) == 1


def test_images_without_people_are_refused():
    nobody = truth_of(np.zeros((0, 1, 3)), np.zeros((0, 4)))
    stills = Stills(still_of(np.zeros((9, 9, 3), np.uint8), nobody))
    with pytest.raises(DataError, match="motion: expected images with annotated people"):
        Motion(stills, "motion").frames()


def test_it_opens_the_images_of_a_coco_folder(tmp_path):
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations").mkdir()
    cv2.imwrite(str(tmp_path / "val2017" / "a.jpg"), np.full((48, 64, 3), 90, np.uint8))
    person = {"image_id": 4, "bbox": [5, 5, 50, 40], "area": 900.0, "iscrowd": 0, "id": 1}
    person |= {"category_id": 1, "keypoints": [20, 20, 2] * 17}
    image = {"id": 4, "file_name": "a.jpg", "width": 64, "height": 48}
    content = json.dumps({"images": [image], "annotations": [person]})
    (tmp_path / "annotations" / "person_keypoints_val2017.json").write_text(content)
    dataset = open_dataset(f"motion:{tmp_path}")
    frames = pickle.loads(pickle.dumps(dataset.frames()))
    assert (dataset.name, len(frames), dataset.photographs) == ("motion", 30, True)
    assert image_of(frames[3]).shape == (48, 64, 3)
    assert abs(int(image_of(frames[3]).mean()) - 90) < 3


def test_the_built_in_scenes_move_too():
    dataset = open_dataset("motion:sample")
    frames = dataset.frames()
    assert (dataset.name, dataset.photographs) == ("motion:sample", False)
    assert len(frames) % 30 == 0
    assert len(frames) > 3000
    assert len(frames[0].truth) > 0
    assert image_of(frames[0]).shape == (*frames[0].size_wh[::-1], 3)
    assert motion._pixels.cache_info().currsize <= 4


def test_it_runs_to_a_row_of_the_report(tmp_path):
    options = Options(data="motion:sample", threads=1, limit=3)
    (job,) = plan(["naive-litehrnet-18-256x192"], options)
    dataset = open_dataset(options.data)
    path, steps = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path)
    (row,) = load_rows([path])
    assert (row.data, row.frames, row.failed_frames) == ("motion:sample", 3, 0)
    stages = steps[-1].line.stages
    assert stages["decode"] < stages["infer"] / 100
    content = truth.read(tmp_path / f"truth-motion-sample-{dataset.fingerprint}.json")
    frames = dataset.frames()
    assert len(content["images"]) == len(frames)
    assert content["images"][31]["from_still"] == frames[31].moment.from_still.tolist()
    assert content["annotations"][0]["track_id"] == 1


def test_detected_boxes_of_the_scenes_are_simulated():
    (job,) = plan(["naive-litehrnet-18-256x192@detected"], Options(data="motion:sample", threads=1))
    dataset = open_dataset("motion:sample")
    frames = dataset.frames()[:2]
    assert prepare_job(job, dataset, frames).boxes.label == "simulated"
    assert default_weights("motion:sample") == NONE
    assert default_weights("motion:somewhere") == BEST
