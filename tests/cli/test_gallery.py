"""`posemark report --gallery` as people use it: what is written, and what is explained."""

import pytest
from typer.testing import CliRunner

import made_gallery
from posemark import cli
from posemark.core.errors import DataError, UsageError
from posemark.datasets.coco import ANNOTATIONS


@pytest.fixture
def made(tmp_path):
    found = made_gallery.made(tmp_path)
    found.record("good@gt")
    return found


def say(*words):
    result = CliRunner().invoke(cli.app, ["report", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_the_gallery_is_written_beside_the_page(made, tmp_path):
    page = tmp_path / "out" / "report.html"
    said = say(made.runs, "-o", page, "--gallery", 2)
    gallery = page.with_name("gallery.html")
    assert said.splitlines() == [f"wrote {gallery}", f"wrote {page}"]
    assert "Where good@gt does worst" in gallery.read_text("utf-8")


def test_the_page_and_the_gallery_have_links_to_each_other(made, tmp_path):
    page, other = tmp_path / "my report.html", tmp_path / "other.html"
    say(made.runs, "-o", page, "-o", other, "--gallery", 1)
    assert '<a href="gallery.html">' in page.read_text("utf-8")
    assert '<a href="my%20report.html">' in page.with_name("gallery.html").read_text("utf-8")
    assert "gallery.html" not in other.read_text("utf-8")


def test_the_page_is_written_although_the_images_are_gone(made, tmp_path):
    (made.data / ANNOTATIONS).unlink()
    page = tmp_path / "report.html"
    with pytest.raises(DataError, match="the images of coco:.* cannot be shown"):
        say(made.runs, "-o", page, "--gallery", 2)
    assert "gallery.html" not in page.read_text("utf-8")
    assert not page.with_name("gallery.html").exists()


def test_entries_that_are_left_out_are_said(made, tmp_path):
    made.record("formula@gt", lambda frame, poses: None)
    said = say(made.runs, "-o", tmp_path / "report.html", "--gallery", 1)
    assert "formula@gt: not in the gallery, because" in said


@pytest.mark.parametrize("outputs", [[], ["-o", "chart.svg"]])
def test_a_gallery_needs_a_page(outputs, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"Add -o report\.html"):
        say(made.runs, *outputs, "--gallery", 2)
    assert not list(tmp_path.glob("*.svg"))


def test_a_gallery_does_not_replace_the_page(made, tmp_path):
    with pytest.raises(UsageError, match="another name"):
        say(made.runs, "-o", tmp_path / "gallery.html", "--gallery", 2)
    assert not list(tmp_path.glob("*.html"))


@pytest.mark.parametrize("count", ["0", "-1", "101", "many"])
def test_the_number_of_frames_is_checked(count, made, tmp_path):
    with pytest.raises(UsageError, match="--gallery: expected a whole number from 1 to 100"):
        say(made.runs, "-o", tmp_path / "report.html", "--gallery", count)
