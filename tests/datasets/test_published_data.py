"""Downloading COCO and the papers' person boxes for `--data coco` and `--boxes papers`."""

import hashlib
from dataclasses import replace

import pytest

from https_server import cut, status, whole
from made_val2017 import ANNOTATIONS, BOXES, IMAGE, IMAGES, NAMES
from posemark.core.errors import DataError, DownloadError
from posemark.core.places import data_folder
from posemark.datasets import open_dataset, published_data
from posemark.datasets.boxes import open_boxes
from posemark.geometry.conventions import HRNET

pytestmark = pytest.mark.enable_socket


def served(server, data, content, **facts):
    """Return a registered file with this content, served by this server."""
    digest = hashlib.sha256(content).hexdigest()
    url = server.serve(data.file, whole(content))
    wanted = replace(data.wanted, urls=(url,), size=len(content), sha256=digest)
    return replace(data, wanted=wanted, **facts)


@pytest.fixture
def images(server):
    return served(server, published_data.VAL2017_IMAGES, IMAGES, count=len(NAMES))


@pytest.fixture
def truth(server):
    return served(server, published_data.VAL2017_ANNOTATIONS, ANNOTATIONS)


def test_coco_is_fetched_and_read_without_a_folder(images, truth, tmp_path, server):
    for data in (images, truth):
        assert not published_data.is_here(data)
        published_data.fetch(data)
        assert published_data.is_here(data)
    folder = tmp_path / "cache" / "data" / "coco"
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.*"))
    assert found == [published_data.ANNOTATIONS, *(f"val2017/{name}" for name in NAMES)]
    frames = open_dataset("coco").frames()
    assert [frame.read() for frame in frames] == [IMAGE] * 3
    left = [p for p in (data_folder() / "downloads").iterdir() if p.suffix != ".lock"]
    assert left == []
    published_data.fetch(images)
    assert server.asked(images.file) == [""]


def test_the_data_folder_is_the_users_choice(truth, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_DATA", str(tmp_path / "own"))
    published_data.fetch(truth)
    assert (tmp_path / "own" / "coco" / published_data.ANNOTATIONS).is_file()
    assert not (tmp_path / "cache" / "data").exists()
    monkeypatch.setenv("POSEMARK_DATA", "")
    assert data_folder() == tmp_path / "cache" / "data"


def test_an_interrupted_download_continues_and_then_unpacks(images, server):
    server.serve(images.file, cut(IMAGES, 600), whole(IMAGES))
    published_data.fetch(images)
    assert server.asked(images.file) == ["", "bytes=600-"]
    assert published_data.is_here(images)


def test_unpacking_that_was_stopped_needs_no_second_download(images, server, monkeypatch):
    class Stopping:
        def began(self, name, url, done, total):
            self.unpacking = not url

        def moved(self, count):
            if self.unpacking:
                raise KeyboardInterrupt

        def said(self, sentence):
            pass

    with pytest.raises(KeyboardInterrupt):
        published_data.fetch(images, Stopping())
    assert not published_data.is_here(images)
    published_data.fetch(images)
    assert published_data.is_here(images)
    assert server.asked(images.file) == [""]


def test_an_empty_image_does_not_count(images):
    published_data.fetch(images)
    path = published_data.coco_folder() / "val2017" / NAMES[0]
    path.write_bytes(b"")
    assert not published_data.is_here(images)
    published_data.fetch(images)
    assert path.read_bytes() == IMAGE


def test_the_boxes_of_the_papers_are_named_so(server, images, truth):
    boxes = served(server, published_data.PERSON_BOXES, BOXES)
    published_data.fetch(boxes)
    published_data.fetch(truth)
    assert published_data.is_here(boxes)
    frames = open_dataset("coco").frames()
    source = open_boxes("papers", HRNET, 0.0, "coco", frames)
    assert (source.label, source.kind) == ("papers", "detected")
    assert source.of(frames[0]).boxes_xywh.tolist() == [[1, 2, 30, 40]]
    published_data.boxes_there().write_bytes(b"[]")
    assert not published_data.is_here(boxes)


def test_what_was_not_fetched_says_how(server):
    with pytest.raises(DataError, match="posemark get coco-val2017.*coco:DIR"):
        open_dataset("coco")
    with pytest.raises(DataError, match="posemark get person-boxes.*file:F"):
        open_boxes("papers", HRNET, 0.0, "coco", [])


def test_a_failed_download_leaves_no_data(images, server):
    server.serve(images.file, status(404))
    with pytest.raises(DownloadError, match="coco-val2017.images: the download failed"):
        published_data.fetch(images)
    assert not published_data.coco_folder().exists()


def test_what_is_registered_is_whole():
    files = [each for group in published_data.DATA.values() for each in group]
    for data in files:
        assert data.wanted.whole_digest
        assert all(url.startswith("https://") for url in data.wanted.urls)
        assert all(url.endswith(f"/{data.file}") for url in data.wanted.urls)
        assert data.page
    assert [data.count for data in files] == [5000, 1, 1]
