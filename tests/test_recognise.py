"""Recognising the model of a file of weights from the file alone."""

from dataclasses import replace

import pytest
import torch

import goldens
import test_checkpoints
from made_weights import saved, state_of
from posemark import weights
from posemark.models import all_models, spec_of
from posemark.weights import recognise

HRNET, DARK, FPD = "hrnet-w32-256x192", "dark-w32-256x192", "fpd-w32-256x192"
LITE, TWO_ROWS = "naive-litehrnet-18-256x192", "wider-naive-litehrnet-18-256x192"
TINYPOSE = "weights/tinypose_256x192_wider_naive_litehrnet18.safetensors"
SPECS = list(all_models().values())


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))


def names(*paths, specs=SPECS, part=""):
    """Return the names that each file is imported as, or the reason why it is not."""
    return [each.names or each.why for each in weights.import_all(paths, specs, part)]


def unpinned(names_):
    """Return these models' registered checkpoints that only a file name could distinguish."""
    rows = [(name, row) for name in names_ for row in spec_of(name).weights]
    return [f"{n}.{w.tag}" for n, w in rows if not w.sha256 and w.tag != weights.RESCORE]


def test_tags_of_the_users_own_are_known_beside_the_registered_ones(tmp_path):
    path = saved(tmp_path / "any.pth", LITE)
    registered = next(row.tag for row in spec_of(LITE).weights if not row.sha256)
    for tag in ("mine", registered):
        weights.import_file(path, spec_of(LITE), tag)
    assert weights.own_tags(spec_of(LITE)) == ["mine"]
    assert weights.own_tags(spec_of(HRNET)) == []


# --- by digest ------------------------------------------------------------


def test_a_registered_digest_decides_whatever_the_file_is_called(tmp_path):
    path = tmp_path / "download.safetensors"
    path.write_bytes(goldens.shared(TINYPOSE).read_bytes())
    (outcome,) = weights.import_all([path], SPECS)
    assert (outcome.names, outcome.digest) == ((f"{TWO_ROWS}.tinypose",), recognise.KNOWN)
    assert weights.resolve(spec_of(TWO_ROWS), "tinypose").sha256 == weights.sha256_of(path)


def test_a_registered_beginning_of_a_digest_is_distinguished_from_a_whole_one(tmp_path):
    path = saved(tmp_path / "w.pth", LITE)
    (row,) = spec_of(LITE).weights
    pinned = replace(row, tag="pinned", sha256=weights.sha256_of(path)[:8])
    spec = replace(spec_of(LITE), weights=(row, pinned))
    (outcome,) = weights.import_all([path], [spec])
    assert (outcome.names, outcome.digest) == ((f"{LITE}.pinned",), recognise.PREFIX)


# --- by keys and shapes ------------------------------------------------------------


def sharing(spec):
    return [other.name for other in SPECS if other.build == spec.build]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_network_of_the_zoo_is_recognised_by_what_a_file_holds(spec, tmp_path):
    path = saved(tmp_path / "w.pth", spec.name)
    expected = unpinned(sharing(spec))
    (found,) = names(path)
    if len(expected) == 1:
        assert found == tuple(expected)
    elif expected:
        assert all(f" {name}" in found for name in expected)
        assert "posemark weights import FILE --as" in found
    else:
        assert "digest of this file differs from those of the registered checkpoints" in found


def test_a_file_of_a_rescorer_is_kept_for_every_model_that_has_it(tmp_path):
    path = saved(tmp_path / "w.pth", "dekr-w32-512", "rescore")
    assert names(path) == [("dekr-w32-512.rescore", "dekr-w48-640.rescore")]
    assert weights.rescorer_of(spec_of("dekr-w48-640")) is not None


def test_weights_of_another_program_are_named_with_what_comes_nearest(tmp_path):
    state = state_of(spec_of(LITE))
    state["keypoint_head.final_layer.weight"] = torch.zeros(133, 30, 1, 1)
    torch.save({"state_dict": state}, tmp_path / "w.pth")
    (why,) = names(tmp_path / "w.pth")
    assert (
        "w.pth: these weights fit no network that PoseMark has. The file holds: state_dict" in why
    )
    assert f"{LITE} comes nearest: 1 with another shape: keypoint_head.final_layer.weight" in why


def test_weights_that_resemble_nothing_are_not_compared_with_anything(tmp_path):
    torch.save({"lin.weight": torch.zeros(1, 64)}, tmp_path / "lpips.pth")
    (why,) = names(tmp_path / "lpips.pth")
    assert "The file holds: lin.weight (a tensor). If they belong to another program" in why
    assert "nearest" not in why


def test_of_several_sets_of_weights_one_is_chosen_by_its_part(tmp_path):
    both = {name: state_of(spec_of(LITE), value=value) for name, value in (("a", 0.0), ("b", 1.0))}
    torch.save(both, tmp_path / "w.pth")
    (why,) = names(tmp_path / "w.pth")
    assert "they differ: a and b" in why
    assert names(tmp_path / "w.pth", part="b") == [(f"{LITE}.official",)]


# --- by name ------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("pose_hrnet_w32_student_FPD.pth", FPD),
        ("Pose_HRNet_w32_student_fpd (1).pth", FPD),
        ("fpd-student.pth", FPD),
        ("hrnet_w32_dark.pth", DARK),
        ("DarkPose-w32.pth", DARK),
    ],
)
def test_models_of_one_network_are_distinguished_by_the_name_of_the_file(file, model, tmp_path):
    assert names(saved(tmp_path / file, HRNET)) == [(f"{model}.official",)]


@pytest.mark.parametrize("file", ["hrnet_w32.pth", "darker.pth", "w32.pth"])
def test_a_file_name_without_meaning_is_not_used_for_guesses(file, tmp_path):
    (why,) = names(saved(tmp_path / file, HRNET))
    assert f"{file}: it fits several checkpoints:" in why
    assert f"{DARK}.official, {FPD}.official" in why
    assert weights.cached(spec_of(FPD), "official") is None


def test_a_file_that_has_the_name_of_a_pinned_one_must_be_it(tmp_path):
    row = next(w for w in spec_of(HRNET).weights if w.sha256)
    (why,) = names(saved(tmp_path / row.file, HRNET))
    assert f"expected SHA-256 {row.sha256}" in why


# --- several files ------------------------------------------------------------


def test_a_bad_file_stops_none_of_the_others(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"<html>not found</html>")
    files = [tmp_path / "a.pth", tmp_path / "absent.pth", saved(tmp_path / "w.pth", LITE)]
    page, absent, good = names(*files)
    assert "a.pth: expected a PyTorch checkpoint" in page
    assert "absent.pth: no such weights file" in absent
    assert good == (f"{LITE}.official",)


def test_a_doubtful_file_replaces_nothing(tmp_path):
    first, second = (saved(tmp_path / f"{v}.pth", LITE, value=v) for v in (0.0, 1.0))
    kept, why = names(first, second)
    assert kept == (f"{LITE}.official",)
    assert f"but {first} was imported under that name" in why
    (why,) = names(second)
    assert "but another file is imported under that name" in why
    assert f"--as {LITE}.TAG" in why
    assert weights.cached(spec_of(LITE), "official").sha256 == weights.sha256_of(first)
    assert names(first) == [kept], "the same file again is no mistake"


def test_a_file_whose_digest_is_known_replaces_another(tmp_path):
    first, second = (saved(tmp_path / f"{v}.pth", LITE, value=v) for v in (0.0, 1.0))
    names(first)
    (row,) = spec_of(LITE).weights
    pinned = replace(spec_of(LITE), weights=(replace(row, sha256=weights.sha256_of(second)),))
    assert names(second, specs=[pinned]) == [(f"{LITE}.official",)]
    assert weights.cached(pinned, "official").sha256 == weights.sha256_of(second)


def test_files_of_a_folder_with_suffixes_of_checkpoints_are_read(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    for name in ("b.PTH", "a.pth.tar", "readme.txt", "photo.jpg", "inside/c.caffemodel"):
        (tmp_path / name).write_bytes(b"")
    found, others = weights.checkpoints([tmp_path, tmp_path / "readme.txt"])
    wanted = ("a.pth.tar", "b.PTH", "inside/c.caffemodel", "readme.txt")
    assert found == [tmp_path / name for name in wanted]
    assert others == 2


@pytest.mark.parametrize("case", test_checkpoints.HOSTILE)
def test_a_hostile_file_is_not_recognised_and_the_reason_is_given(case, tmp_path):
    path = tmp_path / "x.pth"
    path.write_bytes(test_checkpoints.HOSTILE[case])
    (outcome,) = weights.import_all([path], SPECS)
    assert outcome.names == ()
    assert str(path) in outcome.why
