"""Videos of every odd kind are read completely, in order, and from any picture on."""

import builtins
import subprocess
import sys

import cv2
import numpy as np
import pytest

import goldens
import made_videos
from made_videos import WH, number_of, steady
from posemark.core.errors import DataError, FrameError, UsageError
from posemark.geometry import image_header
from posemark.video import facts
from posemark.video.facts import read_facts
from posemark.video.reading import VideoReader

av = pytest.importorskip("av", reason="needs posemark[video]")


def numbers_in(path):
    with VideoReader.of(path) as reader:
        return [(picture.index, number_of(picture.image_bgr)) for picture in reader.pictures()]


def counted(count):
    return [(index, index) for index in range(count)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """100 pictures, 25 per second, H.264 with a key picture at every twelfth."""
    return made_videos.write(tmp_path_factory.mktemp("plain") / "plain.mp4", steady(100))


# --- what a video consists of -------------------------------------------------------------------


def test_the_facts_of_a_plain_video(plain):
    found = read_facts(plain)
    assert (found.size_wh, found.frames, found.fps) == (WH, 100, 25)
    assert (found.variable, found.rotation, found.bits, found.codec) == (False, 0, 8, "h264")
    assert found.duration_s == pytest.approx(4.0)
    np.testing.assert_allclose(found.index.times_s, np.arange(100) / 25, atol=1e-9)
    assert found.notes == ()


def test_a_variable_frame_rate_keeps_the_time_of_every_picture(tmp_path):
    times_ms = np.cumsum([0, 40, 40, 10, 90, 40, 200, 40, 33, 33]).tolist()
    path = made_videos.write(tmp_path / "phone.mp4", times_ms)
    found = read_facts(path)
    assert found.variable
    with VideoReader.of(path) as reader:
        times_s = [picture.time_s for picture in reader.pictures()]
    np.testing.assert_allclose(times_s, np.array(times_ms) / 1000, atol=1e-6)
    assert found.fps == pytest.approx(9 / (times_ms[-1] / 1000))
    assert "variable frame rate" in found.notes[0]


def test_rounding_of_times_to_milliseconds_is_no_variable_rate(tmp_path):
    times_ms = [round(number * 1000 / 60) for number in range(60)]
    assert not read_facts(made_videos.write(tmp_path / "a.mkv", times_ms)).variable


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_the_rotation_of_a_phone_is_applied_and_said(tmp_path, rotation):
    path = made_videos.write(tmp_path / "phone.mp4", steady(3), rotation=rotation)
    found = read_facts(path)
    assert found.rotation == rotation % 360
    assert found.size_wh == (WH if rotation == 180 else WH[::-1])
    assert f"turned by {rotation % 360} degrees" in found.notes[0]
    with VideoReader.of(path) as reader:
        picture = next(iter(reader.pictures())).image_bgr
    stored = np.rot90(picture, -rotation // 90)
    assert np.abs(stored.astype(int) - made_videos.numbered(0)).mean() < 6


def test_sound_is_ignored(tmp_path):
    path = made_videos.write(tmp_path / "loud.mp4", steady(30), sound=True)
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
    assert numbers_in(path) == counted(30)


def test_ten_bits_become_eight_and_that_is_said(tmp_path):
    path = made_videos.write(tmp_path / "deep.mp4", steady(5), pixels="yuv420p10le")
    found = read_facts(path)
    assert found.bits == 10
    assert "10 bits per channel, converted to 8" in found.notes[0]
    with VideoReader.of(path) as reader:
        for picture in reader.pictures():
            wanted = made_videos.numbered(picture.index).astype(int)
            assert picture.image_bgr.dtype == np.uint8
            assert np.abs(picture.image_bgr - wanted).mean() < 6


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.avi", "mpeg4"), ("a.avi", "libx264"), ("a.h264", "libx264"), ("a.ts", "libx264")),
        *(("a.webm", "libvpx-vp9"), ("a.mkv", "libx265"), ("a.mov", "mjpeg")),
    ],
)
def test_containers_and_codecs_of_other_kinds(tmp_path, name, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = made_videos.write(
        tmp_path / name, steady(40), codec=codec, pixels=pixels, options=options
    )
    assert numbers_in(path) == counted(40)
    with VideoReader.of(path) as reader:
        for index in (30, 31, 5, 0, 39, 38, 12):
            assert number_of(reader.picture(index)) == index


def test_a_video_of_4k(tmp_path):
    path = made_videos.write(tmp_path / "large.mp4", steady(2), size_wh=(3840, 2160))
    with VideoReader.of(path) as reader:
        assert [each.image_bgr.shape for each in reader.pictures()] == [(2160, 3840, 3)] * 2


# --- any order ----------------------------------------------------------------------------------


def test_every_picture_can_be_reached_from_every_other(plain):
    order = np.random.default_rng(0).permutation(100).tolist()
    with VideoReader.of(plain) as reader:
        assert [number_of(reader.picture(index)) for index in order] == order
        assert [number_of(reader.picture(index)) for index in range(100)] == list(range(100))


def test_what_a_picture_depends_on_is_decoded_by_go_to(plain, monkeypatch):
    """The call that follows decodes one picture, wherever the reader stood before."""
    original, decoded = VideoReader._decoded, []
    monkeypatch.setattr(VideoReader, "_decoded", lambda self: decoded.append(1) or original(self))
    with VideoReader.of(plain) as reader:
        for index in (50, 49, 24, 99, 0, 1, 7):
            reader.go_to(index)
            assert reader.next_index == index
            decoded.clear()
            assert number_of(reader.picture(index)) == index
            assert len(decoded) == 1


def test_the_stream_continues_after_a_jump(plain):
    with VideoReader.of(plain) as reader:
        reader.go_to(90)
        assert [picture.index for picture in reader.pictures()] == list(range(90, 100))


def test_the_decoder_works_in_the_calling_thread_only(plain):
    with VideoReader.of(plain) as reader:
        assert reader._stream.codec_context.thread_count == 1


def test_a_reader_that_is_open_at_the_end_of_a_program_leaves_no_message(plain):
    code = (
        "import sys; from pathlib import Path; from posemark.video.reading import VideoReader\n"
        "reader = VideoReader.of(Path(sys.argv[1])); print(reader.picture(30).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, plain], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(96, 160, 3)\n", "")


# --- what is broken -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_that_was_cut_off_keeps_what_was_done(tmp_path, suffix):
    path = made_videos.cut(made_videos.write(tmp_path / f"a{suffix}", steady(200)), 0.6)
    found = read_facts(path)
    assert 60 < found.frames < 200
    assert "cut off after" in found.missing
    assert found.missing in "; ".join(found.notes)
    with VideoReader.of(path) as reader:
        read = [(round(each.time_s, 3), number_of(each.image_bgr)) for each in reader.pictures()]
    assert found.frames - 15 <= len(read) <= found.frames
    assert [time_s for time_s, _ in read] == [round(number * 0.04, 3) for _, number in read]
    assert len(dict(read)) == len(read)


def test_a_picture_that_is_missing_at_the_cut_is_an_error_of_its_frame(tmp_path):
    path = made_videos.write(tmp_path / "a.mp4", steady(100))
    whole = read_facts(path)
    made_videos.cut(path, 0.6)
    with VideoReader(whole) as reader:
        assert number_of(reader.picture(10)) == 10
        with pytest.raises(FrameError, match=r"a.mp4, picture 99: the picture cannot be decoded"):
            reader.picture(99)
        assert number_of(reader.picture(11)) == 11


def test_a_recording_without_its_end_is_refused(tmp_path):
    path = made_videos.write(tmp_path / "a.mov", steady(50))
    with pytest.raises(DataError, match="a recording that was not stopped"):
        read_facts(made_videos.cut(path, 0.9))


def test_damage_in_the_middle_costs_only_the_pictures_around_it(tmp_path):
    path = made_videos.write(tmp_path / "a.mp4", steady(100), options={"x264-params": "bframes=0"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    read = [index for index, number in numbers_in(path) if index == number]
    assert 70 <= len(read) <= 100
    assert {0, 99} <= set(read)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n", "no[a-z]* can be read"),
        (b"ffconcat version 1.0\nfile a.mp4\n", "no[a-z]* can be read"),
        (b"some text that is no video\n" * 50, "no[a-z]* can be read"),
        (bytes(5000), "no[a-z]* can be read"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.mp4: expected a video.*{message}"):
        read_facts(path)


def test_a_file_with_sound_only_is_refused(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        made_videos._write_tone(container, container.add_stream("aac", rate=48000), 200)
    with pytest.raises(DataError, match="no pictures, only audio"):
        read_facts(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.mp4.*No such file"):
        read_facts(tmp_path / "none.mp4")
    with pytest.raises(DataError, match="this is a folder"):
        read_facts(tmp_path)


def test_pictures_above_the_limit_are_refused_before_one_is_decoded(plain, monkeypatch):
    monkeypatch.setattr(facts, "MOST_PIXELS", 10_000)
    with pytest.raises(DataError, match="160x96 pixels, above the limit of 10000"):
        read_facts(plain)
    assert image_header.MOST_PIXELS >= 7680 * 4320


def test_without_pyav_the_message_names_the_extra(plain, monkeypatch):
    real = builtins.__import__

    def without_av(name, *rest, **named):
        if name == "av":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(UsageError, match=r"pip install 'posemark\[video\]'"):
        read_facts(plain)


# --- real videos --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size_wh", "count", "fps"),
    [
        ("outdoor_athlete_30fps.mp4", (1768, 994), 230, 30),
        ("two_people_indoor_60fps.mp4", (1088, 1920), 100, 60),
    ],
)
def test_real_videos_are_read_to_the_end(name, size_wh, count, fps):
    path = goldens.shared(f"video/{name}")
    with VideoReader.of(path) as reader:
        assert (reader.facts.size_wh, reader.facts.frames, reader.facts.fps) == (
            size_wh,
            count,
            fps,
        )
        shapes = [(picture.index, picture.image_bgr.shape) for picture in reader.pictures()]
    assert shapes == [(index, (*size_wh[::-1], 3)) for index in range(count)]


def jpegs(path, sizes_wh):
    """Write a stream of JPEG pictures of these sizes."""
    pictures = [np.zeros((height, width, 3), np.uint8) for width, height in sizes_wh]
    path.write_bytes(b"".join(cv2.imencode(".jpg", each)[1].tobytes() for each in pictures))
    return path


def test_a_later_picture_that_is_too_large_is_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "MOST_PIXELS", 64 * 48)
    path = jpegs(tmp_path / "made.mjpeg", [(64, 48), (640, 480), (64, 48)])
    with VideoReader.of(path) as reader:
        assert [picture.image_bgr.shape for picture in reader.pictures()] == [(48, 64, 3)] * 2


def test_a_later_picture_of_another_size_is_named(tmp_path):
    path = jpegs(tmp_path / "made.mjpeg", [(64, 48), (640, 480), (64, 48)])
    with (
        VideoReader.of(path) as reader,
        pytest.raises(FrameError, match=r"made.mjpeg, picture 1: the picture has 640x480 pixels"),
    ):
        list(reader.pictures())
