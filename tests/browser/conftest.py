"""A browser, and a whole Lectern that nobody has set up yet."""

import os

import pytest
from playwright.sync_api import sync_playwright

from tests.integration.database import own_database
from tests.integration.lectern import Lectern
from tests.requirements_present import program

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def lectern(tmp_path_factory):
    program("chromium")  # skips before anything is started
    with own_database() as database:
        running = Lectern(tmp_path_factory.mktemp("browser") / "data", **database)
        running.data.mkdir()
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def browser():
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread; the tests use no database
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=list(QUIET))
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Watch:
    """What a page asked for from elsewhere, and what it complained of."""

    def __init__(self, home: str) -> None:
        self.home, self.foreign, self.complaints = home, [], []

    def over(self, page):
        page.on("request", lambda r: r.url.startswith((self.home, "data:", "blob:")) or self.foreign.append(r.url))
        page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        return page


@pytest.fixture(scope="module")
def watch(lectern):
    return Watch(lectern.url)
