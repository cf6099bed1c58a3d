"""COCO in its standard layout, and every fault that a copy of it can have."""

import json
import os
import struct
import zlib

import cv2
import numpy as np
import pytest

import goldens
from posemark.core.errors import DataError, FrameError, UsageError
from posemark.datasets import coco, open_dataset
from posemark.datasets.coco import ANNOTATIONS, IMAGES, Coco
from posemark.datasets.sample import Sample
from posemark.geometry.crop import decode_bgr

WH = (64, 48)


def person(image_id, **changes):
    keypoints = [10, 20, 2, *[0] * 45, 30.5, 40.25, 1]
    fields = {"image_id": image_id, "bbox": [1.5, 2, 30, 40], "area": 500.5, "iscrowd": 0}
    return fields | {"keypoints": keypoints, "category_id": 1, "id": 1} | changes


def image(image_id, name=None, size_wh=WH):
    name = name or f"{image_id}.jpg"
    return {"id": image_id, "file_name": name, "width": size_wh[0], "height": size_wh[1]}


@pytest.fixture
def folder(tmp_path):
    """Three images, listed out of order: image 7 has two people, 3 has one, and 5 has none."""
    (tmp_path / IMAGES).mkdir()
    for image_id in (3, 5, 7):
        write_image(tmp_path, f"{image_id}.jpg", picture(image_id))
    people = [person(7), person(3, id=2), person(7, iscrowd=1, bbox=[0, 0, 9, 9], id=3)]
    annotate(tmp_path, {"images": [image(7), image(3), image(5)], "annotations": people})
    return tmp_path


def picture(seed=0):
    return goldens.image(seed, WH[1], WH[0])


def write_image(folder, name, pixels, suffix=".jpg"):
    content = cv2.imencode(suffix, pixels)[1].tobytes()
    (folder / IMAGES / name).write_bytes(content)
    return content


def annotate(folder, content):
    path = folder / ANNOTATIONS
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def only_frame(folder, name, size_wh=WH):
    """Return the frame of a data set of this one image."""
    annotate(folder, {"images": [image(1, name, size_wh)], "annotations": []})
    (frame,) = Coco(folder).frames()
    return frame


def pixels_of(frame):
    return decode_bgr(frame.read(), frame.size_wh, frame.name)


# --- a whole copy -------------------------------------------------------------------------------


def test_frames_come_by_id_with_their_people(folder):
    three, five, seven = Coco(folder).frames()
    assert [f.image_id for f in (three, five, seven)] == [3, 5, 7]
    assert [len(f.truth) for f in (three, five, seven)] == [1, 0, 2]
    assert (three.name, three.size_wh) == ("3.jpg", WH)
    assert seven.truth.is_crowd.tolist() == [False, True]
    assert seven.truth.boxes_xywh.tolist() == [[1.5, 2, 30, 40], [0, 0, 9, 9]]
    assert three.truth.areas.tolist() == [500.5]
    assert three.truth.keypoints_xyv[0, [0, 1, 16]].tolist() == [
        [10, 20, 2],
        [0, 0, 0],
        [30.5, 40.25, 1],
    ]
    assert five.truth.keypoints_xyv.shape == (0, 17, 3)
    assert five.truth.boxes_xywh.shape == (0, 4)


def test_nothing_is_read_from_disk_before_a_frame_is(folder):
    for path in (folder / IMAGES).iterdir():
        path.unlink()
    frames = Coco(folder).frames()
    content = write_image(folder, "3.jpg", picture(3))
    assert frames[0].read() == content


def test_the_fingerprint_is_that_of_the_annotations(folder):
    path = folder / ANNOTATIONS
    before = Coco(folder).fingerprint
    assert Coco(folder).fingerprint == before
    assert len(before) == 16
    path.write_bytes(path.read_bytes() + b" ")
    assert Coco(folder).fingerprint != before


def test_fingerprint_and_frames_are_of_one_reading_of_the_file(folder):
    dataset = Coco(folder)
    before = dataset.fingerprint
    annotate(folder, {"images": [], "annotations": []})
    assert len(dataset.frames()) == 3
    assert dataset.fingerprint == before


def test_the_data_option_opens_it(folder, monkeypatch):
    assert open_dataset(f"coco:{folder}") == Coco(folder)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert open_dataset(f"coco:~/{folder.name}").frames()
    assert open_dataset("sample") == Sample()


@pytest.mark.parametrize("text", ["coco:", "imagenet", "", "sample:3", "/data/coco"])
def test_any_other_data_is_refused_with_the_choices(text):
    with pytest.raises(UsageError, match=r"no data set. Expected sample .* or coco:DIR"):
        open_dataset(text)


# --- images -------------------------------------------------------------------------------------


def test_a_grey_jpeg_becomes_three_equal_channels(folder):
    grey = picture()[..., 0].copy()
    write_image(folder, "grey.jpg", grey)
    pixels = pixels_of(only_frame(folder, "grey.jpg"))
    assert pixels.shape == (48, 64, 3)
    np.testing.assert_array_equal(pixels, pixels[..., :1].repeat(3, -1))
    assert np.abs(pixels[..., 0].astype(int) - grey).mean() < 8, "it is the same picture"


def test_a_png_with_transparency_and_the_name_of_a_jpeg_loses_only_its_alpha(folder):
    four = np.concatenate([picture(), picture(1)[..., :1]], -1)
    write_image(folder, "photo.jpg", four, ".png")
    np.testing.assert_array_equal(pixels_of(only_frame(folder, "photo.jpg")), four[..., :3])


def rotated_by_exif(jpeg):
    """Return the JPEG with an EXIF block that asks viewers for a quarter turn (orientation 6)."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_the_exif_orientation_is_not_applied(folder):
    plain = write_image(folder, "turned.jpg", picture())
    turned = rotated_by_exif(plain)
    viewed = cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)
    assert viewed.shape == (64, 48, 3), "OpenCV left to itself would turn it"
    (folder / IMAGES / "turned.jpg").write_bytes(turned)
    np.testing.assert_array_equal(
        pixels_of(only_frame(folder, "turned.jpg")), decode_bgr(plain, WH, "plain")
    )


@pytest.mark.parametrize("kept", [0.95, 0.5, 0.1])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_an_image_that_was_cut_off_is_a_frame_error(folder, kind, kept):
    content = write_image(folder, f"cut.{kind}", goldens.image(0, 480, 640), f".{kind}")
    size = int(len(content) * kept)
    (folder / IMAGES / f"cut.{kind}").write_bytes(content[:size])
    with pytest.raises(FrameError, match=rf"cut\.{kind}.*cut off after {size} bytes.*Download"):
        only_frame(folder, f"cut.{kind}", (640, 480)).read()


FIRST_CHUNK = 33
"""Offset of the first chunk after the header of a PNG."""


@pytest.mark.parametrize("length", [2**32 - 1, 2**31 - 1, 20_000])
@pytest.mark.parametrize("kind", [b"IDAT", b"tEXt"])
def test_a_png_whose_chunk_is_longer_than_the_file_is_not_given_to_opencv(folder, length, kind):
    """OpenCV first allocates memory of that length: 4 GB for a file of 1 kB."""
    content = write_image(folder, "long.png", picture(), ".png")
    assert len(content) < 20_000
    chunk = struct.pack(">I", length) + kind
    content = content[:FIRST_CHUNK] + chunk + content[FIRST_CHUNK + 8 :]
    (folder / IMAGES / "long.png").write_bytes(content)
    with pytest.raises(FrameError, match=rf"long\.png.*PNG.*cut off after {len(content)} bytes"):
        only_frame(folder, "long.png").read()


def test_a_png_with_something_after_its_end_is_read(folder):
    content = write_image(folder, "tail.png", picture(), ".png")
    (folder / IMAGES / "tail.png").write_bytes(content + b"\xff" * 100)
    np.testing.assert_array_equal(pixels_of(only_frame(folder, "tail.png")), picture())


def test_a_jpeg_with_something_after_its_end_is_read(folder):
    content = write_image(folder, "tail.jpg", picture())
    (folder / IMAGES / "tail.jpg").write_bytes(content + b"\0" * 100)
    assert pixels_of(only_frame(folder, "tail.jpg")).shape == (48, 64, 3)


def test_a_jpeg_with_a_second_picture_behind_it_is_read(folder):
    content = write_image(folder, "tail.jpg", picture())
    (folder / IMAGES / "tail.jpg").write_bytes(content + b"\0" * 2000)
    frame = only_frame(folder, "tail.jpg")
    np.testing.assert_array_equal(pixels_of(frame), decode_bgr(content, WH, "plain"))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture(folder):
    thumbnail = cv2.imencode(".jpg", picture()[:8, :8])[1].tobytes()
    content = write_image(folder, "cut.jpg", goldens.image(0, 480, 640))
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = content[:2] + segment + content[2:]
    path = folder / IMAGES / "cut.jpg"
    path.write_bytes(whole)
    assert pixels_of(only_frame(folder, "cut.jpg", (640, 480))).shape == (480, 640, 3)
    path.write_bytes(whole[:-5000])
    with pytest.raises(FrameError, match=r"cut off"):
        only_frame(folder, "cut.jpg", (640, 480)).read()


def test_a_16_bit_png_becomes_8_bit(folder):
    deep = picture().astype(np.uint16) * 257
    write_image(folder, "deep.png", deep, ".png")
    pixels = pixels_of(only_frame(folder, "deep.png"))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, picture())


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "endless name"])
def test_what_is_no_file_is_a_frame_error(folder, kind):
    name = "x" * 5000 if kind == "endless name" else "odd.jpg"
    path = folder / IMAGES / name
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(FrameError, match=r"(regular file|too long)"):
        only_frame(folder, name).read()


def test_a_missing_image_is_a_frame_error(folder):
    with pytest.raises(FrameError, match=r"gone\.jpg.*No such file.*Download it"):
        only_frame(folder, "gone.jpg").read()


PNG, PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", PNG + PNG_END])
def test_what_is_no_image_is_a_frame_error(folder, content):
    (folder / IMAGES / "odd.jpg").write_bytes(content)
    with pytest.raises(FrameError, match=rf"odd\.jpg.*{len(content)} bytes.*fetch it again"):
        pixels_of(only_frame(folder, "odd.jpg"))


def test_an_image_of_another_size_is_a_frame_error(folder):
    write_image(folder, "small.jpg", picture())
    with pytest.raises(FrameError, match=r"small\.jpg.*640x480.*64x48.*use the original"):
        pixels_of(only_frame(folder, "small.jpg", (640, 480)))


def png_without_pixels(side):
    """Return the beginning and the end of a PNG of side x side pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return PNG + b"\0\0\0\r" + head + struct.pack(">I", zlib.crc32(head)) + PNG_END


def test_the_size_in_the_header_is_compared_before_anything_is_decoded(folder):
    (folder / IMAGES / "bomb.jpg").write_bytes(png_without_pixels(32767))
    with pytest.raises(FrameError, match=r"bomb\.jpg.*64x48 pixels, the image has 32767x32767"):
        pixels_of(only_frame(folder, "bomb.jpg"))
    jpeg = bytearray(write_image(folder, "said.jpg", picture()))
    at = jpeg.find(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65000, 65000)
    (folder / IMAGES / "said.jpg").write_bytes(jpeg)
    with pytest.raises(FrameError, match=r"the image has 65000x65000"):
        pixels_of(only_frame(folder, "said.jpg"))


def test_more_pixels_than_the_limit_are_a_frame_error_even_if_annotated(folder):
    (folder / IMAGES / "vast.png").write_bytes(png_without_pixels(30000))
    with pytest.raises(FrameError, match=r"30000x30000 pixels, above the limit of 67108864"):
        pixels_of(only_frame(folder, "vast.png", (30000, 30000)))


# --- annotations --------------------------------------------------------------------------------


def test_missing_annotations_show_the_expected_layout(tmp_path):
    for use in (Coco.frames, lambda dataset: dataset.fingerprint):
        with pytest.raises(DataError, match=rf"{ANNOTATIONS}: the ann.*{IMAGES}/.*sample"):
            use(Coco(tmp_path / "nowhere"))


@pytest.mark.parametrize("content", ["", "{", '{"images": [', "\x00\x01"])
def test_what_is_no_json_is_a_data_error(folder, content):
    annotate(folder, content)
    with pytest.raises(DataError, match=rf"{ANNOTATIONS}: expected JSON.*download it again"):
        Coco(folder).frames()


@pytest.mark.parametrize("content", [{}, [], 3, {"images": []}, {"annotations": []}], ids=repr)
def test_json_that_is_not_coco_is_a_data_error(folder, content):
    annotate(folder, content)
    with pytest.raises(DataError, match=rf"{ANNOTATIONS}: expected COCO annotations"):
        Coco(folder).frames()


def without(fields, name):
    return {k: v for k, v in fields.items() if k != name}


MISFITS = {
    "16 key points": person(1, keypoints=[1.0] * 48),
    "key points without visibility": person(1, keypoints=[1.0] * 34),
    "no key points": without(person(1), "keypoints"),
    "key points of text": person(1, keypoints=["a"] * 51),
    "null key points": person(1, keypoints=None),
    "a box of three": person(1, bbox=[1, 2, 3]),
    "a negative area": person(1, area=-1),
    "an area of text": person(1, area="500"),
    "an infinite area": person(1, area=1e300),
    "a box beyond all images": person(1, bbox=[0, 0, 1e9, 5]),
    "visibility of 3": person(1, keypoints=[10, 20, 3, *[0] * 48]),
    "a crowd of 2": person(1, iscrowd=2),
    "an image id with a fraction": person(1.5),
    "null": None,
    "no image": without(person(1), "image_id"),
    "no object": 5,
}


@pytest.mark.parametrize("misfit", MISFITS.values(), ids=MISFITS)
def test_a_person_that_does_not_fit_is_a_data_error(folder, misfit):
    annotate(folder, {"images": [image(1)], "annotations": [person(1), misfit]})
    with pytest.raises(DataError, match=rf"{ANNOTATIONS}: expected COCO person key points \(17"):
        Coco(folder).frames()


@pytest.mark.parametrize("name", ["id", "file_name", "width", "height"])
def test_an_image_without_its_facts_is_a_data_error(folder, name):
    annotate(folder, {"images": [without(image(1), name)], "annotations": []})
    with pytest.raises(DataError, match=name):
        Coco(folder).frames()


def test_lists_that_are_null_are_a_data_error(folder):
    annotate(folder, {"images": None, "annotations": None})
    with pytest.raises(DataError, match="does not fit"):
        Coco(folder).frames()


def refused(folder, images, annotations, match):
    annotate(folder, {"images": images, "annotations": annotations})
    with pytest.raises(DataError, match=match):
        Coco(folder).frames()


def test_people_of_images_that_are_not_listed_are_refused_with_their_number(folder):
    lost = [person(1), person("1"), person("1", area=3.0)]
    refused(folder, [image(1)], lost, r"2 annotations name images that are not listed.*as text")
    lost = [person(1), person(9)]
    refused(folder, [image(1)], lost, r"1 annotation names an image that is not listed.*id is 9\.")


@pytest.mark.parametrize("bad", ["000000000001", "1", 1.5, 2.0**60])
def test_an_image_id_that_is_no_whole_number_is_refused_naming_the_entry(folder, bad):
    refused(folder, [image(2), image(1) | {"id": bad}], [], r"images\[1\] is .*whole number")


def test_numbers_written_otherwise_are_what_they_mean(folder):
    one = image(1.0) | {"width": "64", "height": 48.0, "file_name": "3.jpg"}
    annotate(folder, {"images": [one], "annotations": [person(1.0, category_id=1.0)]})
    (frame,) = Coco(folder).frames()
    assert (frame.image_id, frame.size_wh, len(frame.truth)) == (1, WH, 1)
    assert type(frame.image_id) is int
    assert Coco(folder).notes == ()


@pytest.mark.parametrize("side", [0, -640, 640.5, "", "6e2", "²", 10**7, "٣"])
def test_a_size_that_is_none_is_refused(folder, side):
    refused(folder, [image(1) | {"width": side}], [], r"images\[0\] is .*width and height must be")


def test_an_image_listed_twice_is_refused_naming_its_id(folder):
    again = image(7, "another.jpg")
    refused(folder, [image(3), image(7), again], [], r"images\[2\] is .*id 7 is listed twice")


def test_an_annotation_listed_twice_is_refused(folder):
    refused(folder, [image(1)], [person(1), person(1)], r"annotations\[1\] .*annotations\[0\] is")


@pytest.mark.parametrize("name", ["../3.jpg", "a/../../3.jpg", "/dev/zero", "", ".", "3.jpg\0"])
def test_a_path_that_leaves_the_folder_is_refused(folder, name):
    entry = image(1) | {"file_name": name}
    refused(folder, [entry], [], r"images\[0\] is .*inside val2017")


def test_a_list_without_images_is_refused(folder):
    refused(folder, [], [], "lists no image")


def test_nested_brackets_are_refused(folder):
    annotate(folder, '{"images": [], "annotations": [], "x": ' + "[" * 100_000)
    with pytest.raises(DataError, match="nested too deeply"):
        Coco(folder).frames()


def test_a_byte_order_mark_is_no_damage(folder):
    path = folder / ANNOTATIONS
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(Coco(folder).frames()) == 3


def test_annotations_that_are_no_file_are_not_read(folder):
    (folder / ANNOTATIONS).unlink()
    (folder / ANNOTATIONS).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="no regular file"):
        Coco(folder).frames()


# --- what is filled in or left out --------------------------------------------------------------


def noted(folder, people, **more):
    annotate(folder, {"images": [image(1), image(2)], "annotations": people} | more)
    dataset = Coco(folder)
    return dataset.frames()[0].truth, dataset.notes


def test_a_whole_copy_has_no_notes(folder):
    assert Coco(folder).notes == ()


def test_annotations_of_other_categories_are_left_out_and_counted(folder):
    dog = {"id": 9, "image_id": 1, "category_id": 18, "bbox": [5, 5, 50, 50]}
    truth, notes = noted(folder, [person(1), dog])
    assert len(truth) == 1
    assert notes == ("1 annotation of 2 of another category: left out",)


def test_the_person_category_is_the_one_of_that_name(folder):
    kinds = [{"id": 1, "name": "dog"}, {"id": 7, "name": "person"}]
    truth, notes = noted(folder, [person(1, category_id=7), person(1)], categories=kinds)
    assert (len(truth), len(notes)) == (1, 1)
    truth, _ = noted(folder, [person(1, category_id=0)], categories=[{"id": 0, "name": "worker"}])
    assert len(truth) == 1


def test_annotations_without_people_are_refused(folder):
    refused(
        folder,
        [image(1)],
        [person(1, category_id=0)],
        r"no annotation of category 1 \(person\) among 1",
    )


def test_a_missing_area_is_a_share_of_the_box_and_noted(folder):
    people = [person(1), without(person(1), "area"), person(1, area=None, bbox=[0, 0, -3, 9])]
    truth, notes = noted(folder, people)
    np.testing.assert_allclose(truth.areas, [500.5, 0.53 * 30 * 40, 0])
    assert notes[0] == "2 people have no area: taken as 0.53 of the box's"


def test_a_missing_crowd_flag_is_no_crowd_and_noted(folder):
    truth, notes = noted(folder, [without(person(1), "iscrowd"), person(1, iscrowd=True)])
    assert truth.is_crowd.tolist() == [False, True]
    assert "1 person has no iscrowd: taken as 0" in notes


def test_people_of_area_0_are_noted(folder):
    people = [
        person(1),
        person(1, area=0),
        person(1, area=0, iscrowd=1),
        person(1, area=0, keypoints=[0] * 51),
    ]
    _, notes = noted(folder, people)
    assert notes[0] == "1 person has area 0: no ground-truth box is made, and no pose can match"


def test_people_who_all_have_area_0_are_refused(folder):
    nobody = person(1, keypoints=[0] * 51)
    both = [person(1, area=0), person(2, area=0), nobody]
    remedy = r"Leave 'area' out; it is taken as 0\.53 of the box's area then\.$"
    refused(folder, [image(1), image(2)], both, rf"2 people .* all have area 0.*\. {remedy}")
    _, notes = noted(folder, [nobody])
    assert notes == ()


def test_ids_and_files_of_another_are_noted(folder):
    annotate(
        folder,
        {
            "images": [image(1, "a.jpg"), image(2, "a.jpg")],
            "annotations": [person(1, id=5), person(2, id=5)],
        },
    )
    assert Coco(folder).notes == (
        "1 annotation has the id of another: all are kept",
        "1 image has the file of another: all are kept",
    )


@pytest.mark.parametrize(("most", "place"), [(2, "images"), (3, "annotations")])
def test_the_entries_of_a_file_are_limited(folder, monkeypatch, most, place):
    content = json.loads((folder / ANNOTATIONS).read_text(encoding="utf-8"))
    annotate(folder, content | {"annotations": [*content["annotations"], person(5, id=9)]})
    monkeypatch.setattr(coco, "MOST_ENTRIES", most)
    with pytest.raises(DataError, match=f"{place} has {most + 1} entries, more than {most}"):
        Coco(folder).frames()
    monkeypatch.setattr(coco, "MOST_ENTRIES", 4)
    assert len(Coco(folder).frames()) == 3
