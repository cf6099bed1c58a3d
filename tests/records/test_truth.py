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


def test_existing_files_stay_and_damaged_files_are_replaced(path):
    truth.write(made_records.truth([1]), path)
    truth.write(made_records.truth([1, 2]), path)
    assert truth.read(path) == made_records.truth([1])
    path.write_bytes(path.read_bytes()[:-20])
    truth.write(made_records.truth([1, 2]), path)
    assert truth.read(path) == made_records.truth([1, 2])


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
