"""Videos that were written are read again: pictures, times, sizes, colours, and after errors."""

import numpy as np
import pytest

from made_videos import WH, number_of, numbered
from posemark.core.errors import RunError, UsageError
from posemark.video.reading import VideoReader
from posemark.video.writing import VideoWriter

av = pytest.importorskip("av", reason="needs posemark[video]")


def written(path, times_s, size_wh=WH, fps=25):
    with VideoWriter(path, size_wh, fps) as writer:
        for number, time_s in enumerate(times_s):
            writer.write(numbered(number, size_wh), time_s)
    return path


def read(path):
    with VideoReader.of(path) as reader:
        return reader.facts, list(reader.pictures())


@pytest.mark.parametrize("suffix", [".mp4", ".MOV", ".mkv"])
def test_pictures_and_times_come_back(tmp_path, suffix):
    facts, pictures = read(written(tmp_path / f"a{suffix}", np.arange(40) / 25))
    assert [number_of(each.image_bgr) for each in pictures] == list(range(40))
    assert [each.time_s for each in pictures] == pytest.approx(np.arange(40) / 25, abs=6e-4)
    assert (facts.size_wh, facts.codec, facts.bits, facts.variable) == (WH, "h264", 8, False)
    assert facts.fps == pytest.approx(25, abs=0.02)


def test_irregular_times_are_kept(tmp_path):
    times_s = np.cumsum([0, 0.04, 0.011, 0.2, 1 / 3, 1 / 60])
    _, pictures = read(written(tmp_path / "a.mp4", times_s))
    assert [each.time_s for each in pictures] == pytest.approx(times_s, abs=2e-5)


def test_a_rate_of_television_is_exact(tmp_path):
    path = written(tmp_path / "a.mp4", np.arange(100) * 1001 / 30000, fps=30000 / 1001)
    assert read(path)[0].fps == pytest.approx(30000 / 1001, abs=1e-4)


def test_odd_sides_get_one_more_row_and_column(tmp_path):
    facts, pictures = read(written(tmp_path / "a.mp4", [0, 0.1], size_wh=(161, 95)))
    assert facts.size_wh == (162, 96)
    image = pictures[1].image_bgr.astype(int)
    assert number_of(pictures[1].image_bgr[:95, :161]) == 1
    assert np.abs(image[-1] - image[-2]).mean() < 12
    assert np.abs(image[:, -1] - image[:, -2]).mean() < 12


def test_colours_come_back(tmp_path):
    """The file says by which matrix they were converted."""
    image = np.zeros((96, 160, 3), np.uint8)
    colours = [(200, 60, 40), (40, 60, 200), (30, 180, 60), (128, 128, 128), (250, 250, 250)]
    for place, colour in enumerate(colours):
        image[:, place * 32 : place * 32 + 32] = colour
    path = tmp_path / "a.mp4"
    with VideoWriter(path, WH, 25) as writer:
        writer.write(image, 0)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.colorspace == 1
    (picture,) = read(path)[1]
    for place, colour in enumerate(colours):
        middle = picture.image_bgr[20:76, place * 32 + 8 : place * 32 + 24].mean((0, 1))
        assert np.abs(middle - colour).max() < 6


def test_the_name_appears_when_the_file_is_complete(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"an older file")
    with VideoWriter(path, WH, 25) as writer:
        writer.write(numbered(0), 0)
        assert path.read_bytes() == b"an older file"
    assert len(read(path)[1]) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_video_keeps_what_was_done(tmp_path, error):
    path = tmp_path / "a.mp4"

    def interrupted():
        with VideoWriter(path, WH, 25) as writer:
            for number in range(7):
                writer.write(numbered(number), number / 25)
            raise error

    with pytest.raises(error):
        interrupted()
    assert [number_of(each.image_bgr) for each in read(path)[1]] == list(range(7))
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_without_a_picture(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", WH, 25) as writer:
        assert not writer.written
    assert list(tmp_path.iterdir()) == []


def test_mistakes_of_a_caller_are_errors(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", WH, 25) as writer:
        writer.write(numbered(0), 1.0)
        with pytest.raises(ValueError, match=r"at 1\.0 s after one at 1\.0 s"):
            writer.write(numbered(1), 1.0)
        with pytest.raises(ValueError, match="of 96x160 in a video of 160x96"):
            writer.write(numbered(1, WH[::-1]), 2.0)


def test_names_and_folders_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match=r"expected a name that ends in \.mp4"):
        VideoWriter(tmp_path / "a.gif", WH, 25)
    with pytest.raises(RunError, match=r"a\.mp4: the video cannot be written \(No such file"):
        VideoWriter(tmp_path / "none" / "a.mp4", WH, 25)


def test_a_full_disk_is_an_error_in_words(tmp_path):
    class Full:
        def mux(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            raise OSError(28, "No space left on device")

    writer = VideoWriter(tmp_path / "a.mp4", WH, 25)
    for number in range(3):
        writer.write(numbered(number), float(number))
    writer._container.close()
    writer._container = Full()
    with pytest.raises(RunError, match=r"\(No space left on device\)"):
        writer.write(numbered(3), 3.0)
    with pytest.raises(RunError, match=r"\(No space left on device\)"):
        writer.close()
    assert list(tmp_path.iterdir()) == []
