"""The whole gallery: sections, captions, and images that are not there (any more)."""

import re
from dataclasses import replace
from html import unescape

import pytest

import made_gallery
import made_records
from made_gallery import scenes, without
from posemark.core.errors import DataError, RecordError
from posemark.datasets.coco import ANNOTATIONS, IMAGES
from posemark.gallery.make import gallery
from posemark.records import files
from posemark.records.schema import Source


@pytest.fixture
def made(tmp_path):
    return made_gallery.made(tmp_path)


def nobody(frame, poses):
    return without(poses, *range(len(poses)))


def nothing(frame, poses):
    return None


def titles(page):
    return [unescape(title) for title in re.findall(r"<h2>(.*?)</h2>", page)]


def figures(page):
    return re.findall(r"<figure>.*?</figure>", page, re.DOTALL)


def test_a_gallery_has_the_worst_frames_of_each_entry_and_their_differences(made):
    made.record("good@gt")
    made.record("bad@gt", nobody)
    found = gallery([made.runs], 2, "report.html")
    assert titles(found.html) == [
        "Where bad@gt does worst",
        "Where good@gt does worst",
        "Where good@gt and bad@gt differ most",
    ]
    assert len(figures(found.html)) == 6
    assert found.html.count('src="data:image/jpeg;base64,') == 2 + 2 + 4
    assert found.notes == []


def test_entries_with_equal_poses_have_no_difference_to_show(made):
    made.record("a@gt")
    made.record("b@gt")
    page = gallery([made.runs], 2, "report.html").html
    assert len(figures(page)) == 4
    assert "The entries have the same accuracy in all of " in page


def test_a_caption_has_the_entry_the_file_the_measure_and_what_went_wrong(made):
    made.record("bad@gt", nobody)
    (figure,) = figures(gallery([made.runs], 1, "report.html").html)
    names = [frame.name for frame in scenes()]
    assert any(f"<b>{name}</b>" in figure for name in names)
    assert "bad@gt: <b>mean OKS 0.00</b>" in figure
    assert "missed" in figure
    assert 'alt="' in figure


def test_entries_without_poses_are_left_out_with_a_reason(made):
    made.record("good@gt")
    made.record("formula@gt", nothing)
    found = gallery([made.runs], 1, "report.html")
    assert titles(found.html) == ["Where good@gt does worst"]
    (note,) = found.notes
    assert note.startswith("formula@gt: not in the gallery, because ")
    assert "trained weights" in note
    assert note in unescape(found.html)


def test_no_entry_with_poses_is_an_error(made):
    made.record("formula@gt", nothing)
    with pytest.raises(DataError, match=r"formula@gt: not in the gallery, .* trained weights"):
        gallery([made.runs], 1, "report.html")


def test_a_data_set_that_is_gone_is_an_error_that_says_once_what_to_do(made):
    made.record("good@gt")
    made.record("other@gt")
    (made.data / ANNOTATIONS).unlink()
    said = r"^good@gt, other@gt: not in the gallery, because the images of coco:.* put it back"
    with pytest.raises(DataError, match=said) as raised:
        gallery([made.runs], 1, "report.html")
    assert str(raised.value).count("put it back") == 1


def test_a_data_set_that_has_changed_is_not_shown(made):
    made.record("good@gt")
    with (made.data / ANNOTATIONS).open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(DataError, match="the annotations have changed since the run"):
        gallery([made.runs], 1, "report.html")


def test_a_data_set_is_found_where_another_record_of_the_same_data_names_it(made):
    path = made.record("here@gt")
    sha256 = files.read(path).header.data.sha256
    made.record("elsewhere@gt", data=Source("coco:/nowhere", sha256))
    found = gallery([made.runs], 1, "report.html")
    assert found.notes == []
    assert len(titles(found.html)) == 3


def test_an_image_that_cannot_be_read_is_said_in_its_place(made):
    made.record("bad@gt", nobody)
    for path in (made.data / IMAGES).iterdir():
        path.write_bytes(b"no image")
    page = gallery([made.runs], 1, "report.html").html
    assert 'class="none"' in page
    assert "data:image/jpeg" not in page
    assert "cannot be" in page or "expected" in page


def test_names_are_text_and_never_markup_or_control_characters(made):
    made.record("good@gt", letter="<b>\x1b[31m")
    page = gallery([made.runs], 1, "report.html").html
    assert "<b>\x1b" not in page
    assert "\x1b" not in page
    assert "&lt;b&gt;\\u001b[31m" in page


def test_records_that_cannot_be_read_are_left_out(made):
    made.record("good@gt")
    (made.runs / "broken.jsonl").write_text("{}\n", encoding="utf-8")
    assert titles(gallery([made.runs], 1, "report.html").html) == ["Where good@gt does worst"]


def test_a_record_with_images_of_other_data_is_left_out(made):
    other = [replace(scenes()[0], image_id=999), *scenes()[1:]]
    made.record("good@gt", frames=other, truth=other)
    with pytest.raises(DataError, match="has images that are not in coco:"):
        gallery([made.runs], 1, "report.html")


def test_no_record_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="no run records"):
        gallery([tmp_path], 1, "report.html")


def test_frames_that_failed_are_not_shown(made):
    head = files.read(made.record("good@gt")).header
    first, *others = scenes()
    lines = [made_records.FrameLine(first.image_id, error="it cannot be decoded")]
    for frame in others:
        poses = made_gallery.people_of(made_gallery.exact(frame))
        lines.append(made_records.frame(frame.image_id, 10_000_000, poses=poses))
    path = made.runs / "partly@gt.jsonl"
    made_records.written(path, head, lines)
    page = gallery([path], 100, "report.html").html
    assert f"<b>{others[0].name}</b>" in page
    assert f"<b>{first.name}</b>" not in page
