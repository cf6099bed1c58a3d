"""Images as an input: turned upright, and named if they cannot be read."""

import os

import cv2
import numpy as np
import pytest

from made_streams import RED, centre, picture
from posemark.core.errors import DataError, UsageError
from posemark.predict.images import Images
from posemark.predict.inputs import inputs_of
from posemark.predict.shots import Part, Remarks


@pytest.fixture
def folder(tmp_path):
    """Three pictures whose spot moves, a damaged one, an empty one and a text."""
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"p{index}.jpg"), picture({RED: (50 + 50 * index, 60)}))
    (tmp_path / "p3.jpg").write_bytes((tmp_path / "p0.jpg").read_bytes()[:900])
    (tmp_path / "p4.PNG").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def shots(words, **part):
    said = []
    (images,) = inputs_of(words, Part(**part))
    remarks = Remarks(said.append)
    return list(images.shots(remarks)), said, remarks, images


def test_the_images_of_a_folder_come_by_name_and_bad_ones_are_named_and_counted(folder):
    found, said, remarks, images = shots([str(folder)])
    assert [shot.name for shot in found] == ["p0.jpg", "p1.jpg", "p2.jpg"]
    assert [shot.index for shot in found] == [0, 1, 2]
    assert [round(centre(shot.image_bgr, RED)[0]) for shot in found] == [50, 100, 150]
    assert (images.total, images.is_clip, remarks.unusable) == (5, False, 2)
    assert "p3.jpg: this JPEG is cut off after 900 bytes" in said[0]
    assert "p4.PNG: expected a JPEG or PNG image, got 0 bytes" in said[1]


def test_a_step_leaves_images_out(folder):
    found, _, _, images = shots([str(folder / "p?.jpg")], step=2)
    assert [shot.name for shot in found] == ["p0.jpg", "p2.jpg"]
    assert images.total == 2


def test_an_image_is_known_by_its_bytes_if_its_name_does_not_say(folder):
    (folder / "p0.jpg").rename(folder / "photo")
    found, *_ = shots([str(folder / "photo")])
    assert found[0].name == "photo"


def test_a_file_that_is_named_twice_is_read_once(folder):
    found, *_ = shots([str(folder / "p1.jpg"), str(folder / "p[12].jpg")])
    assert [shot.name for shot in found] == ["p1.jpg", "p2.jpg"]


def test_a_photograph_of_a_phone_is_turned_upright_and_that_is_said(folder):
    image = cv2.rotate(picture({RED: (50, 60)}), cv2.ROTATE_90_COUNTERCLOCKWISE)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (folder / "phone.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    found, said, _, _ = shots([str(folder / "phone.jpg")])
    assert np.allclose(centre(found[0].image_bgr, RED), (50, 60), atol=0.5)
    assert said == ["1 image turned upright, as the EXIF data say."]


def test_nothing_is_read_before_it_is_wanted(folder):
    found = Images(tuple(folder / f"p{index}.jpg" for index in range(3))).shots(Remarks(print))
    assert next(found).name == "p0.jpg"
    (folder / "p1.jpg").unlink()
    assert next(found).name == "p2.jpg"


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("nothing.jpg", "nothing.jpg: there is no such file or folder. Give an image"),
        ("*.webp", r"\*.webp: no file matches this pattern"),
        ("empty", r"empty: expected images \(.jpg, .jpeg, .png\), but the folder has 1 file and"),
        ("camera:", "camera:: expected the number of a camera, such as camera:0"),
        ("camera:x", "camera:x: expected the number of a camera"),
    ],
)
def test_words_that_name_nothing_are_refused(folder, monkeypatch, word, says):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "empty" / "film.mov").write_text("")
    with pytest.raises(UsageError, match=says):
        inputs_of([word])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(folder):
    for name in ("pipe", "pipe.jpg"):
        os.mkfifo(folder / name)
    with pytest.raises(DataError, match="this is a folder or device"):
        list(inputs_of([str(folder / "pipe")]))
    _, said, remarks, _ = shots([str(folder / "pipe.jpg")])
    assert remarks.unusable == 1
    assert "expected a regular file" in said[0]


def test_images_have_no_times(folder):
    with pytest.raises(UsageError, match="--from and --to apply to videos"):
        inputs_of([str(folder)], Part(start_s=1.0))
