"""A real llama.cpp writes through a whole Lectern into a real browser."""

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watch
from tests.browser.test_main_way import make_knowledge_base, set_up
from tests.integration.database import own_database
from tests.integration.lectern import Lectern, until
from tests.requirements_present import program
from tests.search.gguf_chat import CONTEXT, chat_gguf
from tests.search.llama_server import llama_server

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SOON = 120_000  # milliseconds, on a busy machine
TEXT = "The kettle is descaled monthly with vinegar. Whoever empties it fills it."
QUESTION = "How often is the kettle descaled?"
KEY = "sesame"
BRIEF, LONG = 500, 3000  # tokens, which are letters; two seconds on a quiet machine, and ten
WRITTEN = """window.lengths = [];
addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
  const tail = document.querySelector('.answer-tail');
  if (tail?.textContent) window.lengths.push(tail.textContent.trim().length);
}).observe(document.body, {subtree: true, childList: true, characterData: true}));"""
MAKE = """
from search.models import ChatModel
for name, tokens in (("Brief", {brief}), ("Long", {long})):
    model = ChatModel(name=name, url="{url}", model="random", answer_tokens=tokens, is_default=name == "Brief")
    model.api_key = "{key}"
    model.save()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    model = chat_gguf(folder / "chat.gguf", width=256, layers=12)
    with llama_server(model, folder=folder, context=CONTEXT, api_key=KEY) as running:
        yield running


@pytest.fixture(scope="module")
def lectern(server, tmp_path_factory):
    program("chromium")  # skips before anything is started
    with own_database() as database:
        running = Lectern(tmp_path_factory.mktemp("llama") / "data", **database)
        running.data.mkdir()
        running.start()
        running.manage("shell", "-c", MAKE.format(brief=BRIEF, long=LONG, url=server.url, key=KEY))
        yield running
        running.stop()


@pytest.fixture(scope="module")
def page(browser, lectern):
    """Signed in, with a knowledge base that knows about kettles."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    page = context.new_page()
    page.watch = Watch(lectern.url)
    page.watch.over(page)
    page.add_init_script(WRITTEN)
    page.set_default_timeout(60_000)
    set_up(page, lectern.url)
    make_knowledge_base(page)
    file = {"name": "kitchen.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.locator("input[type=file][name=file]").set_input_files(files=[file])
    expect(page.locator(".badge-ready")).to_have_count(1, timeout=SOON)
    yield page
    context.close()


def ask(page, url: str, model: str) -> None:
    page.goto(url)
    page.locator("#question").fill(QUESTION)
    page.get_by_label("Language model").select_option(model)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url("**/conversations/**", timeout=SOON)


def is_writing(server) -> bool:
    """Whether llama.cpp says that it is at work."""
    said = httpx.get(f"{server.url.removesuffix('/v1')}/slots", headers={"Authorization": f"Bearer {KEY}"}, timeout=30)
    return any(slot["is_processing"] for slot in said.raise_for_status().json())


def test_the_answer_is_seen_to_grow_and_is_said_to_name_no_source(page, lectern):
    ask(page, lectern.url, "Brief")
    expect(page.locator(".sources .source")).to_have_count(1)
    expect(page.locator(".answer-writing")).to_have_count(0, timeout=SOON)
    lengths = page.evaluate("lengths")
    assert len(set(lengths)) > 1 and lengths == sorted(lengths)
    assert lengths[-1] <= BRIEF
    expect(page.get_by_text("This answer names no source. Hold it")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("cut off at the length that is allowed")).to_be_visible()
    expect(page.get_by_text("written by Brief")).to_be_visible()


def test_stop_ends_llama_cpp_and_keeps_what_is_written(page, lectern, server):
    ask(page, lectern.url, "Long")
    until(lambda: len(set(page.evaluate("lengths"))) > 1, SOON / 1000, "the answer to grow")
    assert is_writing(server)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped: the answer ends here.")).to_be_visible()
    until(lambda: not is_writing(server), 30, "llama.cpp to stop")
    answer = page.locator(".answer").inner_text()
    assert page.evaluate("lengths.at(-1)") <= len(answer) < LONG
    page.reload()
    expect(page.locator(".answer")).to_have_text(answer)


def test_nothing_was_fetched_from_elsewhere_and_nothing_complained(page):
    assert page.watch.foreign == []
    assert page.watch.complaints == []
