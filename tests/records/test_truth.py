"""Annotations beside records: only the intended annotations are used for scoring."""

import json
import os

import pytest

import made_records
from posemark.core.errors import RecordError, RunError
from posemark.records import truth


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "truth.json"


def test_what_was_written_is_read_back(path):
    truth.write(made_records.truth([1, 5]), path)
    assert truth.read(path) == made_records.truth([1, 5])
    assert [file.name for file in path.parent.iterdir()] == ["truth.json"]


def clips():
    """Return the annotations of two frames of a clip, with a person each that is the same one."""
    content = made_records.truth([1, 2])
    for index, image in enumerate(content["images"]):
        affine = [[1.5, 0.1, -3.0], [-0.1, 1.5, 4.0]]
        image |= {"clip": 1, "index": index, "time_s": index / 30, "from_still": affine}
    for number, person in enumerate(content["annotations"]):
        person["track_id"] = number
    return content


def test_the_place_in_a_clip_and_who_is_who_are_read_back(path):
    truth.write(clips(), path)
    assert truth.read(path) == clips()
    assert truth.read(path)["images"][1]["from_still"][0] == [1.5, 0.1, -3.0]


def test_a_clip_needs_no_known_motion_of_the_camera(path):
    content = clips()
    del content["images"][0]["from_still"], content["images"][1]["from_still"]
    truth.write(content, path)
    assert truth.read(path) == content


@pytest.mark.parametrize(
    "affine", [[[0, 0, 5], [0, 0, 5]], [[1, 2, 0], [2, 4, 0]], [[1e8, 0, 0], [0, 1e8, 0]]]
)
def test_a_camera_whose_motion_cannot_be_undone_is_refused(path, affine):
    content = made_records.truth(range(1))
    content["images"][0] |= {"clip": 1, "index": 0, "time_s": 0.0, "from_still": affine}
    with pytest.raises(RecordError, match=r"image 0 has a from_still that is no view of a camera"):
        truth.write(content, path)


def test_existing_files_stay_and_damaged_files_are_replaced(path):
    truth.write(made_records.truth([1]), path)
    truth.write(made_records.truth([1, 2]), path)
    assert truth.read(path) == made_records.truth([1])
    path.write_bytes(path.read_bytes()[:-20])
    truth.write(made_records.truth([1, 2]), path)
    assert truth.read(path) == made_records.truth([1, 2])


@pytest.mark.parametrize("number", [0, -1])
def test_annotations_are_numbered_from_1_as_the_evaluation_expects(path, number):
    content = made_records.truth([1])
    content["annotations"][0]["id"] = number
    with pytest.raises(RecordError, match=r"Expected `int` >= 1 - at `\$.annotations\[0\].id`"):
        truth.write(content, path)


PLACES = [
    ("images",),
    ("images", 0),
    ("images", 0, "id"),
    ("images", 0, "width"),
    ("annotations",),
    ("annotations", 0),
    ("annotations", 0, "id"),
    ("annotations", 0, "image_id"),
    ("annotations", 0, "category_id"),
    ("annotations", 0, "bbox"),
    ("annotations", 0, "bbox", 2),
    ("annotations", 0, "area"),
    ("annotations", 0, "iscrowd"),
    ("annotations", 0, "num_keypoints"),
    ("annotations", 0, "keypoints"),
    ("annotations", 0, "keypoints", 3),
    ("categories",),
    ("categories", 0),
    ("categories", 0, "id"),
    ("categories", 0, "keypoints"),
]


NONSENSE = [KeyError, None, "", "x", {}, [[]], 10**30, 1e300, -1e300, float("nan")]


@pytest.mark.parametrize(
    "way",
    [
        *(("images", 0, "clip"), ("images", 0, "index"), ("images", 0, "time_s")),
        *(("images", 0, "from_still"), ("images", 0, "from_still", 1)),
        *(("images", 0, "from_still", 1, 2), ("annotations", 0, "track_id")),
    ],
    ids=str,
)
@pytest.mark.parametrize("value", ["x", {}, [[]], 1e300, -1e300, float("nan"), KeyError])
def test_nonsense_about_clips_is_refused(path, way, value):
    content = clips()
    *outer, last = way
    inner = content
    for key in outer:
        inner = inner[key]
    if value is not KeyError:
        inner[last] = value
    elif last in ("from_still", "track_id"):
        return  # they may be missing
    else:
        del inner[last]
    with pytest.raises(RecordError, match="cannot be kept"):
        truth.write(content, path)


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (way, value)
        for way in PLACES
        for value in NONSENSE
        if (way, value) != (("annotations", 0), KeyError)  # a file with one person less is valid
    ],
    ids=str,
)
def test_annotations_of_another_shape_are_refused_and_the_file_named(path, way, value):
    content = made_records.truth([1, 2])
    *outer, last = way
    inner = content
    for key in outer:
        inner = inner[key]
    if value is KeyError:
        del inner[last]
    else:
        inner[last] = value
    path.parent.mkdir()
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RecordError, match=r"truth\.json: the annotations that belong") as refusal:
        truth.read(path)
    assert len(str(refusal.value)) < 1000
    path.unlink()
    with pytest.raises(RecordError, match="cannot be kept"):
        truth.write(content, path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t["images"].append(t["images"][0]), "two of the images have the same id"),
        (lambda t: t["annotations"].append(t["annotations"][0]), "two of the annotations"),
        (lambda t: t["images"].pop(), "annotation 3 names image 2, which is not here"),
        (lambda t: t["annotations"][0].update(num_keypoints=3), "is 3, but 17 are labelled"),
    ],
)
def test_ids_occur_once_and_belong_to_each_other(path, change, why):
    content = made_records.truth([1, 2])
    change(content)
    path.parent.mkdir()
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RecordError, match=why):
        truth.read(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t["images"][1].update(index=0), "two of the images have the same clip and"),
        (
            lambda t: [person.update(image_id=1, track_id=4) for person in t["annotations"][:2]],
            "two of the annotations have the same image and track_id",
        ),
        (lambda t: t["images"][0].pop("clip"), "image 1 has only a part of clip, index"),
    ],
)
def test_nobody_is_twice_in_a_frame_and_no_frame_twice_in_a_clip(path, change, why):
    content = clips()
    change(content)
    with pytest.raises(RecordError, match=why):
        truth.write(content, path)


def test_only_a_regular_file_of_bearable_size_is_read(path, monkeypatch):
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(RecordError, match="no regular file"):
        truth.read(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(RecordError, match="no regular file"):
        truth.read(path)
    path.unlink()
    truth.write(made_records.truth([1]), path)
    monkeypatch.setattr(truth, "LARGEST", 100)
    with pytest.raises(RecordError, match="more than 100 bytes"):
        truth.read(path)


def test_a_place_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match=r"cannot be written beside the records.*--out"):
        truth.write(made_records.truth([1]), tmp_path / "file" / "truth.json")
