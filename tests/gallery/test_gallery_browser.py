"""The gallery in a real browser: pictures shown, nothing loaded, no sideways scrolling."""

import pytest

import made_gallery
from browser_page import chromium, find, requests, resized
from posemark.gallery.make import gallery

pytestmark = [pytest.mark.browser, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as session:
        yield session


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gallery")
    made = made_gallery.made(folder)
    made.record("good@gt")
    made.record("a-model-with-a-very-long-name-256x192.official-weights@detected", shifted)
    path = folder / "gallery.html"
    path.write_text(gallery([made.runs], 3, "report.html").html, encoding="utf-8")
    return path


def shifted(frame, poses):
    return made_gallery.moved(made_gallery.without(poses, 0), 9.0)


@pytest.mark.parametrize("width", [390, 1280])
def test_all_pictures_are_shown_without_scrolling_sideways(browser, page, width):
    browser.get_log("browser")
    resized(browser, width)
    browser.get(page.as_uri())
    script = """
    const pictures = [...document.images];
    for (const each of pictures) each.loading = "eager";
    return Promise.all(pictures.map((each) => each.decode())).then(() =>
      pictures.map((each) => [each.naturalWidth, each.clientWidth, each.clientHeight, each.alt]));
    """
    pictures = browser.execute_script(script)
    assert len(pictures) == 3 + 3 + 6
    assert all(natural > 100 for natural, *_ in pictures)
    assert all(shown > 200 and tall > 150 for _, shown, tall, _ in pictures)
    assert all(alt for *_, alt in pictures)
    wide = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert browser.execute_script(wide)
    assert browser.get_log("browser") == []
    assert [url for url in requests(browser) if not url.startswith(("file:", "data:"))] == []


def test_two_entries_are_side_by_side_on_a_wide_screen_and_below_each_other_on_a_phone(
    browser, page
):
    tops = "return [...document.querySelector('.two .views').children].map((e) => e.offsetTop)"
    for width, aligned in ((1280, True), (390, False)):
        resized(browser, width)
        browser.get(page.as_uri())
        first, second = browser.execute_script(tops)
        assert (first == second) == aligned


def test_the_button_switches_between_light_and_dark(browser, page):
    browser.get(page.as_uri())
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(colour)
    find(browser, "#theme").click()
    assert browser.execute_script(colour) != light
