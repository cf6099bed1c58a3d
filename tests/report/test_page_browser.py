"""The page in a real browser: charts drawn, table sorts, nothing loaded, no errors."""

import json
import shutil

import pytest

import report_rows
from posemark.report.figures import DASH
from posemark.report.write import write

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    session = webdriver.Chrome(options=options, service=service)
    yield session
    session.quit()


def opened(browser, tmp_path, rows, width=1280):
    """The page of these rows at a width in pixels, its charts drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    path = tmp_path / "report.html"
    write(rows, path)
    browser.get(path.as_uri())
    drawn = "return document.querySelectorAll('.chart svg').length"
    WebDriverWait(browser, 30).until(lambda page: page.execute_script(drawn) == 3)


def requests(browser):
    """The address of everything that the page asked for (and not the browser's own pages)."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [each for each in messages if each["method"] == "Network.requestWillBeSent"]
    own = [each["params"] for each in sent if each["params"]["documentURL"].startswith("file:")]
    return [each["request"]["url"] for each in own]


def column(browser, title):
    """The cells below a heading, as they stand."""
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
    """Reach a heading by keyboard and press Enter; its aria-sort afterwards."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    button = browser.find_element(By.XPATH, f"//thead//button[text()='{title}']")
    button.send_keys(Keys.ENTER)
    return button.find_element(By.XPATH, "..").get_attribute("aria-sort")


def test_the_page_draws_both_charts_without_errors_or_loads(browser, tmp_path):
    opened(browser, tmp_path, report_rows.mixed())
    marks = "return document.querySelectorAll('#ap-fps .mark-symbol.role-mark path').length"
    assert browser.execute_script(marks) == 11
    assert browser.get_log("browser") == []
    page, *others = requests(browser)
    assert page.endswith("report.html")
    assert [url for url in others if not url.startswith("data:")] == []


def test_a_mark_tells_its_settings(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    opened(browser, tmp_path, [report_rows.row()])
    mark = browser.find_element(By.CSS_SELECTOR, "#ap-fps .mark-symbol.role-mark path")
    ActionChains(browser).move_to_element(mark).perform()
    tooltip = browser.find_element(By.ID, "vg-tooltip-element").text
    assert "74.4 as published (boxes: detected, person AP 56.4; flip test" in tooltip


def shown(browser, number):
    """The labels in the AP-FPS chart, once it shows as many as awaited."""
    from selenium.webdriver.support.ui import WebDriverWait

    marks = "return document.querySelectorAll('#ap-fps .mark-symbol.role-mark path').length"
    WebDriverWait(browser, 30).until(lambda page: page.execute_script(marks) == number)
    texts = "[...document.querySelectorAll('#ap-fps .mark-text.role-mark text')]"
    return set(browser.execute_script(f"return {texts}.map((each) => each.textContent)"))


def test_the_views_are_chosen_by_keyboard(browser, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    opened(browser, tmp_path, report_rows.seed())
    combined, top_down, bottom_up = browser.find_elements(By.NAME, "view")
    assert combined.is_selected()
    assert len(shown(browser, 19)) == 19
    combined.send_keys(Keys.ARROW_RIGHT)
    assert top_down.is_selected()
    assert shown(browser, 12) == set("abcegiklmnoq")
    top_down.send_keys(Keys.ARROW_RIGHT)
    assert shown(browser, 7) == set("stuvwxy")
    lines = "return document.querySelectorAll('#ap-fps .mark-line path').length"
    assert browser.execute_script(lines) == 1
    assert bottom_up.accessible_name == "Bottom-up"
    assert browser.get_log("browser") == []


def test_a_view_stays_when_the_page_is_turned(browser, tmp_path):
    from selenium.webdriver.common.by import By

    opened(browser, tmp_path, report_rows.seed())
    browser.find_elements(By.NAME, "view")[2].click()
    shown(browser, 7)
    size = {"width": 375, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert shown(browser, 7) == set("stuvwxy")


def test_one_approach_has_no_views_to_choose(browser, tmp_path):
    from selenium.webdriver.common.by import By

    opened(browser, tmp_path, report_rows.mixed())
    assert not any(each.is_displayed() for each in browser.find_elements(By.NAME, "view"))


def test_the_table_sorts_by_keyboard_and_keeps_missing_values_last(browser, tmp_path):
    opened(browser, tmp_path, report_rows.mixed())
    assert press(browser, "AP") == "ascending"
    assert column(browser, "AP")[:5] == ["63.9", "66.2", "73.3", "75.5", DASH]
    assert press(browser, "AP") == "descending"
    assert column(browser, "AP")[:5] == ["75.5", "73.3", "66.2", "63.9", DASH]
    assert press(browser, "entry") == "ascending"
    names = column(browser, "entry")
    assert names == sorted(names)


def test_the_page_fits_a_phone(browser, tmp_path):
    opened(browser, tmp_path, report_rows.seed(), width=375)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 375
    wide = "return [...document.querySelectorAll('.chart svg')].map((e) => e.clientWidth)"
    assert max(browser.execute_script(wide)) <= 375


def test_a_page_of_no_rows_opens(browser, tmp_path):
    opened(browser, tmp_path, [])
    assert browser.get_log("browser") == []


def test_hostile_names_do_not_run(browser, tmp_path):
    hostile = "</script><img src=x onerror=\"document.title='owned'\">"
    opened(browser, tmp_path, [report_rows.row(entry=hostile, notes=(hostile,))])
    assert browser.title == "PoseMark report"
    assert browser.get_log("browser") == []
