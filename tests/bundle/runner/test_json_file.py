"""Files of a bundle that were damaged on their way to the device are named, never a traceback."""

import json

import pytest

from hostile import bundles
from posemark.bundle.runner.entry_file import ENTRIES, read_entry
from posemark.bundle.runner.frames import FRAMES, read_frames
from posemark.core.errors import DataError
from posemark.core.skeleton import COCO_17


def entry(folder, content):
    (folder / ENTRIES).mkdir(exist_ok=True)
    (folder / ENTRIES / "made.json").write_text(content, encoding="utf-8")
    return read_entry(folder, "made")


def frames(folder, content):
    (folder / FRAMES).parent.mkdir(exist_ok=True)
    (folder / FRAMES).write_text(content, encoding="utf-8")
    return read_frames(folder, COCO_17, plain=True)


def test_sound_files_are_read(tmp_path):
    found = entry(tmp_path, bundles.entry().decode())
    assert found.boxes_of(3).boxes_xywh.tolist() == [[1, 2, 30, 40]]
    (frame,) = frames(tmp_path, bundles.frames().decode())
    assert frame.truth.keypoints_xyv.shape == (1, 17, 3)
    assert frame.truth.is_crowd.tolist() == [False]


@pytest.mark.parametrize("read", [entry, frames])
@pytest.mark.parametrize("content", ["[" * 5000, "", "[]", "1", "{", '{"boxes": []}'])
def test_other_content_is_refused(read, content, tmp_path):
    with pytest.raises(DataError, match=r"\.json: this file of the bundle .*Copy the bundle"):
        read(tmp_path, content)


@pytest.mark.parametrize("value", [10**400, float("nan"), float("inf"), "x", None, [1, 2]])
@pytest.mark.parametrize("name", ["boxes_xywh", "scores"])
def test_boxes_of_other_numbers_are_refused(name, value, tmp_path):
    content = json.loads(bundles.entry())
    content["boxes"]["3"][name].append(value)
    with pytest.raises(DataError, match=r"made\.json: this file of the bundle has not"):
        entry(tmp_path, json.dumps(content))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "x", None, [1, 2]])
def test_a_count_that_is_none_is_refused(value, tmp_path):
    content = json.loads(bundles.entry())
    content["boxes"]["3"]["dropped"] = value
    with pytest.raises(DataError, match=r"made\.json: this file of the bundle has not"):
        entry(tmp_path, json.dumps(content))


@pytest.mark.parametrize("name", ["keypoints_xyv", "boxes_xywh", "areas", "is_crowd"])
@pytest.mark.parametrize("value", [[10**400], [float("nan")], [], [[1.0, 2.0, 3.0]], "x", None])
def test_annotations_that_do_not_fit_each_other_are_refused(name, value, tmp_path):
    content = json.loads(bundles.frames())
    content["frames"][0]["truth"][name] = value
    with pytest.raises(DataError, match=r"this file of the bundle has not the expected content"):
        frames(tmp_path, json.dumps(content))
