"""Videos and folders as data sets: what a run gets, and what it measures inside the clock."""

import pickle

import cv2
import numpy as np
import pytest

import goldens
import made_videos
from made_videos import WH, number_of, numbered, steady
from posemark.core.errors import DataError, UsageError
from posemark.datasets import open_dataset, video
from posemark.geometry.crop import decoded, image_of
from posemark.report.results import load_rows
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.run.prepare import prepare_job
from posemark.video.reading import VideoReader
from runs import run_one

pytest.importorskip("av", reason="needs posemark[video]")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 40 pictures, 25 per second."""
    return made_videos.write(tmp_path_factory.mktemp("clip") / "clip.mp4", steady(40))


def numbers(frames):
    return [number_of(image_of(frame)) for frame in frames]


# --- the frames ---------------------------------------------------------------------------------


def test_a_video_is_one_clip_of_frames_without_truth(clip):
    dataset = open_dataset(f"video:{clip}")
    frames = dataset.frames()
    assert [frame.image_id for frame in frames] == list(range(1, 41))
    assert {frame.size_wh for frame in frames} == {WH}
    assert [frame.moment.index for frame in frames] == list(range(40))
    assert [frame.moment.time_s for frame in frames] == pytest.approx(np.arange(40) / 25)
    assert {(frame.moment.clip, len(frame.truth)) for frame in frames} == {(1, 0)}
    assert frames[7].name == "clip.mp4#7"
    assert dataset.photographs
    assert numbers(frames) == list(range(40))


def test_the_fingerprint_is_that_of_the_file(clip, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    dataset = open_dataset(f"video:{clip}")
    assert len(dataset.fingerprint) == 16
    assert open_dataset(f"video:{copy}").fingerprint == dataset.fingerprint
    copy.write_bytes(clip.read_bytes() + b" ")
    assert open_dataset(f"video:{copy}").fingerprint != dataset.fingerprint


def test_a_folder_of_videos_is_one_clip_after_the_other(tmp_path):
    for name, count in (("b10.mp4", 3), ("b9.mp4", 2), ("notes.txt", 0)):
        path = tmp_path / name
        made_videos.write(path, steady(count)) if count else path.write_text("x")
    dataset = open_dataset(f"video:{tmp_path}")
    frames = dataset.frames()
    assert [frame.name for frame in frames] == [
        *("b9.mp4#0", "b9.mp4#1", "b10.mp4#0", "b10.mp4#1", "b10.mp4#2"),
    ]
    assert [frame.image_id for frame in frames] == [1, 2, 3, 4, 5]
    assert [(frame.moment.clip, frame.moment.index) for frame in frames] == [
        *((1, 0), (1, 1), (2, 0), (2, 1), (2, 2)),
    ]
    assert numbers(frames) == [0, 1, 0, 1, 2]
    before = dataset.fingerprint
    (tmp_path / "b9.mp4").rename(tmp_path / "c.mp4")
    assert open_dataset(f"video:{tmp_path}").fingerprint != before


def test_a_folder_of_images_is_one_clip_in_the_order_of_names(tmp_path):
    for number in (2, 10, 1):
        cv2.imwrite(str(tmp_path / f"img{number}.png"), numbered(number))
    dataset = open_dataset(f"video:{tmp_path}")
    frames = dataset.frames()
    assert numbers(frames) == [1, 2, 10]
    assert [(f.moment.clip, f.moment.index) for f in frames] == [(1, 0), (1, 1), (1, 2)]
    assert frames[2].moment.time_s == pytest.approx(2 / 30)
    assert isinstance(frames[0].read(), bytes), "images are decoded by the pipeline, in the clock"
    assert "3 images taken as a clip of 30 per second" in dataset.notes[0]


def test_names_that_are_not_valid_text_are_measured_too(tmp_path, clip):
    folder = tmp_path / "place\udcfe"
    folder.mkdir()
    cv2.imwrite(str(tmp_path / "a.png"), numbered(1))
    (tmp_path / "a.png").rename(folder / "na\udcffme.png")
    dataset = open_dataset(f"video:{folder}")
    (frame,) = dataset.frames()
    assert (frame.name, number_of(image_of(frame))) == ("na\\udcffme.png", 1)
    assert dataset.notes[0].startswith("place\\udcfe: 1 image")
    assert len(dataset.fingerprint) == 16
    (tmp_path / "na\udcffme.mp4").write_bytes(clip.read_bytes())
    assert open_dataset(f"video:{tmp_path}/na\udcffme.mp4").frames()[3].name == "na\\udcffme.mp4#3"


def test_folders_without_one_kind_of_files_are_refused(tmp_path, clip):
    with pytest.raises(DataError, match="got neither among 0 entries"):
        open_dataset(f"video:{tmp_path}").frames()
    cv2.imwrite(str(tmp_path / "a.jpg"), numbered(1))
    (tmp_path / "a.mp4").write_bytes(clip.read_bytes())
    with pytest.raises(DataError, match="got 1 image and 1 video"):
        open_dataset(f"video:{tmp_path}").frames()


def test_a_damaged_image_of_a_folder_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a\.jpg: expected a JPEG or PNG.* remove it"):
        open_dataset(f"video:{tmp_path}").frames()


def test_video_alone_is_no_data_set():
    with pytest.raises(UsageError, match="such as video:clip.mp4"):
        open_dataset("video").frames()


# --- decoding inside the clock ------------------------------------------------------------------


@pytest.fixture
def counting(monkeypatch):
    """Count the pictures that are decoded; the list is emptied by the test."""
    original, count = VideoReader._decoded, []
    monkeypatch.setattr(VideoReader, "_decoded", lambda self: count.append(1) or original(self))
    video._players.cache_clear()
    return count


@pytest.mark.parametrize("looks", [1, 2])
def test_one_picture_is_decoded_per_call_in_order_and_again_from_the_start(clip, counting, looks):
    """A detector looks at a picture outside the clock before it is decoded inside."""
    frames = open_dataset(f"video:{clip}").frames()
    for position, frame in enumerate([frames[0], *frames, *frames]):
        encoded = frame.read()
        for _ in range(looks):
            counting.clear()
            assert number_of(decoded(encoded, frame)) == frame.moment.index
            assert len(counting) == 1 or position == 0


def test_a_frame_out_of_order_is_found_outside_the_clock(clip, counting):
    frames = open_dataset(f"video:{clip}").frames()
    for index in (30, 3, 39, 38, 0):
        encoded = frames[index].read()
        counting.clear()
        assert number_of(decoded(encoded, frames[index])) == index
        assert len(counting) == 1


def test_frames_reach_a_worker_process_with_one_copy_of_the_index(clip):
    frames = open_dataset(f"video:{clip}").frames()
    there = pickle.loads(pickle.dumps(frames))
    assert numbers(there[:5]) == list(range(5))
    assert len({id(frame.read.args[0]) for frame in there}) == 1


def test_few_videos_are_open_at_a_time(tmp_path):
    for number in range(4):
        made_videos.write(tmp_path / f"{number}.mp4", steady(2))
    assert numbers(open_dataset(f"video:{tmp_path}").frames()) == [0, 1] * 4
    assert video._players.cache_info().currsize <= 2


# --- runs ---------------------------------------------------------------------------------------


def test_a_model_that_needs_boxes_is_told_where_they_may_come_from(clip):
    with pytest.raises(UsageError, match="--boxes detector:NAME"):
        plan(["naive-litehrnet-18-256x192"], Options(data=f"video:{clip}", threads=1))
    with pytest.raises(UsageError, match=r"needs detected boxes.*format\)\.$"):
        plan(["naive-litehrnet-18-256x192@detected"], Options(data=f"video:{clip}", threads=1))


@pytest.mark.parametrize("data", ["video:clip.mp4", "camera:0"])
def test_frames_that_are_decoded_in_order_do_not_overlap(data):
    options = Options(data=data, threads=2, mode="overlapped")
    (job,) = plan(["openpose-body25"], options)
    with pytest.raises(UsageError, match="--mode overlapped.* decoded one after the other"):
        prepare_job(job, open_dataset(data), [])


def test_it_runs_to_a_row_of_the_report_without_ap(clip, tmp_path, monkeypatch):
    goldens.shared("weights/tfpose_mobilenet_v2_small_graph_opt.pb")
    pytest.importorskip("openvino")
    monkeypatch.setenv("POSEMARK_ARTEFACTS", str(goldens.SHARED / "weights"))
    options = Options(data=f"video:{clip}", threads=1, limit=6, repeat=2)
    (job,) = plan(["tfpose-mobilenetv2-small"], options)
    dataset = open_dataset(options.data)
    path, steps = run_one(prepare_job(job, dataset, dataset.frames()), tmp_path)
    (row,) = load_rows([path])
    assert (row.frames, row.failed_frames, row.ap) == (12, 0, None)
    assert row.unscored == "nobody is annotated in the images that were measured"
    assert all(step.line.stages["decode"] > 0 for step in steps)
    assert (tmp_path / f"truth-video-{dataset.fingerprint}.json").is_file()
