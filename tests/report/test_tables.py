import csv
import io
import json
import re
from dataclasses import replace

import msgspec
import pytest
from rich.console import Console

import report_rows
from posemark.report import common_settings, formats, label_placement, tables
from posemark.report.json_result import Result, result_of


def printed(rows, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(tables.console(rows, width))
    return console.file.getvalue()


def test_json_is_typed_and_comes_back_equal():
    rows = report_rows.mixed()
    text = tables.to_json(rows)
    assert list(json.loads(text)[0]) == list(Result.__struct_fields__)
    assert msgspec.json.decode(text, type=list[Result]) == [result_of(row) for row in rows]


def test_the_published_ap_is_an_object_in_json():
    published = json.loads(tables.to_json([report_rows.row()]))[0]["ap_published"]
    assert published == {
        "AP": 0.744,
        "boxes": "detected, person AP 56.4",
        "flip": True,
        "source": "HRNet README",
    }


def test_json_lines_hold_one_row_a_line():
    rows = report_rows.mixed()
    lines = tables.json_lines(rows).splitlines()
    assert [msgspec.json.decode(line, type=Result) for line in lines] == [
        result_of(row) for row in rows
    ]


def test_utilisation_is_in_the_tables_if_it_is_known():
    rows = [report_rows.row(share=0.412), report_rows.row(share=0.0251), report_rows.row()]
    lines = [line.split("|") for line in tables.markdown(rows).splitlines()[:5]]
    place = [title.strip() for title in lines[0]].index("of peak")
    cells = [line[place].strip() for line in lines[2:]]
    assert cells == ["41%", "2.5%", formats.DASH]
    assert "peak" in printed(rows)
    assert "41%" in printed(rows)
    assert "peak" not in printed(rows[2:]), "no column without a figure: terminals are narrow"


def test_markdown_has_the_main_columns_and_one_line_a_row():
    lines = tables.markdown(report_rows.mixed()).splitlines()
    heading = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert heading == [
        *("letter", "entry", "pose FPS", "±", "AP", "AP, 95%", "published AP", "verdict"),
        *("weights", "boxes", "frames", "people / frame", "pipeline FPS", "ceiling"),
    ]
    cells = [cell.strip() for cell in lines[3].strip("|").split("|")]
    dash = formats.DASH
    assert cells == [
        *("b", "hrnet-w32-256x192@detected", "5.27", "±2.1%", dash, dash, "74.4\\*", "valid"),
        *("none", "simulated", "500", "3.02", "5.15", "96.2"),
    ]
    assert {line.count("|") for line in lines[:20]} == {15}
    footnote = "\\* published, not measured here (boxes: detected, person AP 56.4; flip test)"
    assert footnote in lines


def test_markdown_shows_hostile_names_as_they_are():
    line = tables.markdown([report_rows.row(entry="a|b\n<img> *x*")]).splitlines()[2]
    assert "a\\|b &lt;img> \\*x\\*" in line


def test_csv_is_unrounded_and_has_the_same_columns_for_every_row():
    rows = [report_rows.row(boxes="gt"), report_rows.measured()]
    bare, full = csv.DictReader(io.StringIO(tables.csv(rows)))
    assert list(bare) == list(full)
    assert float(full["stage_ms.infer"]) == rows[1].stage_ms["infer"]
    assert (full["ap.AP"], full["ap_published.AP"]) == ("0.733", "0.744")
    assert (bare["ap.AP"], bare["ap_published.AP"]) == ("", "")
    assert full["input_hw"] == "256x192"
    assert (full["scales"], full["letter"]) == ("1.0", "b")


def test_csv_has_the_verdict_of_the_run():
    row = report_rows.measured(camera_fps=30.0, mode="paced", dropped_share=0.25)
    (cells,) = csv.DictReader(io.StringIO(tables.csv([row])))
    assert cells["verdict.kind"] == "valid"
    assert cells["verdict.evidence"] == "; ".join(row.verdict.evidence)
    assert float(cells["fps_interval.low"]) == row.fps_interval[0]
    assert float(cells["fps_interval.high"]) == row.fps_interval[1]
    assert float(cells["ap_interval.low"]) == row.ap_interval[0]
    assert float(cells["latency_ms.p99"]) == row.latency_ms["p99"]
    assert float(cells["energy_mj.package"]) == row.energy_mj["package"]
    assert float(cells["keypoint_accuracy.nose"]) == row.keypoint_accuracy["nose"]
    assert cells["fingerprint.weights"] == row.fingerprint["weights"]
    assert (cells["mode"], cells["paced_fps"], cells["dropped_share"]) == ("paced", "30.0", "0.25")
    assert not [name for name in cells if name.startswith(("histogram", "timeline"))]


def test_csv_of_rows_without_intervals_or_counters_is_as_wide():
    full = report_rows.measured()
    bare = report_rows.row(fps_interval=None, ap_interval=None, energy_mj=None, latency_ms={})
    first, second = csv.DictReader(io.StringIO(tables.csv([full, bare])))
    assert list(first) == list(second)
    absent = ("fps_interval.low", "energy_mj.package", "latency_ms.p50", "keypoint_accuracy.nose")
    assert [second[name] for name in absent] == [""] * 4


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_terminal_table_has_one_line_an_entry(width):
    for rows in (report_rows.seed(), report_rows.seed_measured(), report_rows.mixed()):
        text = printed(rows, width)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        lines = [line for line in text.splitlines() if line[:1].isalpha() and line[1:2] == " "]
        assert [line[0] for line in lines] == [row.letter for row in rows]
    assert "hrnet-w32-256x192 detected" in text
    assert "74.4*" in text
    assert "…" not in text


def test_the_terminal_table_has_the_cost_of_people_in_one_column():
    text = printed(report_rows.seed(), 120)
    line = next(line for line in text.splitlines() if line[:2] == "u ")
    assert " 5,660 + 9.90" in line
    falling = report_rows.bottom_up(0, intercept_ms=-1.5, ms_per_person=-120.0)
    assert "-1.50 - 120" in printed([falling])


def test_the_terminal_table_shows_the_reliability_of_each_speed():
    lines = {line[:2]: line for line in printed(report_rows.seed()).splitlines()}
    assert " 0.34 ±2% valid " in lines["a "]
    assert " 0.71 ±8% noisy " in lines["d "]
    assert " 3.04 ±5% contended " in lines["h "]
    assert " 0.068 noisy " in lines["y "]


def test_the_terminal_table_has_the_measured_ap_and_else_the_published_one():
    lines = {
        line[:2]: line.split() for line in printed(report_rows.seed_measured(), 80).splitlines()
    }
    assert lines["b "][-2:] == ["75.5", f"(72.7{formats.DASH}78.2)"]
    assert (lines["c "][-1], lines["f "][-1]) == ("76.3*", formats.DASH)


def test_a_row_that_is_compared_with_nothing_fits_too():
    rows = [report_rows.judged(row, "incomparable") for row in report_rows.seed()]
    text = printed(rows)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "incomparable" in text


def cell(title, row):
    (column,) = (column for column in tables.COLUMNS if column.title == title)
    return column.text(row)


def test_every_figure_of_a_row_has_its_column():
    row = report_rows.measured(
        latency_ms={"p50": 180.25, "p90": 240.0, "p95": 300.0, "p99": 1234.5},
        sustainable_fps=4.125,
        dropped_share=0.123,
        peak_memory=1_234_567_890,
        weights_bytes=114_142_208,
        energy_mj={"package": 2310.0, "dram": 410.0},
        ap_interval=(0.701, 0.765),
        expected="expected 74.4 (detected, flip test), got 74.3",
        mode="paced",
        camera_fps=30.0,
        device="cuda: T4",
    )
    shown = {
        "p50 ms": "180",
        "p90 ms": "240",
        "p95 ms": "300",
        "p99 ms": "1,234",
        "camera FPS": "4.12",
        "dropped": "12.3%",
        "peak memory": "1.23 GB",
        "weights size": "114 MB",
        "energy / frame": "package 2.31 J, dram 0.41 J",
        "AP, 95%": f"70.1{formats.DASH}76.5",
        "published AP: reproduced": "expected 74.4 (detected, flip test), got 74.3",
        "mode": "paced at 30 FPS",
        "device": "cuda: T4",
        "blocks": "42",
        "verdict": "valid",
        "±": "±2.1%",
        "evidence": "; ".join(row.verdict.evidence),
    }
    assert {title: cell(title, row) for title in shown} == shown


def test_fps_of_crowds_is_marked_where_it_is_extrapolated():
    row = report_rows.bottom_up(0, most_people=5)
    titles = ("FPS, 1 person", "FPS, 5 people", "FPS, 20 people")
    assert [cell(title, row) for title in titles] == ["0.53", "0.52", "0.51†"]
    assert [cell(title, report_rows.row()) for title in titles] == [formats.DASH] * 3
    assert common_settings.extrapolated_caption([row]).startswith("† extrapolated")
    assert common_settings.extrapolated_caption([report_rows.bottom_up(0, most_people=20)]) == ""
    assert common_settings.extrapolated_caption([report_rows.row()]) == ""


def test_fps_of_a_crowd_is_what_the_line_says():
    row = report_rows.row(intercept_ms=20.0, ms_per_person=10.0, most_people=4)
    assert formats.fps_at(row, 3) == pytest.approx(20.0)
    assert [formats.extrapolated(row, people) for people in (4, 5)] == [False, True]
    assert formats.fps_at(report_rows.row(intercept_ms=0.0, ms_per_person=0.0), 3) is None


def test_intervals_are_written_with_their_farther_side():
    row = report_rows.row(fps_pose=10.0, fps_interval=(9.9, 10.3))
    assert formats.half_width(row) == pytest.approx(0.03)
    assert (formats.fps(row), formats.short_fps(row)) == ("10.0 ±3.0%", "10.0 ±3%")
    exact = replace(row, fps_interval=(9.996, 10.004))
    assert (formats.fps(exact), formats.short_fps(exact)) == ("10.0 ±0.04%", "10.0 ±0.0%")
    unknown = replace(row, fps_interval=None)
    assert (formats.fps(unknown), formats.short_fps(unknown)) == ("10.0", "10.0")
    assert formats.half_width(replace(row, fps_pose=None)) is None


def short(rows):
    return label_placement.short_names(rows)


def test_short_names_say_what_differs_and_only_that():
    row = report_rows.row()
    assert short([row]) == [row.model]
    assert short([row, replace(row, runtime="torch")]) == [
        f"{row.model} onnxruntime",
        f"{row.model} torch",
    ]
    assert short([row, report_rows.row(boxes="gt")]) == [f"{row.model} detected", f"{row.model} gt"]
    other = replace(row, model="other", precision="int8")  # then all rows name the precision
    assert short([row, other]) == [f"{row.model} fp32", "other int8"]
    flipped = replace(row, entry=f"{row.entry}+flip")
    assert short([row, flipped]) == [row.entry, flipped.entry]
    assert short([row, replace(row, machine="another")]) == [row.model, row.model]


def test_columns_that_do_not_fit_are_named_with_the_width_that_shows_them():
    rows = report_rows.seed_measured()
    text = " ".join(printed(rows, 80).split())
    found = re.search(r"Not shown here: ([^.]+)\. A terminal (\d+) characters wide shows all", text)
    named = found[1].split(", ")
    assert "ms per frame and person" in named
    assert "so does `posemark report FOLDER -o report.html` (or .md, .csv, .json)." in text
    enough = int(found[2])
    assert "Not shown here" not in printed(rows, enough)
    assert "Not shown here" in printed(rows, enough - 1)
    assert max(map(len, printed(rows, enough).splitlines())) <= enough


def test_sentences_below_a_narrow_table_are_as_wide_as_the_terminal():
    rows = [report_rows.row(letter=None, ap_published=None, share=None)]
    lines = printed(rows, 200).splitlines()
    table = max(len(line.rstrip()) for line in lines[:3])
    below = " ".join([report_rows.MACHINE, "· 2 threads"])
    assert len(below) > table or below in [line.rstrip() for line in lines]
    assert below in [line.rstrip() for line in lines], "on one line where the terminal has room"


def test_a_line_through_few_frames_is_what_was_measured():
    few = {"frames": 3, "persons": 3, "fps_pose": 1000 / 435, "intercept_ms": 0.0}
    row = report_rows.row(**few, ms_per_person=435.0)
    assert formats.line(row) == "435 at 1 person"
    assert formats.cost(row) == "435 ms at 1 person"
    assert formats.line(replace(row, persons=8)) == "435 at 2.67 people"
    assert formats.line(replace(row, frames=0, fps_pose=None)) == "0.00 + 435"
    assert formats.line(replace(row, network_frames=10)) == "0.00 + 435"
    assert formats.cost(replace(row, frames=10)) == "0.00 ms + 435 ms per person"


def test_facts_that_names_leave_out_are_below_the_table():
    assert "weights by formula" in printed(report_rows.seed())
    trained = printed([report_rows.measured()])
    assert "weights by formula" not in trained
    assert f"weights: {report_rows.measured().weights}" in trained
    assert "boxes: simulated" in trained


def test_bytes_have_decimal_units():
    sizes = (None, 0, 999, 1000, 12_345_678, 1_234_567_890)
    shown = [formats.DASH, "0 B", "999 B", "1.00 kB", "12.3 MB", "1.23 GB"]
    assert [formats.size_of(size) for size in sizes] == shown


def test_bottom_up_rows_have_scales_in_every_wide_table():
    single, multi = report_rows.bottom_up(1), report_rows.bottom_up(2)
    (scales,) = [column for column in tables.COLUMNS if column.title == "scales"]
    assert [scales.text(row) for row in (single, multi)] == ["1", "0.5, 1, 2"]
    assert scales.text(report_rows.row()) == formats.DASH
    assert next(csv.DictReader(io.StringIO(tables.csv([multi]))))["scales"] == "0.5; 1.0; 2.0"


def test_the_terminal_table_says_what_is_wrong_with_a_row():
    flawed = report_rows.row(complete=False, failed_frames=1, dropped_boxes=2, entry="[bold]x")
    text = " ".join(printed([flawed]).split())  # notes wrap at the width of the table
    assert "[bold]x: the run stopped early, 1 frame failed, 2 boxes dropped." in text


def test_an_ap_over_no_people_is_no_measurement():
    row = report_rows.row(ap=dict.fromkeys(tables.METRICS))
    assert formats.measured_ap(row) is None
    lines = tables.markdown([row, report_rows.measured()]).splitlines()
    place = [title.strip() for title in lines[0].split("|")].index("AP")
    assert [line.split("|")[place].strip() for line in lines[2:4]] == [formats.DASH, "73.3"]


def test_numbers_have_three_digits():
    values = [None, 0, 0.0786, 0.0996, 0.123, 9.994, 9.996, 99.94, 99.96, 1234.5]
    shown = [formats.DASH, "0.00", "0.079", "0.10", "0.12", "9.99", "10.0", "99.9", "100", "1,234"]
    assert [formats.three_digits(value) for value in values] == shown


def test_every_table_takes_no_rows():
    assert tables.to_json([]).strip() == "[]"
    assert tables.json_lines([]) == ""
    assert tables.markdown([]).startswith("| letter")
    assert tables.csv([]) == "\n"
    assert "entry" in printed([])


def test_what_no_row_has_is_no_column():
    rows = [report_rows.row(letter=None, ap_published=None)]
    assert "letter" not in tables.markdown(rows)
    assert "published AP" not in tables.markdown(rows)
    assert "\nentry " in printed(rows), "no room for a letter"


def test_no_footnote_without_its_mark():
    measured = report_rows.measured()
    assert "*" not in printed([measured])
    assert "*" in printed([report_rows.row()])


def test_several_machines_have_numbers_and_their_names_below():
    row = report_rows.row()
    text = printed([row, *report_rows.on_another_machine([row])])
    assert f"machine 1: {row.machine}" in text
    assert "machine 2: Apple M4, 10 cores" in text
    assert "Apple M4" in tables.markdown([row, *report_rows.on_another_machine([row])])
    assert "machine 1" not in printed([row])
