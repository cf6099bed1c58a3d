"""Fetching registered checkpoints: from a real server on this machine, into the cache."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from https_server import slow, status, whole
from posemark import weights
from posemark.core.errors import CheckpointError, DownloadError, UsageError
from posemark.core.places import user_cache
from posemark.core.spec import Weights
from posemark.downloads import notes
from posemark.models import spec_of
from posemark.weights import cache as cache_module
from posemark.weights import download

pytestmark = pytest.mark.enable_socket

LITE = "wider-naive-litehrnet-18-256x192"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Write a checkpoint of the tiny network that replaces a model's in these tests."""
    path = tmp_path_factory.mktemp("made") / "w.pth"
    torch.save(network().state_dict(), path)
    return path


def network():
    return torch.nn.Conv2d(3, 17, 3)


@pytest.fixture
def spec(server, file):
    """Return a model with one row of weights, whose file is on the server."""
    url = server.serve("w.pth", whole(file.read_bytes()))
    digest = weights.sha256_of(file)
    return registered(url, sha256=digest, size=file.stat().st_size)


def registered(*urls, **facts):
    row = Weights("mirror", "w.pth", urls, None, None, "COCO")
    return replace(spec_of(LITE), build=network, weights=(replace(row, **facts),))


def changed(spec, **facts):
    return replace(spec, weights=(replace(spec.weights[0], **facts),))


def test_a_checkpoint_is_fetched_imported_and_nothing_else_is_left(spec, file, server):
    stored = weights.fetch(spec, "mirror")
    assert stored.path.read_bytes() == file.read_bytes()
    assert weights.resolve(spec, "mirror") == stored
    note = json.loads(stored.path.with_name(stored.path.name + ".json").read_text())
    assert note["file"] == "w.pth"
    left = [p.name for p in (user_cache() / "downloads").rglob("*") if p.suffix != ".lock"]
    assert left == []
    assert weights.fetch(spec, "mirror") == stored
    assert server.asked("w.pth") == [""]


def test_a_cached_file_that_changed_is_downloaded_again(spec, server):
    stored = weights.fetch(spec, "mirror")
    stored.path.write_bytes(b"changed")
    assert weights.fetch(spec, "mirror") == stored
    assert weights.resolve(spec, "mirror") == stored
    assert len(server.asked("w.pth")) == 2


@pytest.mark.parametrize("facts", [{"sha256": "00000000"}, {"sha256": "0" * 64}, {"size": 3}])
def test_another_file_is_refused_before_anything_of_it_is_read(spec, facts, monkeypatch):
    monkeypatch.setattr(cache_module, "load_fitting", lambda *_: pytest.fail("read"))
    with pytest.raises(DownloadError, match="it is another file"):
        weights.fetch(changed(spec, **facts), "mirror")
    assert weights.cached(spec, "mirror") is None


def test_the_beginning_of_a_digest_is_enough_and_the_rest_is_noted(spec, file):
    digest = weights.sha256_of(file)
    loose = changed(spec, sha256=digest[:8], size=None)
    weights.fetch(loose, "mirror")
    assert notes.first_digest(f"{LITE}.mirror") == digest


def test_an_unpinned_file_is_held_to_its_first_fetch(spec, file, server):
    loose = changed(spec, sha256=None, size=None)
    stored = weights.fetch(loose, "mirror")
    stored.path.unlink()
    server.serve("w.pth", whole(file.read_bytes() + b"\0"))
    with pytest.raises(
        DownloadError, match="another file than at its first fetch.*delete the note"
    ):
        weights.fetch(loose, "mirror")
    server.serve("w.pth", whole(file.read_bytes()))
    assert weights.fetch(loose, "mirror") == stored


def test_a_file_for_another_network_leaves_nothing_behind(spec, file, server, tmp_path):
    other = tmp_path / "other.pth"
    torch.save({"w": torch.zeros(3)}, other)
    server.serve("w.pth", whole(other.read_bytes()))
    with pytest.raises(CheckpointError, match="another network"):
        weights.fetch(changed(spec, sha256=None, size=None), "mirror")
    assert notes.first_digest(f"{LITE}.mirror") is None
    server.serve("w.pth", whole(file.read_bytes()))
    assert weights.fetch(changed(spec, sha256=None, size=None), "mirror").path.is_file()


def test_two_who_want_the_same_checkpoint_fetch_it_once(spec, file, server):
    server.serve("w.pth", slow(file.read_bytes(), seconds=0.5))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: weights.fetch(spec, "mirror"), range(2))
    assert first == second
    assert server.asked("w.pth") == [""]


def test_the_next_mirror_is_used(spec, server):
    dead = server.serve("gone", status(404))
    both = changed(spec, urls=(dead, *spec.weights[0].urls))
    assert weights.fetch(both, "mirror").path.is_file()


def test_what_has_no_address_says_where_it_is_to_be_had(server):
    with pytest.raises(CheckpointError, match="drive.google.com.*weights import FILE --as higher"):
        weights.fetch(spec_of("higherhrnet-w32-512"), "official")
    with pytest.raises(CheckpointError, match="no such weights"):
        weights.fetch(spec_of(LITE), "nothing")


def test_non_commercial_terms_are_accepted_once_by_name(spec, server):
    terms = changed(spec, licence="Somebody's NON-COMMERCIAL terms")
    name = weights.terms_of(terms)
    with pytest.raises(UsageError, match=f"NON-COMMERCIAL terms.*--accept-licence {name}"):
        weights.fetch(terms, "mirror")
    assert server.log == []
    notes.accept_named([name], weights.offered_terms([terms]))
    assert weights.fetch(terms, "mirror").path.is_file()
    changed_terms = changed(spec, licence="Other non-commercial terms")
    with pytest.raises(UsageError, match="Other non-commercial terms"):
        download.require_accepted(changed_terms, changed_terms.weights[0])


def test_a_name_without_terms_cannot_be_accepted(spec):
    with pytest.raises(UsageError, match="--accept-licence cmu.*Expected openpose"):
        notes.accept_named(["cmu"], {"openpose": "CMU non-commercial"})
    with pytest.raises(UsageError, match="No licence is asked for"):
        notes.accept_named(["cmu"], weights.offered_terms([spec]))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"openpose": 3}', "\udcff"])
def test_a_damaged_list_of_accepted_terms_accepts_nothing(server, content):
    notes.accept("openpose", "CMU non-commercial")
    assert notes.is_accepted("openpose", "CMU non-commercial")
    path = user_cache() / "licences.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert not notes.is_accepted("openpose", "CMU non-commercial")


def test_a_cache_that_cannot_be_written_is_one_paragraph(spec, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot create.*POSEMARK_CACHE"):
        weights.fetch(spec, "mirror")
    with pytest.raises(UsageError, match="cannot be written.*POSEMARK_CACHE"):
        notes.accept("openpose", "CMU non-commercial")
