"""Every control of the page: its effect on charts and table, and that the address keeps it."""

import random
from dataclasses import replace

import pytest

import report_rows
from browser_page import (
    choose,
    chromium,
    data,
    find,
    opened,
    plotted,
    settled,
    tabled,
    text,
    written,
)
from posemark.report import common_settings, formats, pareto
from posemark.report.page import entries

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
BY_NAME = {each.name: each for each in entries.FILTERS}


def varied():
    """The post's entries in several runtimes, precisions and licences, so that all filters act."""
    rows = report_rows.seed_measured()
    changes = {
        1: {"runtime": "openvino"},
        3: {"runtime": "openvino", "precision": "fp16"},
        18: {"licence": "CC BY-NC 4.0"},
        20: {"licence": None},
    }
    return [replace(row, **changes.get(at, {})) for at, row in enumerate(rows)]


ROWS = varied()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as session:
        yield session


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(ROWS, tmp_path_factory.mktemp("page"))


@pytest.fixture(autouse=True)
def quiet(browser):
    browser.get_log("browser")
    yield
    assert browser.get_log("browser") == []


def places(keep):
    return {at for at, row in enumerate(ROWS) if keep(row)}


TIMES = "\N{MULTIPLICATION SIGN}"
PLOTTED = {id(row) for row in common_settings.plotted(ROWS)}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_filter_narrows_charts_and_table_alike(name, browser, page):
    opened(browser, page)
    own = BY_NAME[name]
    unwanted = next(iter(own.values(ROWS)))
    choose(browser, name, unwanted)
    left = places(lambda row: own.value(row) != unwanted)
    assert 0 < len(left) < len(ROWS)
    assert tabled(browser) == left
    assert plotted(browser) == left & places(lambda row: id(row) in PLOTTED)
    assert {each["id"] for each in data(browser, "stages", "parts")} == left
    assert {each["id"] for each in data(browser, "cost", "ends")} == left
    assert text(browser, "#count") == f"{len(left)} of 25 entries"
    held = len(own.values(ROWS))
    assert text(browser, f"[data-name={name}] output") == f"{held - 1}/{held}"
    choose(browser, name, unwanted)
    assert tabled(browser) == places(lambda row: True)


def test_filters_narrow_together_and_reset_takes_all_back(browser, page):
    opened(browser, page)
    assert not find(browser, "#start-over").is_enabled()
    choose(browser, "family", "HRNet")
    choose(browser, "verdict", "valid")
    both = places(lambda row: row.family != "HRNet" and row.verdict.kind != "valid")
    assert tabled(browser) == both
    find(browser, "#start-over").click()
    settled(browser)
    assert tabled(browser) == places(lambda row: True)
    assert browser.execute_script("return location.hash") == ""


def test_a_menu_takes_all_or_none(browser, page):
    opened(browser, page)
    find(browser, "[data-name=family] summary").click()
    find(browser, "[data-name=family] button[value=none]").click()
    settled(browser)
    assert tabled(browser) == set()
    choose(browser, "family", "DEKR")
    assert tabled(browser) == places(lambda row: row.family == "DEKR")
    find(browser, "[data-name=family] button[value=all]").click()
    settled(browser)
    assert tabled(browser) == places(lambda row: True)


def test_nothing_left_is_no_error(browser, page):
    opened(browser, page, "#family=")
    assert text(browser, "#count") == "0 of 25 entries"
    assert plotted(browser) == set()


def test_the_address_keeps_what_was_chosen(browser, page):
    opened(browser, page)
    choose(browser, "boxes", "ground-truth boxes")
    choose(browser, "people", "20")
    choose(browser, "axis", "linear")
    find(browser, "[data-entry='20'] button").click()
    settled(browser)
    before = tabled(browser), data(browser, "ap-fps", "points"), text(browser, "#cards")
    address = browser.execute_script("return location.hash")
    opened(browser, page, address)
    assert (tabled(browser), data(browser, "ap-fps", "points"), text(browser, "#cards")) == before
    assert find(browser, "input[name=people][value='20']").is_selected()


def test_another_address_changes_the_page_that_is_open(browser, page):
    opened(browser, page, "#family=DEKR")
    browser.execute_script("location.hash = '#family=HRNet&nonsense=1&entry=999&people=7'")
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    settled(browser)
    assert tabled(browser) == places(lambda row: row.family == "HRNet")


@pytest.mark.parametrize("people", formats.PEOPLE)
def test_people_in_the_frame_change_the_speeds_to_those_of_the_lines(people, browser, page):
    opened(browser, page)
    choose(browser, "people", str(people))
    marks = data(browser, "ap-fps", "points")
    assert len(marks) == 25
    for mark in marks:
        row = ROWS[mark["id"]]
        assert mark["fps"] == pytest.approx(formats.fps_at(row, people))
        assert mark["label"].endswith("†") == formats.extrapolated(row, people)
        assert mark["fps_low"] is None
    beyond = any(formats.extrapolated(ROWS[mark["id"]], people) for mark in marks)
    assert find(browser, "#beyond").is_displayed() == beyond
    assert [each["people"] for each in data(browser, "cost", "wish")] == [people]
    (shown,) = [people for people in formats.PEOPLE if displayed(browser, f"td.people-{people}")]
    assert shown == people
    choose(browser, "people", "")
    fps = [each["fps"] for each in data(browser, "ap-fps", "points")]
    assert fps == pytest.approx([ROWS[mark["id"]].fps_pose for mark in marks])


def displayed(browser, selector):
    return find(browser, selector).is_displayed()


def test_rows_without_a_line_are_named_when_people_are_chosen(browser, tmp_path):
    rows = [ROWS[0], replace(ROWS[1], intercept_ms=None, ms_per_person=None)]
    opened(browser, written(rows, tmp_path), "#people=5")
    assert plotted(browser) == {0}
    assert "too few frames" in text(browser, "#missing")
    assert "b hrnet-w32-256x192@gt" in text(browser, "#missing")
    assert "b hrnet-w32-256x192@gt" in text(browser, "#unfitted")


def test_axes_turn_linear_and_logarithmic(browser, page):
    opened(browser, page)
    kinds = "return ['ap-fps', 'cost'].map((id) => views.get(id).view.scale('y').type)"
    assert browser.execute_script(kinds) == ["log", "log"]
    assert "(log)" in text(browser, "#ap-fps")
    choose(browser, "axis", "linear")
    assert browser.execute_script(kinds) == ["linear", "linear"]
    assert "(log)" not in text(browser, "#ap-fps")


def corners(drawn):
    found = {}
    for each in sorted(drawn, key=lambda each: each["order"]):
        found.setdefault(each["front"], []).append((each["front_ap"], each["front_fps"]))
    return found


@pytest.mark.parametrize("address", ["", "#family=HRNet&family=DEKR", "#people=20"])
def test_fronts_follow_what_is_shown_by_the_rule_of_the_picture(address, browser, page):
    opened(browser, page, address)
    marks = sorted(data(browser, "ap-fps", "points"), key=lambda mark: mark["id"])
    rows = [ROWS[mark["id"]] for mark in marks]
    scale = "return ['x', 'y'].map((name) => views.get('ap-fps').view.scale(name).domain()[0])"
    origin = tuple(browser.execute_script(scale))
    again = "return stepped(plotted().map(mark), arguments[0])"
    ours = corners(browser.execute_script(again, list(origin)))
    points = [(mark["ap"], mark["fps"]) for mark in marks]
    theirs = {each.kind: each.corners for each in pareto.fronts(rows, points, origin)}
    assert ours == {kind: [tuple(each) for each in found] for kind, found in theirs.items()}
    lines = "return document.querySelectorAll('#ap-fps .fronts_marks path').length"
    assert browser.execute_script(lines) == len(theirs)


def test_both_rules_of_fronts_agree_on_any_points(browser, page):
    opened(browser, page)
    chance = random.Random(4)
    sets = [
        [(chance.randint(0, 6), chance.randint(0, 6)) for _ in range(chance.randint(1, 25))]
        for _ in range(400)
    ]
    ours = browser.execute_script(
        "return arguments[0].map((points) => stairs(pareto(points), [-1, -1]))", sets
    )
    theirs = [pareto.stairs(pareto.pareto(points), (-1, -1)) for points in sets]
    assert [[tuple(each) for each in found] for found in ours] == theirs


def test_only_comparable_rows_share_axes_and_devices_stand_side_by_side(browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    elsewhere = report_rows.on_another_machine(ROWS[:6])
    rows = [*ROWS, *elsewhere, report_rows.judged(ROWS[0], "incomparable")]
    opened(browser, written(rows, tmp_path))
    assert plotted(browser) <= set(range(25))
    assert tabled(browser) == set(range(32))
    assert text(browser, "#count") == "32 of 32 entries, 25 of them on these axes"
    twins = data(browser, "devices", "marks")
    assert len(twins) == 12
    assert {each["machine"] for each in twins} == {ROWS[0].machine, elsewhere[0].machine}
    assert f"{TIMES} 3.00" in text(browser, "#devices")
    find(browser, "select[name=group]").send_keys(Keys.ARROW_DOWN)
    settled(browser)
    assert plotted(browser) == {25 + at for at in range(6) if id(ROWS[at]) in PLOTTED}
    assert "group=1" in browser.execute_script("return location.hash")


def test_one_machine_has_neither_groups_nor_devices(browser, page):
    opened(browser, page)
    assert not find(browser, "#devices-section").is_displayed()
    assert browser.execute_script("return document.querySelector('select[name=group]')") is None


def test_entries_are_chosen_in_the_table_by_keyboard_and_compared(browser, page):
    from selenium.webdriver.common.keys import Keys

    opened(browser, page)
    assert "No entry is chosen" in text(browser, "#picked")
    for place in (21, 0):
        find(browser, f"tr[data-entry='{place}'] button").send_keys(Keys.ENTER)
        settled(browser)
    heads = [text(browser, f"#cards article:nth-child({at})") for at in (1, 2)]
    assert heads[0].startswith("v dekr-w32-512@single valid")
    assert heads[1].startswith("a hrnet-w32-256x192@detected valid")
    assert find(browser, "tr[data-entry='21'] button").get_attribute("aria-pressed") == "true"
    assert [each["id"] for each in data(browser, "ap-fps", "chosen")] == [0, 21]
    assert set(text(browser, "#keypoints").split()) >= {"nose", "ankle"}
    find(browser, "#unpick").send_keys(Keys.ENTER)
    settled(browser)
    assert data(browser, "ap-fps", "chosen") == []


def test_a_click_on_a_mark_chooses_it_and_four_are_the_most(browser, page):
    from selenium.webdriver.common.action_chains import ActionChains

    opened(browser, page, "#entry=0&entry=1&entry=18&entry=24")
    place = data(browser, "ap-fps", "points").index(
        next(each for each in data(browser, "ap-fps", "points") if each["id"] == 17)
    )
    mark = find(browser, f"#ap-fps .points_marks path:nth-child({place + 1})")
    ActionChains(browser).move_to_element(mark).click().perform()
    settled(browser)
    assert browser.execute_script("return chosen") == [1, 18, 24, 17]


def test_a_card_gives_verdict_evidence_and_figures(browser, page):
    opened(browser, page, "#entry=18")
    find(browser, ".card summary").click()
    card = text(browser, ".card")
    assert "throttled" in card
    for sentence in ROWS[18].verdict.evidence:
        assert sentence in card
    assert "48.6 (scales: single; flip test; OpenPose README)" in card


def test_latency_and_course_are_those_of_the_chosen(browser, page):
    opened(browser, page, "#entry=23")
    row = ROWS[23]
    strips = browser.execute_script(
        "return [bins(report.entries[23]), rules(report.entries[23]), course(report.entries[23])]"
    )
    frames = [int(each["frames"].split()[0]) for each in strips[0]]
    assert frames == [count for _, count in row.histogram]
    assert list(row.latency_ms) == ["p50", "p90", "p95"], "60 frames are too few for p99"
    assert [each["at"] for each in strips[1]] == [row.latency_ms[p] for p in ("p50", "p95")]
    assert len(strips[2]) == 2 * len(row.timeline)
    assert "p95 " in text(browser, "#latency")
    assert "p99 " not in text(browser, "#latency")
    assert "fixed workload" in text(browser, "#timeline")


def test_menus_open_and_close_by_keyboard(browser, page):
    from selenium.webdriver.common.keys import Keys

    opened(browser, page)
    summary = find(browser, "[data-name=family] summary")
    summary.send_keys(Keys.ENTER)
    first = find(browser, "[data-name=family] fieldset button")
    assert first.is_displayed()
    summary.send_keys(Keys.TAB)
    assert browser.switch_to.active_element == first
    first.send_keys(Keys.ESCAPE)
    assert not first.is_displayed()
    assert browser.switch_to.active_element == summary
    summary.send_keys(Keys.ENTER)
    find(browser, "h1").click()
    assert not first.is_displayed()
