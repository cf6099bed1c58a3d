import csv
import dataclasses
import io
import json

import msgspec
from rich.console import Console

import report_rows
from posemark.report import figures, tables
from posemark.report.rows import Row


def printed(rows, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(tables.console(rows))
    return console.file.getvalue()


def test_json_carries_the_names_of_row_and_comes_back_equal():
    rows = report_rows.mixed()
    text = tables.to_json(rows)
    assert list(json.loads(text)[0]) == [field.name for field in dataclasses.fields(Row)]
    assert msgspec.json.decode(text, type=list[Row]) == rows


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
    assert [msgspec.json.decode(line, type=Row) for line in lines] == rows


def test_markdown_has_the_main_columns_and_one_line_a_row():
    lines = tables.markdown(report_rows.mixed()).splitlines()
    heading = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert heading == [
        *("letter", "entry", "weights", "boxes", "frames", "people / frame", "pose FPS"),
        *("pipeline FPS", "base ms", "ms / person", "AP", "published AP", "ceiling"),
    ]
    assert lines[3] == (
        "| b | hrnet-w32-256x192@detected | none | simulated | 500 | 3.02 | 5.27 | 5.15 "
        f"| {figures.DASH} | {figures.DASH} | {figures.DASH} | 74.4\\* | 96.2 |"
    )
    assert {line.count("|") for line in lines[:20]} == {14}
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


def test_the_terminal_table_fits_100_columns():
    for rows in (report_rows.seed(), report_rows.mixed()):
        text = printed(rows)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "hrnet-w32-256x192@detected" in text
    assert "74.4*" in text
    assert "…" not in text


def test_the_terminal_table_has_the_cost_of_people_in_one_column():
    line = next(line for line in printed(report_rows.seed()).splitlines() if line[:2] == "u ")
    assert " 5,660 + 9.90 " in line
    falling = report_rows.bottom_up(0, intercept_ms=-1.5, ms_per_person=-120.0)
    assert "-1.50 - 120" in printed([falling])


def test_bottom_up_rows_have_scales_in_every_wide_table():
    single, multi = report_rows.bottom_up(1), report_rows.bottom_up(2)
    (scales,) = [column for column in tables.COLUMNS if column.title == "scales"]
    assert [scales.text(row) for row in (single, multi)] == ["1", "0.5, 1, 2"]
    assert scales.text(report_rows.row()) == figures.DASH
    assert next(csv.DictReader(io.StringIO(tables.csv([multi]))))["scales"] == "0.5; 1.0; 2.0"


def test_the_terminal_table_says_what_is_wrong_with_a_row():
    flawed = report_rows.row(complete=False, failed_frames=1, dropped_boxes=2, entry="[bold]x")
    assert "[bold]x: the run stopped early, 1 frame failed, 2 boxes dropped." in printed([flawed])


def test_an_ap_over_no_people_is_no_measurement():
    row = report_rows.row(ap=dict.fromkeys(tables.METRICS))
    assert figures.measured_ap(row) is None
    assert f"| {figures.DASH} | 74.4" in tables.markdown([row])


def test_numbers_have_three_digits():
    values = [None, 0, 0.0786, 0.0996, 0.123, 9.994, 9.996, 99.94, 99.96, 1234.5]
    shown = [figures.DASH, "0.00", "0.079", "0.10", "0.12", "9.99", "10.0", "99.9", "100", "1,234"]
    assert [figures.three_digits(value) for value in values] == shown


def test_every_table_takes_no_rows():
    assert tables.to_json([]).strip() == "[]"
    assert tables.json_lines([]) == ""
    assert tables.markdown([]).startswith("| letter")
    assert tables.csv([]) == "\n"
    assert "entry" in printed([])
