"""An answer streams into a browser: sources first, stop, again, and it goes on while the page is loaded anew."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_main_way import make_knowledge_base, set_up
from tests.integration.database import own_database
from tests.integration.lectern import Lectern, until
from tests.requirements_present import program
from tests.search.model_server import Habits, ModelServer

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SOON = 120_000  # milliseconds, on a busy machine
TEXT = "The kettle is descaled monthly with vinegar. Whoever empties it fills it."
QUESTION = "How often is the kettle descaled?"
WORDS = (
    "The kettle",
    " is descaled",
    " monthly",
    " with vinegar",
    " [1].",
    "\n\nWhoever",
    " empties it",
    " fills it",
    " [1].",
)


@pytest.fixture(scope="module")
def server():
    with ModelServer(Habits(pieces=WORDS)) as running:
        yield running


@pytest.fixture(scope="module")
def lectern(server, tmp_path_factory):
    program("chromium")  # skips before anything is started
    with own_database() as database:
        chat = {"KB_CHAT_URL": server.url, "KB_CHAT_MODEL": "plain-model"}
        running = Lectern(tmp_path_factory.mktemp("streaming") / "data", **database, **chat)
        running.data.mkdir()
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def page(browser, lectern, watch):
    """Signed in, with a knowledge base that knows about kettles."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    page = watch.over(context.new_page())
    page.set_default_timeout(60_000)
    set_up(page, lectern.url)
    make_knowledge_base(page)
    file = {"name": "kitchen.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.locator("input[type=file][name=file]").set_input_files(files=[file])
    expect(page.locator(".badge-ready")).to_have_count(1, timeout=SOON)
    yield page
    context.close()


@pytest.fixture
def asked(page, lectern, server):
    """Ask, with so many seconds before each piece; the answer has begun when this returns."""

    def ask(pace: float):
        server.habits.pace = pace
        page.goto(lectern.url)
        page.locator("#question").fill(QUESTION)
        page.get_by_role("button", name="Ask", exact=True).click()
        page.wait_for_url("**/conversations/**", timeout=SOON)
        return page

    return ask


def test_the_sources_are_there_before_the_answer_which_goes_on_when_the_page_is_loaded_again(asked):
    page = asked(3.0)
    expect(page.locator(".sources .source")).to_have_count(1)
    expect(page.locator(".answer-writing")).to_be_visible()
    expect(page.locator(".answer-tail")).to_contain_text("The kettle", timeout=SOON)
    expect(page.locator(".answer")).not_to_contain_text("fills it")
    page.reload()
    expect(page.locator(".answer-tail")).to_contain_text("is descaled", timeout=SOON)
    expect(page.locator(".answer-writing")).to_have_count(0, timeout=SOON)
    expect(page.locator(".answer")).to_contain_text("fills it")
    expect(page.locator(".answer a.citation")).to_have_count(2)


BREAK_OFF = """() => {
  const stream = document.querySelector(".answer-writing")["htmx-internal-data"].sseEventSource;
  stream.close();
  stream.onerror(new Event("error"));  // as after a 502
}"""


def test_a_stream_that_is_begun_anew_repeats_nothing(asked, watch):
    page = asked(2.0)
    expect(page.locator(".answer-blocks")).to_contain_text("with vinegar", timeout=SOON)
    page.evaluate(BREAK_OFF)
    watch.complaints.remove("[object Event]")  # htmx tells of it
    expect(page.locator(".answer-tail")).to_contain_text("fills it", timeout=SOON)
    expect(page.locator(".answer-blocks > *")).to_have_count(1)
    expect(page.locator(".answer-blocks")).to_have_text(re.compile("^The kettle is descaled monthly with vinegar"))
    expect(page.locator(".answer-writing")).to_have_count(0, timeout=SOON)


UNCHECKED = """
from django.utils import timezone
from search.models import Message
newest = Message.objects.latest("pk")
Message.objects.filter(pk=newest.pk).update(support=[], awaits_check=True, beat_at=timezone.now())
"""
CHECKED = """
from search.answering.check import check
from search.models import Message
check(Message.objects.latest("pk").pk)
"""


@pytest.fixture
def check_is_late(asked, lectern, server, monkeypatch):
    """Gives the page with an answer that is not checked yet, and what checks it."""

    def asked_for(*pieces: str):
        monkeypatch.setattr(server.habits, "pieces", pieces)
        page = asked(0.1)
        expect(page.locator(".answer:not(.answer-writing) a.citation")).to_have_count(1, timeout=SOON)
        lectern.manage("shell", "--no-imports", "-c", UNCHECKED)
        page.reload()
        return page, lambda: lectern.manage("shell", "--no-imports", "-c", CHECKED)

    return asked_for


def test_what_its_source_does_not_say_is_marked_and_the_reader_keeps_their_place(check_is_late):
    page, check = check_is_late("The kettle is painted blue", " by Marta on Sundays [1].")
    number, note = page.locator(".answer a.citation"), page.locator(".answer .claim-note")
    number.focus()
    expect(note).to_have_count(0)
    check()
    expect(note).to_have_text("not found in its sources", timeout=SOON)
    expect(number).to_be_focused()


def test_an_answer_that_its_source_bears_out_is_not_touched_again(check_is_late):
    page, check = check_is_late("The kettle is descaled", " monthly with vinegar [1].")
    page.locator(".answer > p").evaluate("paragraph => { paragraph.dataset.seen = 'yes'; }")
    with page.expect_response(lambda said: said.url.endswith("/marks") and said.status == 286, timeout=SOON):
        check()
    page.wait_for_timeout(2500)  # in which it would have asked again
    expect(page.locator("[data-seen=yes]")).to_have_count(1)
    expect(page.locator(".claim-note")).to_have_count(0)


def test_stop_ends_the_model_and_keeps_what_is_written_and_again_takes_its_place(asked, server):
    page = asked(2.0)
    expect(page.locator(".answer-tail")).to_contain_text("is descaled", timeout=SOON)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped: the answer ends here.")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("The kettle is descaled")
    expect(page.locator(".answer")).not_to_contain_text("fills it")
    until(lambda: server.asked[-1].hung_up, 30, "the model server to be let go")
    server.habits.pace = 0.1
    page.get_by_role("button", name="Answer again").click()
    expect(page.locator(".answer")).to_contain_text("fills it", timeout=SOON)
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.get_by_text("1 earlier answer")).to_be_visible()


def test_the_question_is_edited_in_its_place_and_the_answer_is_rated(asked):
    page = asked(0.0)
    expect(page.locator(".answer")).to_contain_text("fills it", timeout=SOON)
    page.get_by_text("Edit the question").click()
    page.locator(".turn-edit textarea").fill("Who fills the kettle when it is empty?")
    page.locator(".turn-edit").get_by_role("button", name="Ask").click()
    expect(page.locator(".turn-question")).to_have_text(re.compile("Who fills the kettle"), timeout=SOON)
    expect(page.locator(".answer")).to_contain_text("fills it", timeout=SOON)
    page.get_by_role("button", name="This helped").click()
    expect(page.get_by_role("button", name="This helped")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("What was good about it?").fill("Short.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("your comment is kept")).to_be_visible()


def test_nothing_was_fetched_from_elsewhere_and_nothing_complained(page, watch):
    assert watch.foreign == []
    assert watch.complaints == []
