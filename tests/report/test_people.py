"""The table of accuracy by group of people: titles, figures and what is too few."""

from dataclasses import replace

import report_rows
from posemark.report import people
from posemark.report.page import html
from posemark.score.people_groups import PeopleGroup


def groups(medium=(141, 0.643), large=(80, 0.774)):
    return (
        PeopleGroup("size", "small", 0, None),
        PeopleGroup("size", "medium", *medium),
        PeopleGroup("size", "large", *large),
    )


def rows(*found):
    made = [report_rows.measured(report_rows.MODELS[at]) for at in range(len(found))]
    return [replace(row, people_groups=each) for row, each in zip(made, found, strict=True)]


def test_equal_numbers_of_people_are_in_the_title_and_groups_without_people_are_left_out():
    same = rows(groups(), groups(medium=(141, 0.5)))
    titles = people.shown(same)
    assert list(titles.values()) == ["medium\n141 people", "large\n80 people"]
    assert [people.cells(row, titles) for row in same] == [["64.3", "77.4"], ["50.0", "77.4"]]


def test_other_numbers_of_people_are_in_the_cells():
    differ = rows(groups(), groups(medium=(1500, 0.5)))
    titles = people.shown(differ)
    assert list(titles.values()) == ["medium", "large\n80 people"]
    assert people.cells(differ[0], titles) == ["64.3 (141)", "77.4"]
    assert people.cells(differ[1], titles) == ["50.0 (1,500)", "77.4"]


def test_a_handful_of_people_and_nobody_are_said():
    few = rows(groups(large=(1, None)), groups(large=(0, None)))
    titles = people.shown(few)
    assert people.cells(few[0], titles) == ["64.3", "too few (1)"]
    assert people.cells(few[1], titles) == ["64.3", "\N{EN DASH}"]


def test_the_page_has_the_table_only_where_an_ap_was_measured():
    page = html.html([*rows(groups()), report_rows.row()], "x")
    table = page.partition('id="found"')[2].partition("</table>")[0]
    assert "medium<br>141 people" in table
    assert table.count("<tr>") == 2, "the row without a measured AP is left out"
    assert 'id="found"' not in html.html([report_rows.row()], "x")
