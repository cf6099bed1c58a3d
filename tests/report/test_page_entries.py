"""The data of each row for the page's script."""

from dataclasses import replace

import pytest

import report_rows
from posemark.records.schema import Detector
from posemark.report import charts
from posemark.report.page import entries, facts


def entries_of(rows):
    return entries.entries(rows, charts.colours(rows))


def test_fps_with_people_come_from_the_line_and_say_what_is_extrapolated():
    (entry,) = entries_of([report_rows.bottom_up(0, most_people=9)])
    assert entry["at"][5] == {
        "fps": pytest.approx(1000 / 1915.5), "beyond": False, "text": "0.52 with 5 people",
    }  # fmt: skip
    assert entry["at"][20]["text"] == "0.51 with 20 people, extrapolated"
    (entry,) = entries_of([report_rows.row()])
    assert entry["at"] == {1: None, 5: None, 20: None}


def test_rows_know_their_group_and_why_they_have_no_mark():
    rows = [*report_rows.suite()[:3], *report_rows.on_another_machine(report_rows.suite()[1:2])]
    rows.append(report_rows.judged(report_rows.row(), "incomparable"))
    assert [entry["group"] for entry in entries_of(rows)] == [0, 0, 0, 1, None]
    assert [entry["absent"] for entry in entries_of(rows)] == [""] * 5, "without AP: in the strip"
    assert [entry["mark"]["ap"] is None for entry in entries_of(rows)[:2]] == [True, False]
    rows[0] = replace(rows[0], fps_pose=None)
    assert entries_of(rows)[0]["absent"] == "no time measured"


def test_ap_over_other_images_has_no_mark_beside_the_others():
    rows = [report_rows.measured(), report_rows.measured(report_rows.MODELS[1])]
    other = report_rows.measured(report_rows.MODELS[2], images="0123")
    assert [bool(entry["absent"]) for entry in entries_of([*rows, other])] == [False, False, True]


def test_every_row_has_a_name_of_its_own():
    row = report_rows.row()
    rows = [row, replace(row, runtime="openvino"), *report_rows.on_another_machine([row]), row]
    names = entries.names(rows)
    assert len(set(names)) == 4
    assert names[1].startswith("b hrnet-w32-256x192@detected, openvino")
    assert names[2].endswith("Apple M4, 10 cores")
    assert entries.names([row]) == ["b hrnet-w32-256x192@detected"]


def test_twins_did_the_same_work_on_different_machines():
    row = report_rows.row()
    (elsewhere,) = report_rows.on_another_machine([row])
    assert entries.twin(row) == entries.twin(elsewhere)
    # A budget may lead to fewer frames.
    assert entries.twin(row) == entries.twin(replace(elsewhere, frames=9))
    for other in ({"data": "sample"}, {"precision": "int8"}, {"mode": "sustained"}):
        assert entries.twin(row) != entries.twin(replace(row, **other))


def test_filters_offer_what_occurs_with_its_number():
    (family,) = [each for each in entries.FILTERS if each.name == "family"]
    assert family.values(report_rows.seed())["DEKR"] == 4
    rows = [report_rows.row(licence=None), report_rows.row(licence="CC BY-NC 4.0")]
    (licence,) = [each for each in entries.FILTERS if each.name == "licence"]
    assert list(licence.values(rows)) == ["unknown", "non-commercial"]


def test_a_card_shows_what_is_known_and_leaves_out_the_rest():
    row = report_rows.scored(report_rows.top_down(0, "detected"), 0.733)
    card = dict(facts.facts(row))
    assert card["AP"].startswith("73.3 (70.5 to 76.0, 95% over images)")
    assert card["pose FPS"].endswith("95% over 42 blocks)")
    assert "flip test; HRNet README" in card["published AP"]
    bare = dict(facts.facts(report_rows.row(ap_published=None, peak_memory=None, energy_mj=None)))
    assert not {"AP", "published AP", "peak memory", "energy per frame", "remarks"} & set(bare)


def test_a_card_of_a_paced_run_shows_the_dropped_frames():
    card = dict(facts.facts(report_rows.paced(report_rows.row(), 30.0)))
    fastest, _, real = card["camera FPS"].partition(" at most; from a camera of 30 FPS, ")
    assert float(fastest) < 30
    assert real.endswith("% dropped")
    assert card["ran as"].endswith("paced at 30 FPS")


def test_machines_have_short_names_and_work_is_named_without_them():
    row = report_rows.row(machine="desk, Board A, CPU, 2 cores", host="desk")
    twins = [row, replace(row, machine="shelf, Board A, CPU, 2 cores", host="shelf")]
    assert [entry["machine"] for entry in entries_of(twins)] == ["desk", "shelf"]
    assert entries.names(twins) == [f"b {row.entry}, desk", f"b {row.entry}, shelf"]
    alike = [row, replace(row, machine="desk, Board A, CPU, 4 cores", host="desk")]
    assert [entry["machine"] for entry in entries_of(alike)] == ["desk (1)", "desk (2)"]
    both = [*twins, *(replace(each, precision="int8") for each in twins)]
    works = entries.works(both)
    assert works == [f"b {row.entry}, {each.precision}" for each in both]


def test_the_card_of_an_entry_with_a_detector_shows_what_it_found():
    detector = Detector("rtmdet-nano", "b8", 320, "onnxruntime", "fp32", 0.1, 20, every=5)
    boxes = {"AP": 0.422, "AR100": 0.526, "recall": 0.735}
    row = report_rows.row(detector=detector, model_ap=0.67, box_accuracy=boxes)
    card = dict(facts.facts(row))
    assert card["model AP"] == "67.0 on ground-truth boxes of the same images"
    assert card["boxes"] == "AP 42.2 · AR 52.6 · people with a box 73.5"
    assert card["detector"] == (
        "rtmdet-nano at 320, onnxruntime fp32, every 5 frames, scores from 0.1, 20 boxes at most"
    )
    assert not {"model AP", "boxes", "detector"} & set(dict(facts.facts(report_rows.row())))
