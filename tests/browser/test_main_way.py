"""As a person would do it the first time: set up, upload, watch, ask in two languages, open the source at its page."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.integration.lectern import PASSWORD

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SAMPLES = Path(__file__).parent.parent / "samples"
FILES = ("report.pdf", "handbook.docx", "gb18030.txt")
SOON = 120_000  # milliseconds, on a busy machine
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def page(browser, lectern, watch):
    """Signed in as the administrator whom the first visit made, with a knowledge base of three ready documents."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    page = watch.over(context.new_page())
    page.set_default_timeout(30_000)
    set_up(page, lectern.url)
    make_knowledge_base(page)
    upload(page)
    yield page
    context.close()


def set_up(page, url: str) -> None:
    page.goto(url)
    expect(page).to_have_url(re.compile("/setup"))
    page.get_by_label("Username").fill("alice")
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page).not_to_have_url(re.compile("/setup"))


def make_knowledge_base(page) -> None:
    page.get_by_role("link", name="Knowledge bases").first.click()
    page.get_by_role("link", name="Make the first one").click()
    page.get_by_label("Name").fill("Harbour")
    page.get_by_role("button", name="Create and add documents").click()
    expect(page.get_by_role("heading", name="Harbour")).to_be_visible()


def upload(page) -> None:
    page.locator("input[type=file][name=file]").set_input_files([SAMPLES / name for name in FILES])
    expect(page.locator(".badge-ready")).to_have_count(len(FILES), timeout=SOON)


def ask(page, url: str, question: str) -> None:
    page.goto(url)
    page.locator("#question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url("**/conversations/**", timeout=SOON)
    expect(page.locator(".turn").last).to_contain_text(question)


def test_an_english_question_gets_a_sourced_answer_that_opens_at_its_page(page, lectern):
    ask(page, lectern.url, "How much does every boat pay a week?")
    expect(page.locator(".answer").last).to_contain_text("twelve crowns")
    source = page.locator(".source", has_text="page 2").first
    expect(source.locator("mark")).to_contain_text("twelve crowns")
    source.locator(".source-title").click()
    picture = page.locator("#page-2")
    expect(picture.locator("#passage")).to_be_in_viewport()
    expect(picture.locator("img")).to_be_visible()
    assert picture.locator("img").evaluate("async image => { await image.decode(); return image.naturalWidth }") > 800


def test_a_chinese_question_gets_a_sourced_answer_that_opens_at_its_passage(page, lectern):
    ask(page, lectern.url, "每艘船每周缴纳多少？")
    expect(page.locator(".answer").last).to_contain_text("十二克朗")
    page.locator(".source", has_text="第二章").first.locator(".source-title").click()
    expect(page.locator("mark").first).to_contain_text("十二克朗")
    expect(page.locator("mark").first).to_be_in_viewport()


def test_what_no_document_says_is_not_answered(page, lectern):
    ask(page, lectern.url, "Which enzyme breaks down lactose in the human intestine?")
    expect(page.locator(".answer").last).to_contain_text("Nothing in your documents answers this.")


def test_a_follow_up_question_is_understood(page, lectern):
    ask(page, lectern.url, "When was the harbour of Norvale opened?")
    expect(page.locator(".answer").last).to_contain_text("1887")
    page.locator("#question").fill("And how many basins does it have?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".turn")).to_have_count(2, timeout=SOON)
    expect(page.locator(".answer").last).to_contain_text("two basins")


def test_a_damaged_file_ends_in_a_sentence_and_a_refused_one_is_told_at_once(page, lectern, tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n" + b"garbage " * 300)
    (tmp_path / "tool.exe").write_bytes(b"MZ" + bytes(range(256)) * 20)
    page.goto(f"{lectern.url}/knowledge-bases/")
    page.locator("main").get_by_role("link", name="Harbour").first.click()
    page.locator("input[type=file][name=file]").set_input_files([tmp_path / "broken.pdf", tmp_path / "tool.exe"])
    expect(page.locator("#outcomes")).to_contain_text("tool.exe", timeout=SOON)
    failed = page.locator(".row", has_text="broken")
    expect(failed.locator(".badge-failed").first).to_be_visible(timeout=SOON)
    expect(failed.first).to_contain_text(re.compile(r"damaged|not a valid", re.I))


@pytest.mark.parametrize("path", ["/", "/search?q=boats", "/knowledge-bases/", "/conversations/", "/account/"])
def test_no_page_is_wider_than_a_phone(page, lectern, path):
    page.set_viewport_size(PHONE)
    page.goto(lectern.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size({"width": 1280, "height": 860})


def test_the_browsers_language_chooses_chinese(browser, lectern, watch):
    context = browser.new_context(locale="zh-CN")
    page = watch.over(context.new_page())
    page.goto(lectern.url)
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    context.close()


def test_nothing_was_loaded_from_elsewhere_and_nothing_complained(page, watch):
    assert watch.foreign == []
    assert watch.complaints == []
