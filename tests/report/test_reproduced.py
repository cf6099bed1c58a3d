"""The table of measured against published AP."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

import report_rows
from posemark.models import all_models
from posemark.report import reproduced, tables
from posemark.report.expected_ap import DIFFERS, NOT_COMPARABLE, WITHIN, in_brief
from posemark.report.page import html
from posemark.report.result_row import Reproduction

IMAGES = "it is over 5,000 images of val2017, this over 60"
FLIP = "it is with flip test, this without"


def measured(number, boxes, ap, kind, *why):
    row = report_rows.scored(report_rows.top_down(number, boxes), ap)
    return replace(row, reproduction=Reproduction(kind, why) if kind else None)


ROWS = [
    measured(0, "detected", 0.7433, WITHIN),
    measured(1, "detected", 0.752, DIFFERS),
    measured(2, "detected", 0.744, NOT_COMPARABLE, IMAGES, FLIP),
    measured(4, "detected", 0.744, NOT_COMPARABLE, FLIP),
    measured(1, "gt", 0.781, None),
    report_rows.top_down(5, "gt"),
]


def printed(rows, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(reproduced.console(rows))
    return console.export_text()


def test_every_row_with_an_ap_of_its_own_has_a_line():
    found = {each.entry[0]: each for each in reproduced.comparisons(ROWS)}
    assert list(found) == ["a", "c", "e", "i", "d"]
    shown = {letter: (c.published, c.got, c.difference, c.verdict) for letter, c in found.items()}
    dash = "\N{EN DASH}"
    assert shown == {
        "a": ("74.4", "74.3", "-0.1", WITHIN),
        "c": ("76.3", "75.2", "-1.1", DIFFERS),
        "e": ("75.1", "74.4", dash, NOT_COMPARABLE),
        "i": ("76.8", "74.4", dash, NOT_COMPARABLE),
        "d": (dash, "78.1", dash, "nothing published"),
    }
    assert found["a"].settings.endswith("person AP 56.4); flip test; HRNet README")
    assert found["e"].why == (IMAGES, FLIP)


def test_the_terminal_has_it_within_80_columns_and_the_reasons_below():
    text = printed(ROWS)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    flat = " ".join(text.split())
    assert "detected, flip test 74.3 -0.1 within tolerance" in flat
    assert f"Not comparable, the published AP is {IMAGES[6:]}: e." in flat
    assert f"Not comparable, the published AP is {FLIP[6:]}: e, i." in flat


def test_a_reason_that_all_share_names_no_entry():
    rows = [measured(at, "detected", 0.7, NOT_COMPARABLE, FLIP) for at in (0, 1)]
    assert f"{FLIP[6:]}: all." in " ".join(printed(rows).split())


def test_without_a_measured_ap_there_is_no_table():
    rows = [report_rows.top_down(0, "detected")]
    assert reproduced.console(rows) is None
    assert "Measured against" not in tables.markdown(rows)
    assert 'id="reproduced"' not in html.html(rows, "x")


@pytest.mark.parametrize("of", [tables.markdown, lambda rows: html.html(rows, "x")])
def test_markdown_and_page_have_it_with_the_reasons_in_the_line(of):
    text = of(ROWS)
    assert "Measured against published" in text
    (line,) = (line for line in text.splitlines() if f"{IMAGES}; {FLIP}" in line)
    assert "75.1" in line
    assert NOT_COMPARABLE in line


def test_every_published_figure_is_for_a_variant_that_an_entry_can_have():
    """The words must be those that runs have: with others, no run would be compared."""
    rows = [r for spec in all_models().values() for w in spec.weights for r in w.reported]
    found = {in_brief(row.boxes, row.flip).split(",")[0] for row in rows}
    assert found == {"gt", "detected", "single", "multi"}
