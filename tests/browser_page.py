"""A report page in headless Chromium: opening it, and reading what it shows."""

import json
import shutil
from contextlib import contextmanager

import pytest

from posemark.report.write import write

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def chromium(profile):
    """A browser with its own profile; skips the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    session = webdriver.Chrome(options=options, service=service)
    try:
        yield session
    finally:
        session.quit()


def written(rows, folder, name="report.html"):
    """The page of these rows as a file."""
    write(rows, folder / name)
    return folder / name


def opened(browser, path, address="", width=1280):
    """The page at a width in pixels, freshly loaded, all its charts drawn."""
    resized(browser, width)
    browser.get("about:blank")
    browser.get(path.as_uri() + address)
    settled(browser)


def resized(browser, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def settled(browser):
    """Wait until every chart shows the last choice."""
    from selenium.webdriver.support.ui import WebDriverWait

    drawn = "return document.documentElement.dataset.drawn === 'all'"
    WebDriverWait(browser, 30).until(lambda page: page.execute_script(drawn))


def find(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_element(By.CSS_SELECTOR, selector)


def choose(browser, name, value):
    """Press the space bar on a checkbox or radio button, as a keyboard user does."""
    from selenium.webdriver.common.keys import Keys

    script = (
        "return [...document.getElementsByName(arguments[0])].find((e) => e.value === arguments[1])"
    )
    control = browser.execute_script(script, name, value)
    browser.execute_script(
        "const menu = arguments[0].closest('details'); if (menu) menu.open = true", control
    )
    control.send_keys(Keys.SPACE)
    settled(browser)


def data(browser, chart, layer):
    """Return the data of the drawn marks of a layer, in the order of the document."""
    script = """
    const found = document.querySelectorAll(`#${arguments[0]} .${arguments[1]}_marks > *`);
    return [...found].map((each) => ({ ...each.__data__.datum }));
    """
    return browser.execute_script(script, chart, layer)


def plotted(browser):
    """The places of the rows that have a mark in the AP-FPS chart."""
    return {each["id"] for each in data(browser, "ap-fps", "points")}


def tabled(browser):
    """The places of the rows that the table shows."""
    script = """
    const left = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    return left.map((row) => row.dataset.entry);
    """
    return {int(place) for place in browser.execute_script(script)}


def text(browser, selector):
    return find(browser, selector).text


def requests(browser):
    """Return the addresses that the page requested, without the browser's own pages."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [each for each in messages if each["method"] == "Network.requestWillBeSent"]
    own = [each["params"] for each in sent if each["params"]["documentURL"].startswith("file:")]
    return [each["request"]["url"] for each in own]
