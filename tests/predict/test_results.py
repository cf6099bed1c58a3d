"""Where results go, and what is never replaced."""

import os
from pathlib import Path

import cv2
import pytest

from made_streams import make_video, picture
from posemark.core.errors import UsageError
from posemark.predict.inputs import inputs_of
from posemark.predict.results import Wishes, results_of


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.png", "other/a.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), picture({}))
    make_video(tmp_path / "walk.mp4", frames=3)
    return tmp_path


def paths(words, **wishes):
    results = results_of(inputs_of(words), Wishes(**wishes))
    return [[str(path) for path in each.paths] for each in results.drawings]


def test_results_go_into_a_folder_if_no_place_is_named():
    assert paths(["walk.mp4", "a.jpg", "b.png"]) == [
        ["predictions/a.jpg", "predictions/b.png"],
        ["predictions/walk.mp4"],
    ]


def test_two_inputs_of_one_name_have_two_names():
    assert paths(["a.jpg", "other/a.jpg"]) == [["predictions/a.jpg", "predictions/a-2.jpg"]]


def test_a_single_input_may_have_a_file(folder):
    assert paths(["walk.mp4"], out=Path("w.mp4")) == [["w.mp4"]]
    assert paths(["a.jpg"], out=Path("x.png")) == [["x.png"]]
    (folder / "films.mp4").mkdir()
    assert paths(["walk.mp4"], out=Path("films.mp4")) == [["films.mp4/walk.mp4"]]


def test_an_image_without_an_ending_gets_one(folder):
    (folder / "a.jpg").rename(folder / "photo")
    assert paths(["photo"]) == [["predictions/photo.jpg"]]


def test_poses_alone_draw_nothing():
    found = results_of(inputs_of(["walk.mp4"]), Wishes(draw=False, poses=Path("p.json")))
    assert found.drawings == (None,)
    assert (found.poses, found.format) == (Path("p.json"), "coco")


@pytest.mark.parametrize(
    ("words", "wishes", "says"),
    [
        (["walk.mp4"], {"out": "w.avi"}, "-o w.avi: expected a file that ends in .mp4"),
        (["a.jpg"], {"out": "w.mp4"}, "-o w.mp4: expected a folder, or a file that ends in .jpg"),
        (["a.jpg"], {"out": "v1.2"}, "A folder whose name ends in .2 must exist already."),
        (["a.jpg", "b.png"], {"out": "x.png"}, "-o x.png: expected a folder, or a file"),
        (["a.jpg", "walk.mp4"], {"out": "w.mp4"}, "a folder, because there are several inputs"),
        (["walk.mp4"], {"out": "walk.mp4"}, "walk.mp4 is an input, and would be replaced"),
        (["walk.mp4"], {"out": ".", "overwrite": True}, "walk.mp4 is an input, and would be"),
        (["a.jpg"], {"out": "other"}, "other/a.jpg would be replaced. Add --overwrite if that"),
        (["a.jpg", "b.png"], {"poses": "used.csv"}, "used.csv would be replaced. .* with --poses"),
        (["walk.mp4"], {"format": "coco"}, "--format coco only applies with --poses"),
        (["a.jpg"], {"subject": 0}, "--subject applies to videos and cameras"),
        (["walk.mp4"], {"poses": "t.csv", "format": "trc-csv"}, "takes one person. Add --subject"),
        (["walk.mp4", "a.jpg"], {"poses": "p.json"}, "cannot hold the frames of several videos"),
        (["walk.mp4"], {"poses": "op"}, "op/x_keypoints.json would be replaced"),
    ],
)
def test_what_cannot_be_or_would_lose_something_is_refused(folder, words, wishes, says):
    (folder / "used.csv").write_text("")
    (folder / "op").mkdir()
    (folder / "op" / "x_keypoints.json").write_text("")
    wishes = {
        name: Path(value) if name in ("out", "poses") else value for name, value in wishes.items()
    }
    with pytest.raises(UsageError, match=says):
        results_of(inputs_of(words), Wishes(**wishes))


def test_files_are_replaced_if_the_user_says_so(folder):
    (folder / "used.csv").write_text("")
    wishes = Wishes(out=Path("other"), poses=Path("used.csv"), overwrite=True)
    assert results_of(inputs_of(["a.jpg"]), wishes).poses == Path("used.csv")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("pipe", "a pipe or a device, which would be removed"),
        ("folder", "this is a folder"),
        ("/proc/x/x", "cannot write into this folder"),
        ("a.jpg/x", "a file is where a folder should be"),
    ],
)
@pytest.mark.parametrize(("wish", "suffix"), [("out", ".mp4"), ("poses", ".csv")])
def test_a_place_that_cannot_be_written_is_refused_before_any_model_is_loaded(
    folder, place, why, wish, suffix
):
    os.mkfifo(f"pipe{suffix}")
    (folder / "folder.csv").mkdir()
    (folder / "folder.mp4" / "walk.mp4").mkdir(parents=True)
    option = "-o" if wish == "out" else "--poses"
    with pytest.raises(UsageError, match=rf"{why}.* Name another place with {option}\."):
        paths(["walk.mp4"], overwrite=True, **{wish: Path(place + suffix)})
