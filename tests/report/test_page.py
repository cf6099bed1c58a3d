import json
import re
from html.parser import HTMLParser

import pytest

import report_rows
from posemark.report import page

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
    return page.html(report_rows.mixed(), "A report")


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


def test_no_placeholder_is_left(text):
    assert not re.search(r"\{\{\w+\}\}", text)


def test_every_row_and_every_column_is_in_the_table(text):
    elements = parsed(text).found
    columns = [a for tag, a in elements if tag == "th" and a["scope"] == "col"]
    rows = [a for tag, a in elements if tag == "th" and a["scope"] == "row"]
    cells = [a for tag, a in elements if tag == "td"]
    assert len(rows) == 18
    assert len(cells) == 18 * (len(columns) - 1)
    assert "74.4*" in text
    assert "What the numbers mean" in text


def test_hostile_names_stay_text():
    row = report_rows.row(entry=HOSTILE, letter="<b>", machine=HOSTILE, notes=(HOSTILE,))
    elements = parsed(page.html([row], HOSTILE))
    assert not [tag for tag, _ in elements.found if tag == "img"]
    assert len(elements.scripts) == 3
    charts = json.loads(elements.scripts[0])
    assert charts["wide"]["combined"]["data"]["values"][0]["entry"] == f"<b> {HOSTILE}"


def test_views_and_costs_are_there_only_where_they_say_something():
    for rows, hidden in ((report_rows.seed(), 0), (report_rows.mixed(), 2)):
        elements = parsed(page.html(rows, "A report")).found
        assert sum("hidden" in attributes for _, attributes in elements) == hidden


def test_a_page_of_no_rows_is_a_page():
    assert "0 entries" in page.html([], "Nothing")
