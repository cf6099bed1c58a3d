import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import report_rows
from posemark.report.page import html

HOSTILE = '</script><img src=x onerror="alert(1)">{{bundle}}&'


class Elements(HTMLParser):
    """Collects every element and the text of every script."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.scripts = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.lasttag == "script" and self.found[-1][0] == "script":
            self.scripts[-1] += data


def parsed(text):
    elements = Elements()
    elements.feed(text)
    return elements


@pytest.fixture(scope="module")
def text():
    return html.html(report_rows.mixed(), "A report")


def test_the_page_is_one_small_file_that_loads_nothing(text):
    assert len(text.encode()) < 6_000_000
    loads = [
        (tag, attribute, value)
        for tag, attributes in parsed(text).found
        for attribute, value in attributes.items()
        if attribute in ("src", "href", "srcset", "action", "data")
    ]
    assert loads == [("link", "href", "data:,")]
    assert "@import" not in text
    assert not re.search(r"url\(\s*['\"]?https?:", text)


def test_the_policy_forbids_all_loads_and_all_other_scripts(text):
    policy = next(
        attributes["content"]
        for tag, attributes in parsed(text).found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_every_mark_in_the_table_has_its_footnote():
    plain = report_rows.measured(report_rows.MODELS[0])
    shown = html.html([replace(plain, intercept_ms=2.0, ms_per_person=60.0, most_people=4)], "")
    assert "†" in shown
    assert "extrapolated: no frame had so many people" in shown
    seen = html.html([replace(plain, intercept_ms=2.0, ms_per_person=60.0, most_people=41)], "")
    assert "extrapolated: no frame" not in seen


def test_no_placeholder_is_left(text):
    assert not re.search(r"\{\{\w+\}\}", text)


def test_every_row_and_every_column_is_in_the_table(text):
    elements = parsed(text.partition('id="found"')[0]).found
    columns = [a for tag, a in elements if tag == "th" and a["scope"] == "col"]
    rows = [a for tag, a in elements if tag == "th" and a["scope"] == "row"]
    cells = [a for tag, a in elements if tag == "td"]
    assert len(rows) == 18
    assert len(cells) == 18 * (len(columns) - 1)
    assert "74.4*" in text
    assert "What the numbers mean" in text


def test_hostile_names_stay_text():
    row = report_rows.row(entry=HOSTILE, letter="<b>", machine=HOSTILE, notes=(HOSTILE,))
    elements = parsed(html.html([row], HOSTILE))
    assert not [tag for tag, _ in elements.found if tag == "img"]
    assert len(elements.scripts) == 3
    (entry,) = json.loads(elements.scripts[0])["entries"]
    assert entry["name"] == f"<b> {HOSTILE}"


def test_boxes_break_where_a_part_of_their_name_begins():
    row = replace(report_rows.row(), boxes="detector:rtmdet-nano@every=5")
    assert ">detector:<wbr>rtmdet-nano<wbr>@every=5</td>" in html.html([row], "A report")


def test_sentences_become_parts_of_the_footnote():
    reason = "nobody is annotated in the images that were measured"
    row = report_rows.row(unscored=reason)
    footnote = html._footnote([row, report_rows.row()])
    assert f"No AP on this data: {reason}" in footnote
    assert ".;" not in footnote
    assert not footnote.endswith(".")


def test_views_are_there_only_where_both_approaches_are():
    for rows, hidden in ((report_rows.seed(), False), (report_rows.mixed(), True)):
        elements = parsed(html.html(rows, "A report")).found
        (views,) = [a for tag, a in elements if a.get("class") == "choice view"]
        assert ("hidden" in views) is hidden


def test_only_filters_that_can_narrow_something_are_there():
    names = [a["data-name"] for _, a in parsed(html.html(report_rows.seed(), "")).found
             if "data-name" in a]  # fmt: skip
    assert names == ["family", "boxes", "source", "verdict"]
    one = parsed(html.html([report_rows.row()], "")).found
    assert not [a for _, a in one if "data-name" in a]


def test_a_hundred_entries_of_5000_frames_stay_far_below_6_mb():
    rows = [replace(row, frames=5_000, persons=10_000) for row in report_rows.seed_measured()]
    rows = [report_rows.timed(row, {"verdict": row.verdict}, blocks=60) for row in rows]
    assert len(html.html(4 * rows, "A report").encode()) < 3_000_000


def test_many_warnings_stand_behind_one_line():
    rows = [*report_rows.seed(), *report_rows.on_another_machine(report_rows.seed()[:3])]
    text = html.html(rows, "A report")
    assert "things to know before comparing" in text
    assert "Speeds of several machines are not compared" in text
    assert "to know before comparing" not in html.html(report_rows.suite(), "A report")


def test_a_page_of_no_rows_is_a_page():
    assert "0 entries" in html.html([], "Nothing")
