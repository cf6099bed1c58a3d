"""The page in a real browser: charts drawn, table sorts, nothing loaded, no errors."""

import random
from dataclasses import replace

import pytest

import report_rows
from browser_page import (
    chromium,
    data,
    find,
    opened,
    plotted,
    requests,
    resized,
    settled,
    text,
    written,
)
from posemark.report import formats, speed_strip, terms
from posemark.report.formats import DASH, ap_known

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
CHARTS = ("ap-fps", "cost", "stages", "latency", "timeline", "keypoints", "sizes", "groups")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as session:
        yield session


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    return written(report_rows.seed_measured(), tmp_path_factory.mktemp("seed"))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The page of these rows with a figure in every main column."""
    rows = [replace(row, share=0.22) for row in report_rows.seed_measured()]
    return written(rows, tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return written(report_rows.mixed(), tmp_path_factory.mktemp("mixed"))


@pytest.fixture(autouse=True)
def quiet(browser):
    """No test may leave an error or a warning in the console."""
    browser.get_log("browser")
    yield
    assert browser.get_log("browser") == []


def column(browser, title):
    """Return the cells below a heading, in the order of the page."""
    return browser.execute_script(
        """
        const header = [...document.querySelectorAll("thead th")]
          .find((each) => each.textContent === arguments[0]);
        return [...header.closest("table").tBodies[0].rows]
          .map((row) => row.cells[header.cellIndex].textContent);
        """,
        title,
    )


def press(browser, title):
    """Focus a heading by keyboard and press Enter; return its aria-sort afterwards."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    button = browser.find_element(By.XPATH, f"//thead//button[text()='{title}']")
    button.send_keys(Keys.ENTER)
    return button.find_element(By.XPATH, "..").get_attribute("aria-sort")


def drawn(browser):
    """Return the charts that have a picture in the document."""
    found = "return [...document.querySelectorAll('.chart svg')].map((e) => e.closest('.chart').id)"
    return browser.execute_script(found)


def test_the_page_draws_all_charts_and_loads_nothing(browser, mixed):
    browser.get_log("performance")
    opened(browser, mixed)
    assert sorted(drawn(browser)) == sorted([*CHARTS[:1], *CHARTS[2:]])  # no row has a line
    assert len(plotted(browser)) == 18
    page, *others = requests(browser)
    assert page.endswith("report.html")
    assert [url for url in others if not url.startswith("data:")] == []
    loaded = "return performance.getEntriesByType('resource').map((each) => each.name)"
    assert [u for u in browser.execute_script(loaded) if not u.startswith("data:")] == []


def test_a_mark_shows_its_settings(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains

    opened(browser, written([report_rows.row()], tmp_path))
    ActionChains(browser).move_to_element(find(browser, "#ap-fps .points_marks path")).perform()
    tooltip = find(browser, "#vg-tooltip-element").text
    assert "74.4 as published (boxes: detected, person AP 56.4; flip test" in tooltip
    assert "valid: interval ±2.1% over 42 blocks" in tooltip


def test_intervals_and_rings_are_drawn_for_the_rows_that_have_them(browser, seed):
    opened(browser, seed)
    rows = report_rows.seed_measured()
    marked = plotted(browser)
    with_interval = {at for at in marked if rows[at].fps_interval}
    doubted = {at for at in marked if rows[at].verdict.kind != "valid"}
    assert {each["id"] for each in data(browser, "ap-fps", "fps_bars")} == with_interval
    assert {each["id"] for each in data(browser, "ap-fps", "ap_bars")} == {
        at for at in marked if rows[at].ap_interval
    }
    assert {each["id"] for each in data(browser, "ap-fps", "rings")} == doubted


def test_names_stand_beside_marks_and_cover_no_other(browser, seed):
    opened(browser, seed)
    boxes = browser.execute_script(
        """
        return [...document.querySelectorAll("#ap-fps .names text")]
          .filter((each) => each.getAttribute("opacity") !== "0")
          .map((each) => { const { x, y, width, height } = each.getBoundingClientRect();
            return [x, y + 3, x + width, y + height - 3]; });
        """
    )
    assert len(boxes) == len(plotted(browser))
    for at, (left, top, right, bottom) in enumerate(boxes):
        for x1, y1, x2, y2 in boxes[:at]:
            assert right < x1 or x2 < left or bottom < y1 or y2 < top


@pytest.mark.parametrize("width", [1280, 390])
def test_speeds_without_any_ap_stand_left_of_the_axis(browser, seed, width):
    opened(browser, seed, width=width)
    assert len(plotted(browser)) == len(report_rows.seed_measured())
    unknown = {at for at, row in enumerate(report_rows.seed_measured()) if not ap_known(row)}
    marks = data(browser, "ap-fps", "points")
    place = "return arguments[0].map((at) => views.get('ap-fps').view.scale('x')(at))"
    pixels = browser.execute_script(place, [mark["at"] for mark in marks])
    left = {mark["id"] for mark, x in zip(marks, pixels, strict=True) if 0 < x < speed_strip.WIDTH}
    assert left == unknown
    assert unknown
    assert speed_strip.LABEL in text(browser, "#ap-fps")
    assert "Left of the AP axis" in browser.page_source
    find(browser, "input[name=view][value=bottom-up]").send_keys(" ")
    settled(browser)
    assert speed_strip.LABEL not in text(browser, "#ap-fps"), "every bottom-up entry has an AP"


def test_the_chart_is_whole_where_no_ap_is_known(browser, tmp_path):
    unknown = [row for row in report_rows.seed_measured() if not ap_known(row)]
    assert unknown
    opened(browser, written(unknown, tmp_path))
    assert len(plotted(browser)) == len(unknown)
    axes = browser.execute_script(
        """
        return [...document.querySelectorAll("#ap-fps .role-axis-label text")]
          .map((each) => each.textContent);
        """
    )
    assert len(axes) >= 2 * 4, "figures on both axes"
    assert speed_strip.LABEL in text(browser, "#ap-fps")


def test_both_rules_of_the_strip_agree(browser, seed):
    opened(browser, seed)
    chance = random.Random(3)
    sets = [[chance.uniform(0, 400) for _ in range(chance.randint(0, 30))] for _ in range(100)]
    ours = browser.execute_script("return arguments[0].map(lanes)", sets)
    assert ours == [speed_strip.lanes(heights) for heights in sets]


def test_the_views_are_chosen_by_keyboard(browser, seed):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    opened(browser, seed)
    combined, top_down, bottom_up = browser.find_elements(By.NAME, "view")
    assert combined.is_selected()
    assert len(plotted(browser)) == 25
    combined.send_keys(Keys.ARROW_RIGHT)
    settled(browser)
    assert top_down.is_selected()
    assert plotted(browser) <= set(range(18))
    top_down.send_keys(Keys.ARROW_RIGHT)
    settled(browser)
    assert plotted(browser) == set(range(18, 25))
    assert bottom_up.accessible_name == "Bottom-up"


def test_a_view_stays_when_the_page_is_turned(browser, seed):
    opened(browser, seed, "#view=bottom-up")
    resized(browser, 375)
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
    settled(browser)
    assert plotted(browser) == set(range(18, 25))
    assert find(browser, "#ap-fps svg").size["width"] <= 375


def test_one_approach_has_no_views_to_choose(browser, mixed):
    opened(browser, mixed)
    assert not find(browser, ".choice.view").is_displayed()


def test_the_table_sorts_by_keyboard_and_keeps_missing_values_last(browser, mixed):
    opened(browser, mixed)
    assert press(browser, "AP") == "ascending"
    assert column(browser, "AP")[:5] == ["63.9", "66.2", "73.3", "75.5", DASH]
    assert press(browser, "AP") == "descending"
    assert column(browser, "AP")[:5] == ["75.5", "73.3", "66.2", "63.9", DASH]
    assert press(browser, "entry") == "ascending"
    names = column(browser, "entry")
    assert names == sorted(names)


def test_figures_are_written_as_elsewhere(browser, seed):
    opened(browser, seed)
    values = [0, 0.0123, 0.0786, 0.0949, 0.0951, 0.5, 1, 9.876, 9.99, 9.996, 42.06, 99.96]
    values += [123.4, 1234.6, 9_999_999.0]
    written_here = browser.execute_script("return arguments[0].map(digits)", values)
    assert written_here == [formats.three_digits(value) for value in values]


def test_bars_of_stages_fill_the_mean_frame(browser, seed):
    opened(browser, seed)
    rows = report_rows.seed_measured()
    ends, stages = {}, {}
    for part in data(browser, "stages", "parts"):
        ends[part["id"]] = part["end"]
        stages.setdefault(part["id"], {})[part["stage"]] = part["end"] - part["start"]
    assert list(ends) == list(range(25))
    assert list(ends.values()) == pytest.approx([1] * 25)
    infer = [row.stage_ms["infer"] / sum(row.stage_ms.values()) for row in rows]
    assert [stages[at]["infer"] for at in range(25)] == pytest.approx(infer)
    assert "14,762 ms" in text(browser, "#stages")


def test_lines_of_cost_are_solid_as_far_as_people_were_seen(browser, seed):
    opened(browser, seed)
    rows = report_rows.seed_measured()
    lines = browser.execute_script("return costLines(report.entries[24], 41)")
    solid = [each["people"] for each in lines if each["part"] == "seen"]
    beyond = [each["people"] for each in lines if each["part"] == "beyond"]
    assert (min(solid), max(solid), min(beyond), max(beyond)) == (1, 9, 9, 41)
    for each in lines:
        assert each["ms"] == pytest.approx(
            rows[24].intercept_ms + rows[24].ms_per_person * each["people"]
        )
    assert browser.execute_script("return document.querySelectorAll('#cost .lines_marks').length")


def test_dark_and_light_are_a_press_apart(browser, seed):
    opened(browser, seed)
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(paper)
    find(browser, "#theme").click()
    assert browser.execute_script(paper) != light
    find(browser, "#theme").click()
    assert browser.execute_script(paper) == light
    wish = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
    opened(browser, seed)
    assert browser.execute_script(paper) != light
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_printing_at_once_prints_all_charts(browser, seed):
    browser.get("about:blank")
    browser.get(seed.as_uri())
    count = "addEventListener('afterprint', () => { window.printed = arguments[0](); })"
    there = "() => [...document.querySelectorAll('.chart svg')].length"
    browser.execute_script(count.replace("arguments[0]", f"({there})"))
    browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert browser.execute_script("return window.printed") == len(CHARTS)
    settled(browser)


def test_the_page_fits_a_phone(browser, seed):
    opened(browser, seed, "#entry=0&entry=21&entry=22&entry=23", width=375)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
    wide = "return [...document.querySelectorAll('.chart svg')].map((e) => e.clientWidth)"
    widths = browser.execute_script(wide)
    assert len(widths) == len(CHARTS)
    assert max(widths) <= 375
    own = wide.replace("e.clientWidth", "Number(e.getAttribute('width'))")
    assert max(browser.execute_script(own)) <= 375  # not shrunk: letters keep their size


def test_no_heading_of_the_table_is_cut_on_a_laptop(browser, full):
    opened(browser, full, width=1280)
    widths = "const e = document.getElementById('figures'); return [e.scrollWidth, e.clientWidth]"
    needed, there = browser.execute_script(widths)
    assert needed <= there
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280


def test_the_name_of_an_entry_stays_in_sight_where_the_table_scrolls_on_a_phone(browser, seed):
    opened(browser, seed, width=390)
    places = """
    const table = document.getElementById("figures");
    table.scrollLeft = 400;
    const left = table.getBoundingClientRect().left;
    const cells = table.querySelectorAll("thead .entry, tbody th");
    return [...cells].map((e) => e.getBoundingClientRect()).map((r) => [r.left - left, r.width]);
    """
    found = browser.execute_script(places)
    assert len(found) == 26
    assert max(abs(left) for left, _ in found) <= 2
    assert max(width for _, width in found) < 0.45 * 390, "room for figures beside it"


def test_names_of_figures_that_cannot_be_guessed_are_explained(browser, full):
    opened(browser, full)
    titles = "return [...document.querySelectorAll('dt[title], thead button[title]')]"
    shown = browser.execute_script(f"{titles}.map((e) => [e.textContent, e.title])")
    for name in ("of peak", "camera FPS"):
        assert [name, terms.TERMS[name]] in shown
        assert f"{name}: {terms.TERMS[name]}" in text(browser, "#figures-terms")
        assert f"{name}: {terms.TERMS[name]}" in text(browser, "#cards-terms")


def test_no_distribution_is_drawn_of_a_single_frame(browser, tmp_path):
    row = report_rows.measured()
    single = replace(row, frames=1, histogram=((40, 1),), latency_ms={})
    opened(browser, written([single], tmp_path), "#entry=0")
    assert not find(browser, "#latency-section").is_displayed()
    assert "latency" not in text(browser, "#cards")
    opened(browser, written([row], tmp_path, "many.html"), "#entry=0")
    assert find(browser, "#latency-section").is_displayed()
    assert "latency" in text(browser, "#cards")


def test_every_control_has_a_name(browser, seed):
    from selenium.webdriver.common.by import By

    opened(browser, seed)
    controls = browser.find_elements(By.CSS_SELECTOR, "input, select, button, summary")
    assert len(controls) > 60
    assert [each for each in controls if each.is_displayed() and not each.accessible_name] == []


def test_a_page_of_no_rows_opens(browser, tmp_path):
    opened(browser, written([], tmp_path))
    assert drawn(browser) == []
    assert text(browser, "#count") == "0 of 0 entries"


def test_hostile_names_do_not_run(browser, tmp_path):
    hostile = "</script><img src=x onerror=\"document.title='owned'\">"
    rows = [report_rows.measured(entry=hostile, family=hostile, machine=hostile, notes=(hostile,))]
    opened(browser, written(rows, tmp_path))
    assert browser.title == "PoseMark report"


def test_a_line_of_cost_stands_out_under_the_mouse(browser, seed):
    from selenium.webdriver.common.action_chains import ActionChains

    opened(browser, seed)
    widths = """
    const lines = [...document.querySelectorAll("#cost .lines_marks path")];
    return lines.map((each) => Number(each.getAttribute("stroke-width")));
    """
    assert max(browser.execute_script(widths)) == 1.8
    line = find(browser, "#cost .hovered_marks path")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", line)
    ActionChains(browser).move_to_element(line).perform()
    assert sorted(set(browser.execute_script(widths))) == [1.8, 4]


def test_a_line_of_cost_names_its_entry(browser, seed):
    opened(browser, seed)
    tooltip = "return document.querySelector('#cost .hovered_marks path').__data__.tooltip"
    shown = browser.execute_script(tooltip)
    assert shown["name"] == "a hrnet-w32-256x192@detected"
    assert shown["takes"] == "0.30 ms + 143 ms per person"
    assert shown["seen"] == "up to 41 people in a frame of the run"


def test_groups_of_people_have_their_number_and_a_handful_is_not_drawn(browser, seed):
    opened(browser, seed)
    script = """
    const labels = document.querySelectorAll("#groups .role-axis-label text");
    return [...labels].map((label) => label.textContent);
    """
    groups = [label for label in browser.execute_script(script) if "(" in label]
    assert groups == [
        *("medium (1,500)", "large (800)", "no overlap (740)", "some overlap (1,030)"),
        *("much overlap (530)", "nothing hidden (1,300)", "some hidden (980)"),
    ]
    table = text(browser, "#found")
    assert "too few" in table
    assert "small" not in table, "nobody is small"
