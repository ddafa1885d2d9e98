"""A real browser shows the page: nothing is fetched, nothing sticks out, and the keyboard reaches everything.

Runs where Chromium and the package playwright are installed; `ZOO_SCREENSHOTS` names a folder for pictures to look at.
"""

import os
import shutil
from pathlib import Path

import pytest

from zoo_core.reporting.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
STICKS_OUT = """[...document.querySelectorAll('main *')].filter(element =>
    element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.scroll, pre')).length"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(params=[(360, "light"), (360, "dark"), (1200, "light"), (1200, "dark")])
def opened(browser, finished, request):
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.fetched, page.said = [], []
    page.on("request", lambda asked: page.fetched.append(asked.url))
    page.on("console", lambda message: page.said.append(message.text))
    page.goto(write_report(finished).as_uri())
    if folder := os.environ.get("ZOO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"report_{scheme}_{width}.png", full_page=True)
    yield page
    page.close()


def test_nothing_is_fetched_and_nothing_complains(opened):
    assert [url for url in opened.fetched if not url.startswith(("file:", "data:"))] == []
    assert opened.said == []


def test_nothing_sticks_out(opened):
    assert opened.evaluate("document.scrollingElement.scrollWidth") <= opened.viewport_size["width"]
    assert opened.evaluate(STICKS_OUT) == 0


def test_every_picture_is_shown(opened):
    sizes = opened.evaluate("[...document.images].map(image => { image.loading = 'eager'; return image.decode(); })")
    widths = opened.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(sizes) == len(widths) == 4
    assert min(widths) > 0


def test_theme_follows_the_reader(opened):
    dark = opened.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(18, 23, 29)" if dark else "rgb(255, 255, 255)")
    line = opened.evaluate("getComputedStyle(document.querySelector('polyline')).stroke")
    assert line != "none"


def test_keyboard_reaches_everything(opened):
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.className") == "skip"
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.id") == "content"
    wanted = opened.evaluate("document.querySelectorAll('main a, main summary, main [tabindex=\"0\"]').length")
    seen = set()
    for _ in range(wanted + 5):
        opened.keyboard.press("Tab")
        seen.add(opened.evaluate("document.activeElement.outerHTML.slice(0, 120) + document.activeElement.textContent"))
    closed = opened.evaluate("document.querySelectorAll('details:not([open]) .scroll, details:not([open]) pre').length")
    assert len(seen) >= wanted - closed
