"""Entries of a run with different images are compared over the images that all of them have."""

import shlex
from dataclasses import replace

import pytest

import made_records
import report_rows
from posemark.records.schema import Source
from posemark.report import chart_marks, common_settings, comparable, tables
from posemark.report.recommend.answer import Wishes, recommend
from posemark.report.recommend.candidates import candidates
from posemark.report.result_row import ComparedAP
from posemark.report.results import load_rows

DATA = Source("coco:data", "0123456789abcdef")


def frame(image_id, shift):
    people = made_records.people(made_records.annotation(image_id), shift)
    return made_records.frame(image_id, 10**8, boxes=1, poses=people)


def record(folder, entry, images, missed=(), **changes):
    """Write a record of one block per image; in some images people are found far off."""
    head = made_records.header(entry, data=DATA, **changes)
    lines = [[frame(at, 80.0 if at in missed else 0.0)] for at in images]
    return made_records.write(folder, head, lines)


def rows(folder):
    return {row.entry: row for row in load_rows([folder])}


def test_each_is_scored_over_the_images_that_all_have(tmp_path):
    """The fast entry fails in images that the slow one did not reach."""
    record(tmp_path / "run", "slow@gt", range(12), missed=[3])
    record(tmp_path / "run", "fast@gt", range(30), missed=[3, *range(12, 30)])
    record(tmp_path / "alone", "fast@gt", range(12), missed=[3])
    found = rows(tmp_path / "run")
    alone = rows(tmp_path / "alone")["fast@gt"]
    fast, slow = found["fast@gt"], found["slow@gt"]
    assert fast.ap["AP"] < 0.6 < alone.ap["AP"]
    assert pytest.approx(alone.ap["AP"]) == fast.compared.AP
    assert fast.compared.interval == pytest.approx(alone.ap_interval)
    assert fast.compared.draws == pytest.approx(alone.ap_draws)
    assert pytest.approx(slow.ap["AP"]) == slow.compared.AP
    assert (fast.compared.images, fast.ap_images) == (12, 30)
    assert fast.compared.key == slow.compared.key == alone.images
    assert comparable.other_images([fast, slow]) == []


def test_entries_of_the_same_images_are_left_as_they_are(tmp_path):
    for entry in ("a@gt", "b@gt"):
        record(tmp_path, entry, range(12))
    for row in rows(tmp_path).values():
        assert row.ap_common is None
        assert (row.compared.AP, row.compared.images) == (row.ap["AP"], row.ap_images)
    assert "AP is compared" not in " ".join(common_settings.warnings(list(rows(tmp_path).values())))


def test_an_entry_of_too_few_images_does_not_limit_the_others(tmp_path):
    record(tmp_path, "few@gt", range(9))
    record(tmp_path, "some@gt", range(12))
    record(tmp_path, "many@gt", range(20))
    found = rows(tmp_path)
    assert found["few@gt"].ap_common is None
    assert found["some@gt"].compared.images == found["many@gt"].compared.images == 12
    assert comparable.other_images([*found.values()]) == [found["few@gt"]]
    hint = " ".join(comparable.reasons([*found.values()]))
    assert "9 images of coco" in hint
    assert "few@gt" in hint


def test_records_of_two_runs_do_not_limit_each_other(tmp_path):
    record(tmp_path / "full", "a@gt", range(30))
    record(tmp_path / "quick", "b@gt", range(12))
    assert [row.ap_common for row in load_rows([tmp_path / "full", tmp_path / "quick"])] == [
        None,
        None,
    ]


def test_untrained_entries_neither_have_it_nor_limit_it(tmp_path):
    record(tmp_path, "a@gt", range(20))
    record(tmp_path, "b@gt", range(15))
    head = made_records.header("untrained@gt", data=DATA)
    lines = [[made_records.frame(at, 10**8)] for at in range(11)]
    made_records.write(tmp_path, head, lines)
    made_records.write(tmp_path, made_records.header("z@gt"), [[frame(at, 0)] for at in range(20)])
    found = rows(tmp_path)
    assert found["untrained@gt"].compared is None
    assert found["a@gt"].compared.images == 15


def mixed():
    """Return two rows of a run with a common time: the better one has fewer images."""
    chance = (0.70, 0.72, 0.74)
    own = report_rows.measured(ap=0.72, entry="good@detected", ap_images=40, images="forty")
    other = report_rows.measured(
        *(report_rows.MODELS[1], "detected", 0.75), entry="quick@detected", ap_images=90
    )
    common = ComparedAP(0.72, (0.70, 0.74), chance, 40, "forty")
    less = replace(common, AP=0.68, interval=(0.66, 0.70), draws=tuple(ap - 0.04 for ap in chance))
    return [
        replace(row, ap_common=compared, folder="runs/a b")
        for row, compared in ((own, common), (other, less))
    ]


def test_what_is_drawn_listed_and_recommended_is_the_ap_over_common_images():
    good, quick = mixed()
    assert [chart_marks.mark(row)["ap"] for row in (good, quick)] == pytest.approx([72, 68])
    assert chart_marks.mark(quick)["ap_low"] == pytest.approx(66)
    assert chart_marks.mark(quick)["ap_text"].startswith(
        "68.0 over the 40 images that all entries have; 75.0 "
    )
    assert [each.ap for each in candidates([good, quick])] == [0.72, 0.68]
    answer = recommend([good, quick], Wishes(max_ap_loss=1))
    assert [each.name for each in answer.shortlist] == ["b good@detected"]
    assert [each.why for each in answer.excluded] == ["AP 68.0, 4.0 below the best, wanted 1"]
    assert "AP is compared over the 40 images" in answer.notes[0]


def test_tables_give_both_and_say_what_is_compared():
    lines = tables.markdown(mixed()).splitlines()
    heading = [cell.strip() for cell in lines[0].strip("|").split("|")]
    cells = dict(zip(heading, [c.strip() for c in lines[3].strip("|").split("|")], strict=True))
    assert (cells["AP"], cells["AP, common images"]) == ("75.0", "68.0")
    plain = [replace(row, ap_common=None) for row in mixed()]
    assert "common" not in tables.markdown(plain)


def test_the_command_resumes_the_entry_with_the_fewest_images():
    (hint,) = (
        line for line in common_settings.warnings(mixed()) if line.startswith("AP is compared")
    )
    assert "40 images that all entries of the run have (they have 40 to 90)" in hint
    words = shlex.split(hint.partition("more: ")[2])
    assert words[:3] == ["posemark", "run", "good@detected"]
    assert words[-5:] == ["--out", "runs/a b", "--resume", "--limit", "90"]
