"""Hostile answers stream from a model's server into a browser: nothing runs, loads, or cites what is not there.

The page is looked at whenever something in it has changed: while an answer is being written, when it has ended, and
when the page is loaded again. The pieces are cut anywhere, also inside of tags, of numbers and of single characters.
"""

from collections.abc import Iterator
from itertools import cycle

import pytest
from playwright.sync_api import expect

from tests.browser.hostile import TEXTS
from tests.browser.test_hostile import HostileWatch
from tests.browser.test_main_way import make_knowledge_base, set_up
from tests.integration.database import own_database
from tests.integration.lectern import Lectern
from tests.requirements_present import program
from tests.search.model_server import Habits, ModelServer

pytestmark = [pytest.mark.integration, pytest.mark.browser]

SOON = 120_000  # milliseconds, on a busy machine
TEXT = "The kettle is descaled monthly with vinegar. Whoever empties it fills it."
QUESTION = "How often is the kettle descaled?"
TRUE = "The kettle is descaled monthly with vinegar [1]."
BEGIN = "\n\nNumber {} \N{PARTY POPPER} begins here [1][7].\n\n"
ANSWERS = 8
UNITS = (1, 2, 3, 5, 8, 1, 13)  # of UTF-16 in a piece: half of a character where it takes two
LONG = 1000  # characters: longer texts come in longer pieces
PACE = 0.002  # seconds
LOOK = """
window.wrong = new Set(); window.looks = 0; window.__reports = [];
addEventListener('securitypolicyviolation', e => wrong.add('blocked: ' + e.violatedDirective + ' ' + e.blockedURI));
const shown = '.answer-blocks *, .answer-tail *, .answer:not(.answer-writing) *';
const inText = node => !node.parentElement.closest('code, pre, math');
function look() {
  if (!document.querySelector('.answer')) return;
  looks += document.querySelector('.answer-writing') ? 1 : 0;
  if (window.__pwned) wrong.add('a script ran');
  const there = new Set([...document.querySelectorAll('[id^=source-]')].map(one => '#' + one.id));
  document.querySelectorAll('.source-title').forEach(one => there.add(one.getAttribute('href')));
  const numbers = new Set([...document.querySelectorAll('.source-number')].map(one => one.textContent));
  for (const one of document.querySelectorAll(shown)) {
    if (one.matches('a.citation')) {
      if (!there.has(one.getAttribute('href'))) wrong.add('leads nowhere: ' + one.outerHTML);
    } else if (one.matches('a, img, iframe, object, embed, video, audio, script, style, link, form, input, svg, base'))
      wrong.add('element: ' + one.outerHTML);
    for (const a of one.attributes)
      if (/^(on|hx-|data-hx|sse-)/i.test(a.name) || /^\\s*(javascript|vbscript|data):/i.test(a.value))
        wrong.add('attribute: ' + a.name + '=' + a.value);
  }
  for (const answer of document.querySelectorAll('.answer')) {
    const walk = document.createTreeWalker(answer, NodeFilter.SHOW_TEXT);
    while (walk.nextNode())
      if (inText(walk.currentNode))
        for (const found of walk.currentNode.data.matchAll(/\\[(\\d{1,9})\\]/g))
          if (!numbers.has(String(Number(found[1])))) wrong.add('cites nothing: ' + found[0]);
  }
}
addEventListener('DOMContentLoaded', () => {
  look();
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
});"""


@pytest.fixture(scope="module")
def server():
    with ModelServer(Habits(pace=PACE)) as running:
        yield running


@pytest.fixture(scope="module")
def lectern(server, tmp_path_factory):
    program("chromium")  # skips before anything is started
    with own_database() as database:
        chat = {"KB_CHAT_URL": server.url, "KB_CHAT_MODEL": "plain-model"}
        running = Lectern(tmp_path_factory.mktemp("hostile") / "data", **database, **chat)
        running.data.mkdir()
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def watch(lectern):
    return HostileWatch(lectern.url)


@pytest.fixture(scope="module")
def page(browser, lectern, watch):
    """Signed in, with a knowledge base that knows about kettles."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    page = watch.over(context.new_page())
    page.add_init_script(LOOK)
    page.set_default_timeout(60_000)
    set_up(page, lectern.url)
    make_knowledge_base(page)
    file = {"name": "kitchen.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.locator("input[type=file][name=file]").set_input_files(files=[file])
    expect(page.locator(".badge-ready")).to_have_count(1, timeout=SOON)
    yield page
    context.close()


def places_of(part: int) -> list[int]:
    """The numbers of the texts that are in an answer; what nothing is seen behind is the last of one."""
    last = [place for place, text in enumerate(TEXTS) if text.startswith(("```", "- deep\n  - deep"))]
    others = [place for place in range(len(TEXTS)) if place not in last]
    return others[part::ANSWERS] + last[part : part + 1]


def pieces_of(places: list[int]) -> Iterator[str]:
    """An answer of these texts, cut into pieces without a look at what is cut."""
    yield TRUE
    sizes = cycle(UNITS)
    for place in places:
        for text in (BEGIN.format(place), TEXTS[place]):
            units, wide = text.encode("utf-16-le"), 60 if len(text) > LONG else 1
            while units:
                size = next(sizes) * wide * 2
                piece, units = units[:size], units[size:]
                yield piece.decode("utf-16-le", "surrogatepass")


def ask(page, url: str) -> None:
    page.goto(url)
    page.locator("#question").fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url("**/conversations/**", timeout=SOON)


def nothing_is_wrong(page, places: list[int]) -> None:
    """What was seen so far; and all of the answer is there."""
    assert page.evaluate("[...wrong]") == []
    answer = page.locator(".answer").inner_text()
    for place in places:
        assert f"Number {place} \N{PARTY POPPER} begins here" in answer
    assert page.locator(".answer a.citation").count() > len(places)


def test_all_of_them_come():
    places = [place for part in range(ANSWERS) for place in places_of(part)]
    assert sorted(places) == list(range(len(TEXTS))) and len(TEXTS) >= 200


def test_the_look_sees_what_would_be_wrong(page, lectern, server, watch):
    server.habits.pieces = (TRUE,)
    ask(page, lectern.url)
    expect(page.locator(".answer-writing")).to_have_count(0, timeout=SOON)
    assert page.evaluate("[...wrong]") == []
    shown = '<b onclick=x>[7]</b><a class=citation href="#source-0">1</a><base href="/x"><i hx-get="/x"></i>'
    page.evaluate("shown => document.querySelector('.answer').insertAdjacentHTML('beforeend', shown)", shown)
    kinds = {wrong.partition(":")[0] for wrong in page.evaluate("[...wrong]")}
    assert {"attribute", "cites nothing", "leads nowhere", "element"} <= kinds
    assert watch.complaints and all("violates" in one for one in watch.complaints)
    watch.complaints.clear()


@pytest.mark.parametrize("part", range(ANSWERS))
def test_nothing_hostile_runs_loads_or_cites_what_is_not_there(page, lectern, server, watch, part):
    places = places_of(part)
    server.habits.pieces = tuple(pieces_of(places))
    ask(page, lectern.url)
    expect(page.locator(".answer-writing")).to_have_count(0, timeout=SOON)
    assert page.evaluate("looks") > 3
    nothing_is_wrong(page, places)
    page.reload()
    page.wait_for_load_state("networkidle")
    nothing_is_wrong(page, places)
    assert watch.foreign == []
    assert watch.complaints == []
