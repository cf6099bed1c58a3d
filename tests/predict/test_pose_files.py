"""Files of poses, read back as other programs read them."""

import csv
import json
import resource

import numpy as np
import pytest

from posemark.core.errors import UsageError
from posemark.core.frame import NOBODY, Poses
from posemark.core.skeleton import COCO_17
from posemark.predict.frames import TrackedFrame
from posemark.predict.pose_files import FORMATS, format_of
from posemark.score import coco

STAGES = {"decode": 1, "infer": 2}
IMAGE = np.zeros((240, 320, 3), np.uint8)


def frame(index, people, ids=None, name="walk.mp4"):
    """Return a frame with people in places that depend on the frame; their noses are missing."""
    rng = np.random.default_rng(index)
    points = rng.uniform(10, 200, (people, 17, 2))
    scores = rng.uniform(0.3, 1, (people, 17))
    points[:, 0], scores[:, 0] = -1, 0
    ids = None if ids is None else np.array(ids, np.int64)
    poses = Poses(points, scores, np.linspace(0.9, 0.5, people), COCO_17, ids)
    return TrackedFrame(name, index, index / 10, IMAGE, poses, NOBODY, STAGES)


FRAMES = [frame(0, 2, (0, 1)), frame(1, 0, ()), frame(2, 1, (1,))]


def written(path, name, frames=FRAMES):
    file = FORMATS[name].open(path, COCO_17)
    for each in frames:
        file.write(each)
    assert path.is_dir() or not path.exists(), "a file gets its name when it is complete"
    file.close()
    return path


def test_coco_results_are_scored_by_coco_evaluation(tmp_path):
    frames = [frame(i, 1 + i % 3, name=f"{i:012d}.jpg") for i in range(30)]
    results = json.loads(written(tmp_path / "r.json", "coco", frames).read_text())
    assert [r["image_id"] for r in results] == [f.index for f in frames for _ in f.poses.scores]
    annotations = [
        {"image_id": f.index, "category_id": 1, "iscrowd": 0, "num_keypoints": 16}
        | {"area": 2000.0, "bbox": [0, 0, 200, 200]}
        | {"keypoints": np.append(xy, np.full((17, 1), 2), 1).ravel().tolist()}
        for f in frames
        for xy in f.poses.keypoints_xy
    ]
    for number, each in enumerate(annotations, 1):
        each["id"] = number
        each["keypoints"][:3] = 0, 0, 0
    truth = {
        "images": [{"id": f.index, "width": 320, "height": 240} for f in frames],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }
    figures = coco.evaluate(truth, results, range(30), COCO_17.sigmas)
    assert figures["AP"] == figures["AR"] == 1


@pytest.mark.parametrize(("frames", "found"), [([], 0), (FRAMES[1:2], 0), (FRAMES, 3)])
def test_coco_results_are_a_list_with_ids_of_people(tmp_path, frames, found):
    results = json.loads(written(tmp_path / "r.json", "coco", frames).read_text())
    assert len(results) == found
    assert [r["track_id"] for r in results] == [0, 1, 1][:found]
    assert [r["image_id"] for r in results] == [0, 0, 2][:found]


def test_openpose_has_one_file_per_frame(tmp_path):
    folder = written(tmp_path / "op", "openpose")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"walk_{i:012d}_keypoints.json" for i in range(3)]
    first, second, third = (json.loads((folder / name).read_text()) for name in names)
    assert second["people"] == []
    assert [p["person_id"] for p in first["people"] + third["people"]] == [[0], [1], [1]]
    points = np.reshape(first["people"][1]["pose_keypoints_2d"], (17, 3))
    assert points[0].tolist() == [0, 0, 0]
    expected = FRAMES[0].poses
    assert np.allclose(points[1:, :2], expected.keypoints_xy[1, 1:], atol=1e-4)
    assert np.allclose(points[1:, 2], expected.keypoint_scores[1, 1:], atol=1e-4)


def test_older_frames_do_not_stay_in_a_folder_that_is_replaced(tmp_path):
    folder = written(tmp_path / "op", "openpose")
    written(folder, "openpose", FRAMES[:1])
    assert len(list(folder.iterdir())) == 1


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_row_per_person_and_key_point(tmp_path):
    found = rows(written(tmp_path / "p.csv", "csv"))
    assert len(found) == 3 * 17
    assert [(r["frame"], r["time_s"], r["person"]) for r in found[::17]] == [
        *(("0", "0.000000", "0"), ("0", "0.000000", "1"), ("2", "0.200000", "1")),
    ]
    assert [r["keypoint"] for r in found[:17]] == list(COCO_17.keypoints)
    assert (found[0]["x"], found[0]["y"], found[0]["score"]) == ("", "", "0.0000")
    assert found[0]["input"] == "walk.mp4"
    places = [(float(r["x"]), float(r["y"])) for r in found[1:17]]
    assert np.allclose(places, FRAMES[0].poses.keypoints_xy[0, 1:], atol=1e-3)


def test_a_name_that_is_not_utf_8_is_written_as_a_terminal_shows_it(tmp_path):
    path = written(tmp_path / "p.csv", "csv", [frame(0, 1, name="na\udcffme.jpg")])
    with path.open(encoding="utf-8", newline="") as file:
        assert {row["input"] for row in csv.DictReader(file)} == {"na\\udcffme.jpg"}


def test_people_in_images_are_numbered(tmp_path):
    found = rows(written(tmp_path / "p.csv", "csv", [frame(0, 2, name="a.jpg")]))
    assert [r["person"] for r in found[::17]] == ["0", "1"]


def test_a_table_for_trc_has_a_row_per_frame_and_y_points_up(tmp_path):
    one = [each.only(1) for each in FRAMES]
    found = rows(written(tmp_path / "t.csv", "trc-csv", one))
    assert [(r["Frame#"], r["Time"]) for r in found] == [
        *(("1", "0.000000"), ("2", "0.100000"), ("3", "0.200000")),
    ]
    assert list(found[0])[:8] == [
        *("Frame#", "Time", "nose_X", "nose_Y", "nose_Z"),
        *("left_eye_X", "left_eye_Y", "left_eye_Z"),
    ]
    assert len(found[0]) == 2 + 3 * 17
    assert found[0]["nose_X"] == "" == found[1]["left_eye_X"]
    x, y = FRAMES[0].poses.keypoints_xy[1, 1]
    assert float(found[0]["left_eye_X"]) == pytest.approx(x, abs=1e-3)
    assert float(found[0]["left_eye_Y"]) == pytest.approx(239 - y, abs=1e-3)


def test_a_table_for_trc_takes_no_second_person(tmp_path):
    table = FORMATS["trc-csv"].open(tmp_path / "t.csv", COCO_17)
    with pytest.raises(UsageError, match="takes one person, got 2 in frame 0. Name one with --sub"):
        table.write(FRAMES[0])
    table.close()


@pytest.mark.parametrize("name", ["coco", "csv", "trc-csv"])
def test_a_file_that_was_there_is_replaced_only_when_the_new_one_is_complete(tmp_path, name):
    path = tmp_path / f"p{FORMATS[name].suffix}"
    path.write_text("old")
    file = FORMATS[name].open(path, COCO_17)
    file.write(FRAMES[2])
    assert path.read_text() == "old"
    file.close()
    assert path.read_text() != "old"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def write_frames(file, number):
    for index in range(number):
        file.write(frame(index, 3, (0, 1, 2)))


@pytest.mark.parametrize("name", ["coco", "csv"])
def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path, name):
    path = tmp_path / f"p{FORMATS[name].suffix}"
    path.write_text("old")
    file = FORMATS[name].open(path, COCO_17)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(UsageError, match=r"cannot be written \(File too large\)"):
            write_frames(file, 100)
        file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_place_that_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / f"p{FORMATS[name].suffix}"
    with pytest.raises(UsageError, match=rf"p{FORMATS[name].suffix}: cannot be written \("):
        FORMATS[name].open(path, COCO_17)


@pytest.mark.parametrize(
    ("path", "given", "name"),
    [
        *(("a.json", None, "coco"), ("a.CSV", None, "csv"), ("folder", None, "openpose")),
        *(("a.csv", "trc-csv", "trc-csv"), ("b", "openpose", "openpose")),
    ],
)
def test_the_name_of_a_file_says_its_format(tmp_path, path, given, name):
    assert format_of(tmp_path / path, given) == name


@pytest.mark.parametrize(
    ("path", "given", "says"),
    [
        ("a.xml", None, "--poses .*a.xml: expected a name that ends in .json"),
        ("a.json", "csv", "expected a name that ends in .csv, because --format csv is one row per"),
        ("a.json", "openpose", "expected a folder, because --format openpose is a folder with"),
        ("a.csv", "trc", "--format: expected coco, openpose, csv or trc-csv, got 'trc'. Did you"),
    ],
)
def test_names_that_do_not_suit_their_format_are_refused(tmp_path, path, given, says):
    with pytest.raises(UsageError, match=says):
        format_of(tmp_path / path, given)
