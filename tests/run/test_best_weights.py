"""The weights that "best" chooses."""

from dataclasses import replace

import pytest

from made_weights import imported
from posemark import cards
from posemark.core.errors import UsageError
from posemark.core.spec import Reported, Weights
from posemark.models import spec_of
from posemark.run.best_weights import default_weights, is_trained, trained, with_best
from posemark.run.options import Options
from posemark.run.plan import plan
from posemark.weights import at_hand, best

LITE, WIDER = "litehrnet-18-256x192", "wider-naive-litehrnet-18-256x192"
HIGHER = "higherhrnet-w32-512"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSEMARK_CACHE", str(tmp_path / "cache"))


def planned(*names, out=None, weights="best", data="coco:/data"):
    options = Options(data, 1, boxes="file:b.json", weights=weights)
    return with_best(plan(names, options), out)


def chosen(*names, **how):
    return [job.options.weights for job in planned(*names, **how)]


def row(tag, single, multi):
    reported = (Reported(single, "single", True, "x"), Reported(multi, "multi", True, "x"))
    return Weights(tag, None, None, None, None, "COCO", reported)


def test_what_the_authors_released_is_the_best_then_comes_the_published_ap(monkeypatch):
    here = {"mine", "c", "a", "b", "official", "rescore"}
    monkeypatch.setattr(best, "_imported", lambda _: here)
    monkeypatch.setattr(best, "cached", lambda *_: True)
    rows = (row("a", 0.60, 0.75), row("b", 0.65, 0.70), row("official", 0.1, 0.1))
    unknown = Weights("c", None, None, None, None, "COCO")
    spec = replace(spec_of(HIGHER), weights=(*rows, unknown))
    assert at_hand(spec, "single") == ["official", "b", "a", "c", "mine"]
    assert at_hand(spec, "multi") == ["official", "a", "b", "c", "mine"]
    here.remove("official")
    assert at_hand(spec, "multi")[0] == "a"


def test_only_what_is_imported_is_at_hand(tmp_path):
    assert at_hand(spec_of(WIDER), "gt") == []
    imported(tmp_path, WIDER, "mine")
    imported(tmp_path, "naive-litehrnet-18-256x192", "official")
    imported(tmp_path, "dekr-w32-512", "rescore")
    assert at_hand(spec_of(WIDER), "gt") == ["mine"]
    assert at_hand(spec_of("dekr-w32-512"), "single") == []
    imported(tmp_path, WIDER, "official")
    assert at_hand(spec_of(WIDER), "gt") == ["official", "mine"]


def test_every_entry_has_the_best_of_its_model_or_none(tmp_path):
    imported(tmp_path, LITE, "official")
    assert chosen("q", "r", "o") == ["official", "official", "none"]
    assert [job.key("official") for job in planned("r")] == [f"{LITE}.official@gt"]


def test_a_tag_in_the_name_of_an_entry_is_kept(tmp_path):
    imported(tmp_path, LITE, "official")
    assert chosen(f"{LITE}.mine@gt", "r") == ["mine", "official"]
    assert chosen(f"{LITE}.none@gt") == ["none"]
    assert chosen(f"{LITE}.best@gt", weights="none") == ["official"]
    assert chosen("r", f"{LITE}.official@gt") == ["official"], "each once"


def test_other_weights_stay_as_they_were_named():
    assert chosen("q", weights="none") == ["none"]
    assert chosen("q", weights="x.pth") == ["x.pth"]


@pytest.mark.parametrize("key", [f"{LITE}@gt", f"{LITE}.mine@gt+flip"])
def test_a_resumed_run_keeps_the_weights_that_it_began_with(key, tmp_path):
    for tag in ("official", "mine"):
        imported(tmp_path, LITE, tag)
    (tmp_path / f"{key}.jsonl").write_text("")
    begun = "mine" if "mine" in key else "none"
    assert chosen("r", "q", out=tmp_path) == [begun, "official"]
    assert chosen("r") == ["official"]


def test_a_record_whose_weights_were_deleted_has_no_effect(tmp_path):
    (tmp_path / f"{LITE}.mine@gt.jsonl").write_text("")
    assert chosen("r", out=tmp_path) == ["none"]


def test_exported_models_have_their_own_weights():
    name = next(iter(cards.built_in()))
    (job,) = planned(name)
    assert job.options.weights == "none"
    assert is_trained(job)


def test_entries_without_weights_can_be_left_out(tmp_path):
    imported(tmp_path, LITE, "official")
    assert [job.entry.letter for job in trained(planned("o", "p", "q"))] == ["q"]
    with pytest.raises(UsageError, match="--trained-only: none of these entries has trained"):
        trained(planned("o", "p"))


def test_drawn_scenes_need_no_weights_and_photographs_the_best():
    assert default_weights("sample") == "none"
    assert default_weights("coco") == default_weights("coco:/data") == "best"
