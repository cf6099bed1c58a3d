"""Reading, checking and importing checkpoints."""

import errno
import os
import pickle
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

import goldens
import posemark
from posemark import weights
from posemark.core.checkpoint_names import NETWORK_SUFFIXES
from posemark.core.errors import CheckpointError, UsageError
from posemark.core.spec import Weights
from posemark.models import spec_of
from posemark.nn import formula
from posemark.runtimes.registry import formats
from posemark.weights import cache as cache_module

HRNET, LITE = "hrnet-w32-256x192", "wider-naive-litehrnet-18-256x192"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def states():
    """Return state dicts with formula weights, for one network per family."""
    found = {}
    for name in (HRNET, LITE):
        network = posemark.network(name)
        formula.initialise(network)
        found[name] = network.state_dict()
    return found


def renamed(state, rename):
    return {rename(k): v for k, v in state.items()}


def mmpose_hrnet(head):
    return lambda k: f"{head}.{k}" if k.startswith("final_layer") else f"backbone.{k}"


LAYOUTS = {
    "plain": (HRNET, lambda s: s),
    "module.": (HRNET, lambda s: renamed(s, "module.{}".format)),
    "nested": (HRNET, lambda s: {"epoch": 3, "state_dict": s}),
    "nested module.": (HRNET, lambda s: {"state_dict": renamed(s, "module.{}".format)}),
    "mmpose 0.x": (
        HRNET,
        lambda s: {"meta": {}, "state_dict": renamed(s, mmpose_hrnet("keypoint_head"))},
    ),
    "mmpose 1.x": (HRNET, lambda s: {"meta": {}, "state_dict": renamed(s, mmpose_hrnet("head"))}),
    "lite official": (LITE, lambda s: {"state_dict": s}),
    "lite mmpose 1.x": (
        LITE,
        lambda s: {"state_dict": renamed(s, lambda k: k.replace("keypoint_head.", "head."))},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_known_layouts_load_strictly(layout, states, tmp_path):
    name, wrap = LAYOUTS[layout]
    path = tmp_path / "weights.pth"
    torch.save(wrap(states[name]), path)
    network = posemark.network(name)
    weights.load_into(network, path)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensor, states[name][key])


def test_safetensors_load(states, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(states[LITE], path)
    weights.load_into(posemark.network(LITE), path)


def test_missing_extra_and_misshapen_keys_are_listed(states, tmp_path):
    state = dict(states[HRNET])
    del state["bn1.weight"]
    state["surprise"] = torch.zeros(1)
    state["conv1.weight"] = torch.zeros(64, 3, 7, 7)
    path = tmp_path / "wrong.pth"
    torch.save(state, path)
    with pytest.raises(CheckpointError) as error:
        weights.load_into(posemark.network(HRNET), path)
    text = str(error.value)
    assert "wrong.pth" in text
    assert "1 missing: bn1.weight" in text
    assert "1 unexpected: surprise" in text
    assert "conv1.weight (expected (64, 3, 3, 3), got (64, 3, 7, 7))" in text


def test_weights_of_another_network_are_refused(states, tmp_path):
    path = tmp_path / "lite.pth"
    torch.save(states[LITE], path)
    with pytest.raises(CheckpointError, match="for another network") as error:
        weights.load_into(posemark.network(HRNET), path)
    said = str(error.value).removeprefix(str(path))
    assert len(said) <= 400, "a reader wants the first differences, not all"
    wanted = posemark.network(HRNET).state_dict()
    assert f"Expected its {len(wanted):,} tensors; " in said
    assert re.search(r"[\d,]+ missing: [\w.]+ and [\d,]+ more; [\d,]+ unexpected: ", said)
    assert "`posemark weights list` shows which file belongs to which model." in said


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def read(path):
    """Load the content of a file for a network of one tensor."""
    return weights.load_fitting(path, {"w": torch.zeros(2)}, "one")


def test_a_pickle_that_wants_to_execute_is_not_executed(tmp_path):
    path = tmp_path / "bomb.pth"
    torch.save({"state_dict": Bomb()}, path)
    with pytest.raises(CheckpointError, match="state_dict \\(__builtin__.exec\\) without one"):
        read(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="found builtins.exec without one"):
        read(path)
    torch.save({"state_dict": {"w": torch.ones(2)}, "hook": Bomb()}, path)
    assert read(path)["w"].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x.pth.tar"])
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_damaged_files_are_explained(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=name):
        read(path)


def test_a_file_without_tensors_is_explained(tmp_path):
    path = tmp_path / "list.pth"
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="found a list"):
        read(path)
    with pytest.raises(CheckpointError, match="no such weights file"):
        read(tmp_path / "absent.pth")


@pytest.mark.parametrize("name", ["net.onnx", "net.XML", "net.tflite"])
def test_an_exported_network_is_no_checkpoint_and_needs_a_card(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"anything")
    with pytest.raises(CheckpointError, match=f"{name}: .* exported network. .* card.toml"):
        read(path)


def test_the_files_of_exported_networks_are_those_that_runtimes_declare():
    """Weights must not import runtimes, so the suffixes are written down again for them."""
    assert {*NETWORK_SUFFIXES} == {*formats()}


def test_import_then_resolve_by_tag(states, tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(states[LITE], path)
    spec = spec_of(LITE)
    stored = weights.import_file(path, spec, "mine")
    found = weights.resolve(spec, "mine")
    assert found == stored
    assert found.sha256 == weights.sha256_of(path)
    found.path.write_bytes(b"changed")
    with pytest.raises(CheckpointError, match="changed since"):
        weights.resolve(spec, "mine")


def test_import_refuses_another_file_under_a_registered_tag(states, tmp_path):
    path = tmp_path / "not-tinypose.safetensors"
    save_file(states[LITE], path)
    with pytest.raises(CheckpointError, match="expected SHA-256 ed784462"):
        weights.import_file(path, spec_of(LITE), "tinypose")
    assert weights.cached(spec_of(LITE), "tinypose") is None


@pytest.mark.parametrize("tag", ["none", "", "../up", "a b"])
def test_tags_cannot_leave_the_cache(tag, tmp_path):
    with pytest.raises(UsageError, match="cannot be a tag"):
        weights.import_file(tmp_path / "x.pth", spec_of(LITE), tag)


def test_a_tag_that_is_not_here_says_how_to_get_it():
    with pytest.raises(CheckpointError, match="weights fetch hrnet-w32-256x192.mmpose"):
        weights.resolve(spec_of(HRNET), "mmpose")
    with pytest.raises(CheckpointError, match="weights fetch hrnet-w32-256x192.official"):
        weights.resolve(spec_of(HRNET), "official")
    with pytest.raises(CheckpointError, match=f"weights import FILE --as {LITE}.official"):
        weights.resolve(spec_of(LITE), "official")
    with pytest.raises(CheckpointError, match="Did you mean official"):
        weights.resolve(spec_of(HRNET), "officials")
    assert weights.resolve(spec_of(HRNET), "none") is None


def test_registered_weights_are_recognised_by_their_hash():
    path = goldens.shared("weights/tinypose_256x192_wider_naive_litehrnet18.safetensors")
    found = weights.resolve(spec_of(LITE), str(path))
    assert found.label == "tinypose"
    assert found.row.licence == "Apache-2.0 (upstream PaddleDetection)"


def test_a_rescorer_is_imported_checked_and_found(tmp_path):
    spec = spec_of("dekr-w32-512")
    assert weights.rescorer_of(spec) is None
    path = tmp_path / "rescore.pth"
    torch.save({k: torch.zeros(s) for k, s in spec.method.rescoring.shapes.items()}, path)
    weights.import_file(path, spec, "rescore")
    people = torch.rand(2, 17, 3).numpy()
    assert weights.rescorer_of(spec).rescored(people, people[:, 0, 2]).tolist() == [0, 0]
    torch.save({"l1.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="with another shape: l1.weight"):
        weights.import_file(path, spec, "rescore")
    assert weights.rescorer_of(spec_of(HRNET)) is None


def test_weights_of_another_network_are_refused_by_a_model_with_a_conversion(states, tmp_path):
    path = tmp_path / "lite.pth"
    torch.save({"state_dict": states[LITE]}, path)
    with pytest.raises(CheckpointError, match="another network than dekr-w32-512"):
        weights.resolve(spec_of("dekr-w32-512"), str(path))


# --- what --weights and the cache do --------------------------------------------------------------


@pytest.fixture
def lite(states, tmp_path):
    path = tmp_path / "UPPER.PTH"
    torch.save(states[LITE], path)
    return path


def test_paths_may_have_a_tilde_and_suffixes_capitals(lite, monkeypatch):
    monkeypatch.setenv("HOME", str(lite.parent))
    monkeypatch.chdir(lite.parent)
    spec = spec_of(LITE)
    for wanted in ("~/UPPER.PTH", "UPPER.PTH", str(lite)):
        assert weights.resolve(spec, wanted).sha256 == weights.sha256_of(lite)
    assert weights.import_file(lite, spec, "mine").path.name == f"{LITE}.mine.pth"
    with pytest.raises(CheckpointError, match="no such weights file"):
        weights.resolve(spec, "~nobody-of-this-name/x.pth")


def registered(digest):
    row = Weights("mirror", "w.pth", ("https://example.org/w.pth",), digest, None, "COCO")
    return replace(spec_of(LITE), weights=(row,))


@pytest.mark.parametrize("note", [None, "", "x", "[]", "{}", "null", '{"sha256": 3}', "\udcff"])
def test_a_damaged_note_is_replaced(lite, note):
    spec = spec_of(LITE)
    stored = weights.import_file(lite, spec, "mine")
    path = stored.path.with_name(stored.path.name + ".json")
    sound = path.read_bytes()
    path.unlink() if note is None else path.write_bytes(note.encode(errors="surrogateescape"))
    assert weights.resolve(spec, "mine") == stored
    assert stored.sha256.encode() in path.read_bytes()
    assert stored.sha256.encode() in sound


def test_a_file_that_is_not_the_registered_one_gets_no_new_note(lite):
    stored = weights.import_file(lite, registered(weights.sha256_of(lite)), "mirror")
    stored.path.with_name(stored.path.name + ".json").unlink()
    assert weights.cached(registered("00000000"), "mirror") is None
    assert weights.cached(registered(stored.sha256), "mirror") == stored


def test_a_full_disk_keeps_the_old_copy(lite, monkeypatch):
    spec = spec_of(LITE)
    stored = weights.import_file(lite, spec, "mine")
    before = {p.name: p.read_bytes() for p in stored.path.parent.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache_module.os, "fsync", full)
    with pytest.raises(UsageError, match="No space left.*is unchanged"):
        weights.import_file(lite, spec, "mine")
    assert {p.name: p.read_bytes() for p in stored.path.parent.iterdir()} == before
    assert weights.resolve(spec, "mine") == stored


def test_an_import_replaces_a_link_and_leaves_what_it_points_to(lite, tmp_path):
    spec = spec_of(LITE)
    stored = weights.import_file(lite, spec, "mine")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (stored.path.name, stored.path.name + ".part"):
        link = stored.path.with_name(name)
        link.unlink(missing_ok=True)
        link.symlink_to(victim)
    weights.import_file(lite, spec, "mine")
    assert victim.read_text() == "mine"
    assert weights.resolve(spec, "mine") == stored


def test_a_cache_that_cannot_be_made_is_one_paragraph(lite, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot create.*POSEMARK_CACHE"):
        weights.import_file(lite, spec_of(LITE), "mine")


def test_an_import_replaces_one_with_another_suffix(lite, states, tmp_path):
    spec = spec_of(LITE)
    weights.import_file(lite, spec, "mine")
    other = tmp_path / "w.safetensors"
    save_file(states[LITE], other)
    stored = weights.import_file(other, spec, "mine")
    assert weights.resolve(spec, "mine") == stored
    assert len(list(stored.path.parent.iterdir())) == 2  # the file and its note
