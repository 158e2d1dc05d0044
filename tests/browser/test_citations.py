"""The numbers of an answer: pointed at they show the passage, clicked they open the document at it."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import expect

from kb.models import Section
from search.bear_out import held
from search.cite import cite
from search.conversations.record import record
from search.models import Conversation, Message
from search.passage import Passage
from tests.browser.conftest import Watch
from tests.search.library import add_document, make_index

pytestmark = [pytest.mark.integration, pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FEES = "Every boat pays twelve crowns a week. Boats longer than 20 metres pay 30 crowns."
DOGS = "Dogs are welcome in the office on Fridays."
ANSWER = "Every boat pays twelve crowns a week [1].\n\n- Dogs are welcome in the office on Fridays."
DESKTOP = {"viewport": {"width": 1280, "height": 860}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def talk(handbook, alice, settings, tmp_path):
    """Alice asked, and two documents answer; the second number was added by checking."""
    settings.KB_DATA = tmp_path
    (tmp_path / "run").mkdir()
    index = make_index(handbook)
    passages = [long_document(index, *each) for each in ((FEES, "Harbour fees"), (DOGS, "House rules"))]
    answer = held(ANSWER, passages)
    talk = Conversation.objects.create(user=alice, title="Fees")
    message = Message(
        conversation=talk, question="What does a boat pay, and are dogs welcome?", answer=answer.text, is_answered=True,
        support=[one.as_json() for one in answer.supports],
    )  # fmt: skip
    record(message, cite(answer.text, passages))
    return talk


def long_document(index, text: str, title: str) -> Passage:
    """Its passage stands far down."""
    texts = [*(f"Paragraph {n} says nothing of it." for n in range(60)), text, *(f"Nor does {n}." for n in range(60))]
    document = add_document(index, *texts, title=title)
    Section.objects.bulk_create(
        Section(document=document, ordinal=n, kind=Section.Kind.PARAGRAPH, text=chunk.text, start=chunk.start)
        for n, chunk in enumerate(document.listed)
    )
    chunk = document.listed[60]
    return Passage(chunk.pk, document.pk, document.knowledge_base_id, title, text, chunk.start, chunk.end)


@pytest.fixture
def watch(live_server):
    return Watch(live_server.url)


@pytest.fixture
def opened(browser, live_server, alice, watch, talk):
    """The conversation in a browser of a kind; nothing complains, and nothing is loaded from elsewhere."""
    client = Client()
    client.force_login(alice)
    value = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    contexts = []

    def show(kind: dict):
        contexts.append(browser.new_context(**kind))
        cookie = {"name": django_settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}
        contexts[-1].add_cookies([cookie])
        page = watch.over(contexts[-1].new_page())
        page.set_default_timeout(60_000)
        page.goto(live_server.url + talk.get_absolute_url())
        return page

    yield show
    for context in contexts:
        context.close()
    assert (watch.foreign, watch.complaints) == ([], [])


def number(page, place: int):
    return page.locator(".answer a.citation").nth(place)


def is_at_the_passage(page, text: str) -> None:
    page.wait_for_url(re.compile("/documents/.*#passage"))
    expect(page.locator("mark").first).to_have_text(text)
    expect(page.locator("mark").first).to_be_in_viewport()


def test_pointed_at_a_number_shows_its_passage_and_its_source(opened):
    page = opened(DESKTOP)
    card = page.locator("#cite-float")
    expect(card).to_be_hidden()
    number(page, 0).hover()
    expect(card).to_contain_text("Harbour fees")
    expect(card.locator("mark")).to_have_text("Every boat pays twelve crowns a week.")
    expect(page.locator(".source.is-chosen .source-title")).to_have_text("Harbour fees")
    card.hover()
    page.wait_for_timeout(500)
    expect(card).to_be_visible()
    page.locator(".turn-question").hover()
    expect(card).to_be_hidden()
    expect(page.locator(".source.is-chosen")).to_have_count(0)


def test_clicked_a_number_opens_the_document_at_the_passage(opened):
    page = opened(DESKTOP)
    number(page, 0).click()
    is_at_the_passage(page, "Every boat pays twelve crowns a week.")
    page.get_by_role("link", name="Back to the answer").click()
    number(page, 1).click()
    is_at_the_passage(page, DOGS)


def test_the_middle_button_opens_it_beside(opened):
    page = opened(DESKTOP)
    with page.context.expect_page() as beside:
        number(page, 0).click(button="middle")
    is_at_the_passage(beside.value, "Every boat pays twelve crowns a week.")
    assert "/conversations/" in page.url


def test_with_keys_the_focus_shows_it_and_enter_opens_it(opened):
    page = opened(DESKTOP)
    card = page.locator("#cite-float")
    number(page, 1).focus()
    page.keyboard.press("Shift+Tab")
    expect(card).to_contain_text("Every boat pays twelve crowns a week.")
    expect(number(page, 0)).to_have_attribute("aria-describedby", "cite-float")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.keyboard.press("Tab")
    expect(card).to_contain_text(DOGS)
    page.keyboard.press("Enter")
    is_at_the_passage(page, DOGS)


@pytest.mark.parametrize("second", ["a.citation >> nth=0", "#cite-float a"])
def test_the_first_tap_shows_it_and_the_second_opens_it(opened, second):
    page = opened(PHONE)
    number(page, 0).tap()
    expect(page.locator("#cite-float")).to_contain_text("Every boat pays twelve crowns a week.")
    expect(page.locator("#cite-float a")).to_have_text("Open the document here")
    assert "/conversations/" in page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["viewport"]["width"]
    page.locator(".turn-question").tap()
    expect(page.locator("#cite-float")).to_be_hidden()
    number(page, 0).tap()
    page.locator(second).tap()
    is_at_the_passage(page, "Every boat pays twelve crowns a week.")


def test_numbers_say_which_document_and_whether_checking_added_them(opened):
    page = opened(DESKTOP)
    expect(page.locator(".answer .cite-title")).to_have_text(["Harbour fees", "House rules"])
    frames = page.locator(".answer a.citation").evaluate_all(
        "all => all.map(one => getComputedStyle(one).outlineStyle)"
    )
    assert frames == ["none", "dashed"]
    expect(page.get_by_text("Numbers in a dashed frame were added by checking")).to_be_visible()


def test_without_scripts_a_number_opens_the_document_all_the_same(opened):
    page = opened({**DESKTOP, "java_script_enabled": False})
    number(page, 0).hover()
    expect(page.locator(".cite-card").first).to_be_visible()
    number(page, 0).click()
    is_at_the_passage(page, "Every boat pays twelve crowns a week.")
