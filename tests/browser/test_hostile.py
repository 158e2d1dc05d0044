"""Hostile answers, documents, titles and questions in a real browser: nothing runs, loads, or leads elsewhere."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from kb.models import Section
from search.models import Citation, Conversation, Message
from tests.browser.conftest import Watch
from tests.browser.hostile import RUN, TEXTS
from tests.search.library import add_document, direction, make_index

pytestmark = [pytest.mark.integration, pytest.mark.browser]

A_PAGE = 40  # answers in a conversation
A_DOCUMENT = 12  # texts in a document
ESCAPES = """() => [...document.querySelectorAll('.answer *')].filter(one => {
  const titles = [...document.querySelectorAll('.source-title')].map(title => title.getAttribute('href'));
  const isSource = one.matches('a.citation') && titles.includes(one.getAttribute('href'));
  return one.matches('a, img, iframe, object, embed, video, audio, script, style, link, form, input, svg')
    && !isSource && !one.closest('.answer-actions');
}).map(one => one.outerHTML)"""
HANDLERS = """() => [...document.querySelectorAll('main *')].flatMap(one => [...one.attributes]
  .filter(a => /^on/i.test(a.name) || /^\\s*(javascript|vbscript|data):/i.test(a.value)).map(a => a.name + a.value))"""


@pytest.fixture
def knowledge_base(handbook, settings, tmp_path, monkeypatch):
    """Alice's, full of hostile documents; found by exact search, with a model for which all texts are alike."""
    settings.KB_VECTOR_STORE, settings.KB_DATA = "exact", tmp_path
    (tmp_path / "keywords").mkdir()
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: direction(1))
    index = make_index(handbook)
    for at in range(0, len(TEXTS), A_DOCUMENT):
        texts = [storable(text) for text in TEXTS[at : at + A_DOCUMENT]]
        document = add_document(
            index, *texts, title=texts[0][:300], vectors=[direction(1)] * len(texts), heading_path=[texts[-1][:200]]
        )
        document.name, document.folder = texts[0][:200], texts[-1][:100]
        document.save()
        add_sections(document)
    return handbook


def add_sections(document) -> None:
    kinds = (Section.Kind.HEADING, Section.Kind.PARAGRAPH, Section.Kind.CODE, Section.Kind.TABLE)
    Section.objects.bulk_create(
        Section(
            document=document, ordinal=number, kind=kinds[number % 4], depth=1, text=chunk.text, start=chunk.start,
            heading_path=[chunk.text[:200]], table=[[chunk.text, "b"], ["c", chunk.text]] if number % 4 == 3 else None,
        )
        for number, chunk in enumerate(document.listed)
    )  # fmt: skip


def storable(text: str) -> str:
    """Without NUL, which no database keeps."""
    return text.replace("\0", "")


@pytest.fixture
def conversations(knowledge_base, alice):
    """Every text as question, answer, source and heading of some message."""
    chunks = [chunk for document in knowledge_base.documents.all() for chunk in document.chunks.all()]
    return [a_conversation(alice, chunks, at) for at in range(0, len(TEXTS), A_PAGE)]


def a_conversation(alice, chunks, begin: int) -> Conversation:
    conversation = Conversation.objects.create(user=alice, title=storable(TEXTS[begin])[:200])
    for number in range(begin, min(begin + A_PAGE, len(TEXTS))):
        text = storable(TEXTS[number])
        message = Message.objects.create(
            conversation=conversation, question=text, searched=text, notes=[text], model_name=text[:100],
            answer=f"See [1] and [2].\n\nIt says {text} so [1] [2].\n\n{text}", is_answered=True,
        )  # fmt: skip
        for place in (1, 2):
            chunk = chunks[(number + place) % len(chunks)]
            Citation.objects.create(
                message=message, number=place, document=chunk.document, chunk=chunk, title=text[:300], text=chunk.text,
                heading_path=[text[:200]], start=chunk.start, end=chunk.end, marks=[[chunk.start, chunk.end]],
            )  # fmt: skip
    return conversation


@pytest.fixture
def page(browser, live_server, alice, watch):
    client = Client()
    client.force_login(alice)
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = watch.over(context.new_page())
    page.set_default_timeout(120_000)
    page.set_default_navigation_timeout(120_000)
    yield page
    context.close()


@pytest.fixture
def watch(live_server):
    """Sees dialogs and reports of the content security policy as well."""
    return HostileWatch(live_server.url)


class HostileWatch(Watch):
    def over(self, page):
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("popup", lambda popup: self.foreign.append(popup.url))
        page.add_init_script(
            "window.__reports = [];"
            "addEventListener('securitypolicyviolation', e => __reports.push(e.violatedDirective + ' ' + e.blockedURI))"
        )
        return super().over(page)


def look(page, url: str) -> None:
    """Open a page, and find nothing wrong with it."""
    response = page.goto(url)
    assert response.status == 200, url
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.__pwned") is None, url
    assert page.evaluate("window.__reports") == [], url
    assert page.evaluate(ESCAPES) == [], url
    assert page.evaluate(HANDLERS) == [], url


def every_number_leads_to_its_source(page) -> None:
    numbers = page.locator(".answer a.citation").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert len(numbers) >= page.locator(".turn").count()
    titles = page.locator(".source-title").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert all(re.fullmatch(r"/documents/[0-9a-f-]{36}/\?citation=\d+#passage", number) for number in numbers)
    assert set(numbers) <= set(titles)


def test_the_browser_would_run_and_tell_what_is_not_escaped(page, watch, live_server):
    page.goto(f"{live_server.url}/account/")
    page.evaluate("document.querySelector('main').innerHTML = '<img src=https://evil.example/x.png>'")
    page.wait_for_function("window.__reports.length > 0")
    page.evaluate(f"() => {{ {RUN} }}")
    assert page.evaluate("window.__pwned") == 1
    assert any("evil.example" in complaint for complaint in watch.complaints)


@pytest.mark.django_db(transaction=True)
def test_nothing_hostile_runs_loads_or_leads_elsewhere(page, watch, live_server, knowledge_base, conversations):
    for conversation in conversations:
        look(page, live_server.url + conversation.get_absolute_url())
        every_number_leads_to_its_source(page)
        last = conversation.messages.last()
        look(page, live_server.url + reverse("source", args=[last.citations.first().pk]))
    for document in knowledge_base.documents.all():
        look(page, live_server.url + reverse("document", args=[document.pk]))
    for text in TEXTS[:: len(TEXTS) // 12]:
        page.goto(f"{live_server.url}/")
        page.goto(
            f"{live_server.url}/search?q={re.sub('[^a-z]', lambda c: '%' + c[0].encode().hex('%').upper(), text[:200])}"
        )
        assert page.evaluate("window.__pwned") is None
        assert page.evaluate(HANDLERS) == []
    for path in ("/", "/conversations/", "/knowledge-bases/", reverse("knowledge_base", args=[knowledge_base.pk])):
        look(page, live_server.url + path)
    assert watch.foreign == []
    assert watch.complaints == []
