"""Nothing that a hostile answer writes becomes more than text: pure, without a browser."""

from html.parser import HTMLParser

import pytest

from search.formula import ATTRIBUTES as OF_FORMULAS
from search.formula import TAGS as FORMULA_TAGS
from search.markdown import html_of
from search.models import Citation
from search.sanitize import TAGS, clean
from tests.browser.hostile import TAGS as HOSTILE_TAGS
from tests.browser.hostile import TEXTS

ATTRIBUTES = OF_FORMULAS | {"class", "href", "aria-label", "aria-hidden", "tabindex", "role", "start"}


class Seen(HTMLParser):
    """The elements and attributes of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.others = set(), [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_comment(self, data):
        self.others.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def citations(text: str) -> dict[int, Citation]:
    return {
        number: Citation(
            pk=number, number=number, title=text[:300], heading_path=[text[:100]], text=text, start=0, end=len(text)
        )
        for number in (1, 2)
    }


def check(html: str) -> None:
    seen = Seen(html)
    assert seen.tags <= TAGS | FORMULA_TAGS
    assert not seen.others
    for name, value in seen.attributes:
        assert name in ATTRIBUTES
        assert name == "aria-label" or (":" not in (value or "") and "//" not in (value or ""))
        assert name != "href" or value in ("#source-1", "#source-2")


VIEWER = "/documents/7f1b0e9c-5a2d-4c1e-9a57-3f0a4d1c2b3e/"


@pytest.mark.parametrize(
    ("href", "is_kept"),
    [
        ("#source-12", True),
        (f"{VIEWER}?citation=12#passage", True),
        (f"/under/a/prefix{VIEWER}?citation=12#passage", True),
        (f"{VIEWER}?start=1&end=20&mark=1-5&mark=7-20#passage", True),
        (f"{VIEWER}delete", False),
        (f"{VIEWER}?citation=12", False),
        (f"{VIEWER}?citation=12&next=//evil.example#passage", False),
        (f"//evil.example{VIEWER}?citation=12#passage", False),
        (f"/\\evil.example{VIEWER}?citation=12#passage", False),
        (f"https://evil.example{VIEWER}?citation=12#passage", False),
        (f"javascript:{VIEWER}?citation=12#passage", False),
        ("/account/", False),
    ],
)
def test_the_last_gate_lets_links_through_that_lead_to_passages_alone(href, is_kept):
    cleaned = clean(f'<a class="citation" href="{href.replace("&", "&amp;")}">1</a>')
    assert ("href" in cleaned) is is_kept


def test_there_are_enough_of_them():
    assert len(set(TEXTS)) >= 250


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_no_hostile_answer_becomes_more_than_text(number):
    check(html_of(f"{TEXTS[number]}\n\nSee [1].", citations("Plain.")))


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_no_hostile_source_becomes_more_than_text(number):
    check(html_of("See [1][2].", citations(TEXTS[number])))


def test_no_two_hostile_answers_do_together_what_neither_does_alone():
    for one, two in zip(TEXTS, reversed(TEXTS), strict=True):
        check(html_of(f"**{one}** {two} [1]", citations("Plain.")))


@pytest.mark.parametrize("number", range(len(HOSTILE_TAGS)))
def test_the_last_gate_lets_no_hostile_html_through_even_where_nothing_escaped_it(number):
    check(clean(f"<p>{HOSTILE_TAGS[number]}</p>"))
