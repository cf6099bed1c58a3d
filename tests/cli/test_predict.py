"""`posemark predict` as people use it, with an estimator that finds spots of colour."""

import csv
import json
import os
import re
import signal
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import made_videos
from made_streams import RED, SpotPipeline, finder, make_video, picture
from posemark import cli
from posemark.estimator import Estimator
from posemark.models import spec_of
from posemark.pipelines.people import GivenBoxes
from posemark.predict import models, overlay
from posemark.video.facts import read_facts
from posemark.video.reading import VideoReader


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "2000")
    monkeypatch.setattr(models, "load_all", lambda names, _: [finder() for _ in names])
    return tmp_path


def predict(*arguments, code=0):
    """Standard output and error of the command."""
    result = CliRunner().invoke(cli.app, ["predict", "model", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result.stdout, result.stderr


def mistake(*arguments, monkeypatch, capsys):
    """The paragraph with which the command refuses."""
    monkeypatch.setattr(sys, "argv", ["posemark", "predict", "model", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert "Traceback" not in said.err
    return said.err


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def table(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_video_becomes_a_video_with_its_people(surroundings):
    make_video(surroundings / "walk.mp4", frames=12)
    out, _ = predict("walk.mp4")
    assert re.fullmatch(
        r"walk.mp4: 12 frames, 2 people followed, [\d.]+ FPS with drawing and writing, p50 latency "
        r"from decoding to poses [\d.]+ ms. Annotated: predictions/walk.mp4\n",
        out,
    )
    facts = read_facts(surroundings / "predictions" / "walk.mp4")
    assert (facts.frames, facts.fps, facts.size_wh, facts.codec) == (12, 10, (320, 240), "h264")
    with VideoReader(facts) as reader:
        image = reader.picture(6)
    assert np.abs(image - np.array(overlay.ID_COLOURS[0][::-1])).max(-1).min() < 40
    assert names("predictions") == ["walk.mp4"]


def test_images_that_are_all_used_are_counted_once(surroundings):
    for name in ("a.jpg", "b.jpg"):
        cv2.imwrite(name, picture({RED: (150, 100)}))
    out, _ = predict("a.jpg", "b.jpg")
    assert out.startswith("2 images, 2 people found (score 0.2 or more), ")


def test_images_become_images_and_bad_ones_are_named_and_counted(surroundings):
    for name in ("a.jpg", "b.png", "c.jpg"):
        cv2.imwrite(name, picture({RED: (150, 100)}))
    (surroundings / "c.jpg").write_bytes(b"broken")
    out, err = predict("*.jpg", "b.png", "-o", "seen", "--poses", "p.json")
    assert "3 images: 2 images, 2 people found (score 0.2 or more), " in out
    assert out.endswith("Annotated: seen\nPoses: p.json\n")
    assert "left out: c.jpg: expected a JPEG or PNG image" in err
    assert names("seen") == ["a.jpg", "b.png"]
    assert (cv2.imread("seen/b.png") != cv2.imread("b.png")).any()
    assert [each["image_id"] for each in json.loads((surroundings / "p.json").read_text())] == [
        0,
        2,
    ]


def test_poses_alone_draw_nothing(surroundings):
    make_video(surroundings / "walk.mp4", frames=5)
    out, _ = predict("walk.mp4", "--poses", "walk.csv")
    assert "Annotated" not in out
    assert names() == ["walk.csv", "walk.mp4"]
    assert len(table("walk.csv")) == 5 * 2 * 17


def test_the_part_the_step_and_the_subject(surroundings):
    make_video(surroundings / "walk.mp4", frames=20)
    part = ("--from", "0:00.5", "--to", "1.5", "--step", 2)
    predict("walk.mp4", *part, "--subject", 1, "--poses", "t.csv", "--format", "trc-csv")
    rows = table("t.csv")
    assert [row["Frame#"] for row in rows] == ["6", "8", "10", "12", "14"]
    assert float(rows[0]["nose_X"]) == pytest.approx(280 - 3 * 5, abs=2)
    predict("walk.mp4", *part, "-o", "part.mp4")
    facts = read_facts(surroundings / "part.mp4")
    assert (facts.frames, facts.fps) == (5, 5)


def test_models_are_drawn_side_by_side_and_the_first_ones_poses_are_written(surroundings):
    make_video(surroundings / "walk.mp4", frames=4)
    out, _ = predict("walk.mp4", "--compare", "other", "--compare", "third", "--poses", "walk.csv")
    assert re.search(r"poses [\d.]+ ms \(model\), [\d.]+ ms \(other\), [\d.]+ ms \(third\)", out)
    assert read_facts(surroundings / "predictions" / "walk.mp4").size_wh == (960, 240)
    assert len(table("walk.csv")) == 4 * 2 * 17


def test_several_videos_in_one_table(surroundings):
    for name in ("a.mp4", "b.mp4"):
        make_video(surroundings / name, frames=3)
    out, _ = predict("a.mp4", "b.mp4", "--poses", "all.csv")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["a.mp4", "b.mp4", "Poses"]
    assert [row["input"] for row in table("all.csv")[::17]] == ["a.mp4"] * 6 + ["b.mp4"] * 6


def test_ctrl_c_ends_after_the_picture_and_leaves_whole_files(surroundings, monkeypatch):
    class Pressed(GivenBoxes):
        def saw(self, boxes, poses, moment):
            if moment.index == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return poses

    monkeypatch.setattr(models, "load_all", lambda *_: [finder(people=Pressed())])
    make_video(surroundings / "walk.mp4", frames=12)
    out, err = predict("walk.mp4", "-o", "w.mp4", "--poses", "w.json", code=130)
    assert "walk.mp4: 4 frames" in out
    assert err.endswith("stopped by Ctrl-C. What was done until then is complete.\n")
    assert read_facts(surroundings / "w.mp4").frames == 4
    assert len(json.loads((surroundings / "w.json").read_text())) == 8
    assert names() == ["w.json", "w.mp4", "walk.mp4"]


def test_an_error_in_the_middle_leaves_whole_files(surroundings, monkeypatch):
    class Failing(GivenBoxes):
        def saw(self, boxes, poses, moment):
            if moment.index == 3:
                raise RuntimeError
            return poses

    monkeypatch.setattr(models, "load_all", lambda *_: [finder(people=Failing())])
    make_video(surroundings / "walk.mp4", frames=12)
    with pytest.raises(RuntimeError):
        predict("walk.mp4", "-o", "w.mp4", "--poses", "w.json")
    assert read_facts(surroundings / "w.mp4").frames == 3
    assert len(json.loads((surroundings / "w.json").read_text())) == 6


# --- odd videos ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "notes"),
    [
        ({"rotation": 90}, r"turned by 90 degrees, as the file says\."),
        ({"times_ms": [0, 40, 80, 250, 290, 600]}, "variable frame rate, .* on average"),
        ({"pixels": "yuv420p10le", "codec": "libx265"}, "10 bits per channel, converted to 8"),
        ({"sound": True}, ""),
        ({"size_wh": (3840, 2160), "times_ms": [0, 40]}, ""),
    ],
)
def test_odd_videos_are_annotated_and_what_was_done_is_said(surroundings, options, notes):
    options = {"times_ms": made_videos.steady(6)} | options
    path = made_videos.write(surroundings / "odd.mp4", options.pop("times_ms"), **options)
    _, err = predict(path, "-o", "out.mp4")
    assert re.search(notes, err) if notes else err == ""
    before, after = read_facts(path), read_facts(surroundings / "out.mp4")
    assert (after.size_wh, after.frames) == (before.size_wh, before.frames)
    assert np.allclose(after.index.times_s, before.index.times_s, atol=1e-4)


def test_a_video_that_was_cut_off_keeps_what_was_done_and_says_so(surroundings):
    path = made_videos.write(surroundings / "cut.mp4", made_videos.steady(200))
    made_videos.cut(path, 0.6)
    out, err = predict(path, "-o", "out.mp4", "--poses", "p.csv")
    assert re.search(r"cut.mp4: cut off after \d+ of 200 pictures", err)
    frames = int(re.match(r"cut.mp4: (\d+) frames", out)[1])
    assert 60 < frames < 200
    assert read_facts(surroundings / "out.mp4").frames == frames


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.mp4"], "nothing.mp4: there is no such file or folder"),
        (["empty.mp4"], "empty.mp4: expected a video file, but it is empty"),
        (["text.mp4"], "text.mp4: expected a video, but none can be read from this file"),
        (["camera:9"], "camera:9: there is no such camera"),
        (["camera"], "camera: there is no such file or folder"),
        (["walk.mp4", "-o", "used.mp4"], "used.mp4 would be replaced. Add --overwrite"),
        (["walk.mp4", "-o", "walk.mp4", "--overwrite"], "walk.mp4 is an input"),
        (["walk.mp4", "--from", "soon"], "--from: expected a time in the video such as 12.5"),
        (["walk.mp4", "--from", "2", "--to", "1"], "whose end is after its start"),
        (["walk.mp4", "--from", "5"], "no picture lies from 5 s on; the video has 0.3"),
        (["walk.mp4", "--step", "0"], "--step: expected a whole number, 1 or more, got '0'"),
        (["walk.mp4", "--subject", "-1"], "--subject: expected a whole number, 0 or more, got"),
        (["bad.jpg", "--every", "3"], "--every 3 applies to videos and cameras"),
        (["bad.jpg", "--smooth"], "--smooth applies to videos and cameras"),
        (["walk.mp4", "--every", "10001"], "--every: expected a whole number from 1 to 10000"),
        (["walk.mp4", "--poses", "p.xml"], "expected a name that ends in .json"),
        (["bad.jpg"], "None of 1 picture could be used; the reasons are above."),
    ],
)
def test_mistakes_are_one_paragraph(surroundings, monkeypatch, capsys, arguments, says):
    (surroundings / "empty.mp4").write_bytes(b"")
    (surroundings / "text.mp4").write_text("no video")
    (surroundings / "bad.jpg").write_bytes(b"broken")
    (surroundings / "used.mp4").write_text("")
    make_video(surroundings / "walk.mp4", frames=3)
    before = {path.name: path.stat().st_mtime_ns for path in surroundings.iterdir()}
    assert says in mistake(*arguments, monkeypatch=monkeypatch, capsys=capsys)
    assert {path.name: path.stat().st_mtime_ns for path in surroundings.iterdir()} == before


def test_a_subject_that_is_nobody_is_said(surroundings):
    make_video(surroundings / "walk.mp4", frames=3)
    _, err = predict("walk.mp4", "--subject", "7", "--poses", "p.csv")
    assert "--subject 7: nobody has this id, so that nobody is written; ids go from 0 to 1." in err
    _, err = predict("walk.mp4", "--subject", "1", "--poses", "q.csv")
    assert "nobody" not in err


def test_nobody_is_found_where_a_detector_finds_nobody(surroundings, monkeypatch):
    class Blind(GivenBoxes):
        def find(self, image_bgr, given, moment):
            return given

    top_down = spec_of("naive-litehrnet-18-256x192")
    pipeline = EmptyPipeline(people=Blind(looks=True))
    monkeypatch.setattr(models, "load_all", lambda *_: [Estimator(top_down, pipeline)])
    make_video(surroundings / "walk.mp4", frames=3)
    out, _ = predict("walk.mp4", "--poses", "p.json", "-o", "w.mp4")
    assert "3 frames, 0 people followed" in out
    assert json.loads((surroundings / "p.json").read_text()) == []


class EmptyPipeline(SpotPipeline):
    """Finds nobody, because there are no boxes."""

    def _poses(self, image, boxes, perfect, lap):
        assert len(boxes) == 0
        return super()._poses(np.zeros_like(image), boxes, perfect, lap)


def test_the_progress_is_printed_as_lines_without_a_terminal(surroundings, monkeypatch):
    from posemark.cli import console

    monkeypatch.setattr(console, "PLAIN_SECONDS", 1e-9)
    make_video(surroundings / "walk.mp4", frames=3)
    _, err = predict("walk.mp4")
    assert re.search(r"^walk.mp4: 2 of 3, [\d.]+ FPS, about \d+ s left$", err, re.MULTILINE)
