"""An answer's Markdown as HTML: what is shown, and what is not."""

import re
from html import unescape
from uuid import UUID

import pytest
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from kb.models import Document
from search.formula import LONGEST, mathml
from search.markdown import html_of
from search.models import Citation

SOURCES = {
    number: Citation(pk=70 + number, number=number, title=f"Paper {number}", text="Text.", start=0, end=5)
    for number in (1, 2, 3)
}


def html(markdown, citations=None) -> str:
    """On one line."""
    return re.sub(r"\s*\n\s*", "", html_of(markdown, citations or {}))


def numbers(markdown) -> list[str]:
    return re.findall(r'<a class="citation" href="#source-(\d+)"', html_of(markdown, SOURCES))


def words(shown: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", shown))


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("", ""),
        ("One.\n\nTwo.", "<p>One.</p><p>Two.</p>"),
        ("One\ntwo", "<p>One<br>two</p>"),
        ("**Bold** *slant* `code`", "<p><strong>Bold</strong> <em>slant</em> <code>code</code></p>"),
        ("~~struck~~", "<p>~~struck~~</p>"),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'),
        ("# One\n\n### Three", "<h3>One</h3><h5>Three</h5>"),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("```python\nx = [1]\n```", "<pre><code>x = [1]</code></pre>"),
        ("```\nunfinished", "<pre><code>unfinished</code></pre>"),
        ("```one line", "<pre><code>one line</code></pre>"),
        ("    indented", "<p>indented</p>"),
        ("<b onclick=x>[x](javascript:1)</b>", "<p>&lt;b onclick=x&gt;x&lt;/b&gt;</p>"),
        ("[our page](https://evil.example/a?b)", '<p>our page <span class="link-host">(evil.example)</span></p>'),
        ("[evil.example](https://evil.example/a)", "<p>evil.example</p>"),
        ("![A **chart**](https://evil.example/a.png)", "<p>A chart</p>"),
        ("<https://evil.example> https://evil.example", "<p>&lt;https://evil.example&gt; https://evil.example</p>"),
        ("[x][y]\n\n[y]: https://evil.example", "<p>[x][y]</p><p>[y]: https://evil.example</p>"),
        ("5 &lt; 6 &amp; 7", "<p>5 &lt; 6 &amp; 7</p>"),
        ("a \u202egnp.exe", "<p>a gnp.exe</p>"),
    ],
)
def test_what_is_shown(markdown, shown):
    assert html(markdown) == shown


def test_a_table_scrolls_by_itself_and_keeps_its_alignment():
    assert html("| a | b |\n|---|--:|\n| 1 | 2 |") == (
        '<div class="table-scroll" tabindex="0"><table class="table"><thead><tr><th>a</th>'
        '<th class="align-right">b</th></tr></thead><tbody><tr><td>1</td><td class="align-right">2</td></tr></tbody>'
        "</table></div>"
    )


@pytest.mark.parametrize(
    ("markdown", "cited"),
    [
        ("One [2].", ["72"]),
        ("[1][2]", ["71", "72"]),
        ("[1, 3]", ["71", "73"]),
        ("| a |\n|---|\n| b [3] |", ["73"]),
        ("**strong [1]**", ["71"]),
        ("As [1]: so", ["71"]),
        ("[999] [0] [4]", []),
        ("`[1]` \\[2]", []),
        ("```\n[1]\n```", []),
        ("[1](javascript:alert(1)) [2](#source-1)", []),
        ("![1](https://evil.example/x.png)", []),
        ("[[1]](https://evil.example)", ["71"]),
    ],
)
def test_a_number_leads_to_its_source_and_no_other_leads_anywhere(markdown, cited):
    assert numbers(markdown) == cited
    assert html_of(markdown, SOURCES).count("href=") == len(cited)


def source(number: int, paper: int, **more) -> Citation:
    """Of a document that nobody saved; two of the same `paper` are of one."""
    document = Document(pk=UUID(int=paper), title=f"Paper {paper}", name=f"paper-{paper}.txt")
    values = {"title": document.title, "text": "Text.", "start": 40, "end": 45, "marks": [[40, 42], [43, 45]], **more}
    return Citation(pk=70 + number, number=number, document=document, **values)


PAPERS = {1: source(1, 1), 2: source(2, 1), 3: source(3, 2)}


def links(markdown, **how) -> list[str]:
    return [
        unescape(each) for each in re.findall(r'<a class="citation" href="([^"]*)"', html_of(markdown, PAPERS, **how))
    ]


def named(markdown, citations=PAPERS, **how) -> list[str]:
    """The numbers with the names beside them."""
    found = re.findall(r'<a class="citation"[^>]*>(.*?)</a>', html_of(markdown, citations, **how))
    return [words(each.replace("<span", " <span")) for each in found]


def test_a_number_opens_the_document_at_its_passage():
    place = f"/documents/{UUID(int=2)}/"
    assert links("So [3].") == [f"{place}?citation=73#passage"]
    assert links("So [3].", is_own=False) == [f"{place}?start=40&end=45&mark=40-42&mark=43-45#passage"]


def test_where_several_documents_are_cited_a_number_says_which_as_it_changes():
    assert named("One [1]. Two [2].\n\n- Three [3]\n- Four [1, 3]") == [
        "1 Paper 1",
        "2",
        "3 Paper 2",
        "1 Paper 1",
        "3 Paper 2",
    ]
    assert named("One [1]. Two [2].") == ["1", "2"]


def test_of_an_answer_that_streams_each_block_goes_on_from_the_one_before():
    assert named("Two [2].", before="One [1].") == ["2"]
    assert named("Three [3].", before="One [1].") == ["3 Paper 2"]


def test_documents_of_the_same_title_are_told_apart_by_their_files():
    same = {n: source(n, n, title="Rules") for n in (1, 2)}
    assert named("One [1]. Two [2].", same) == ["1 paper-1.txt", "2 paper-2.txt"]


def test_the_card_of_a_number_shows_hostile_titles_and_texts_as_text():
    hostile = Citation(pk=5, number=1, title='"><script>a</script>', text="<img src=x onerror=a>", start=0, end=21)
    shown = html_of("See [1].", {1: hostile})
    assert "<script" not in shown and "<img" not in shown
    assert "<img src=x onerror=a>" in words(shown)


@pytest.mark.parametrize("markdown", ["$a<b$", r"\(a<b\)", "$$\na<b\n$$", "x $$a<b$$", r"\[ a < b \le c \]"])
def test_formulas_are_mathml(markdown):
    shown = html(markdown)
    assert "<math" in shown and "<mo>&lt;</mo>" in shown


def test_environments_of_tex_are_formulas():
    assert "<mtable" in html("\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}")


def test_prices_are_no_formulas():
    assert html("It costs $5 or $10, not 20$.") == "<p>It costs $5 or $10, not 20$.</p>"


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<img src=x onerror=alert(1)>}",
        r"\text{<style>*{background:url(https://evil.example)}</style>}",
        r"\frac{",
        r"\notacommand{",
        "{" * 30 + "x" + "}" * 30,
        "x" * (LONGEST + 1),
        r"\text{<!--}",
    ],
)
def test_what_is_no_formula_is_shown_as_it_is_written(tex):
    assert mathml(tex) is None
    assert words(html(f"$${tex}$$")) == tex


def test_links_in_formulas_are_no_links():
    assert "href" not in html(r"$\href{javascript:alert(1)}{x}$")


def test_a_note_stands_behind_the_sentence_that_it_is_about():
    note = mark_safe('<span class="claim-note">why?</span>')
    answer = "One **two.** Three [1]\n\n- four\n- five"
    offsets = [answer.index(word) + len(word) for word in ("**two.**", "[1]", "four")]
    shown = html_of(answer, {}, [(at, note) for at in offsets])
    shown = re.sub(r"\s*\n\s*", "", shown.replace(str(note), "?"))
    assert shown == "<p>One <strong>two.</strong>? Three ?</p><ul><li>four?</li><li>five</li></ul>"


def test_an_answer_cannot_write_the_sign_of_a_note():
    assert "\ufdd0" not in html("a \ufdd00\ufdd1 b")


@pytest.mark.parametrize(
    "mark", ["*a **b ", "[", "[a](", "![", "`a `` ", "> ", "- ", "$a ", "\\(", "\\begin{align}\n", "|a"]
)
def test_what_is_made_to_be_slow_ends(mark):
    assert "<" in html_of(mark * 3000, SOURCES)


@given(st.text(alphabet="ab 1.[]()!<>*`#|-$\\\n\r中", max_size=200))
def test_any_text_is_shown_and_leads_nowhere(markdown):
    shown = html_of(markdown, {})
    assert not re.search(r"href|src|style|<script|<img|on\w+=", shown)
    assert words(shown).count("中") == markdown.count("中") or "](" in markdown or "`" in markdown or "|" in markdown
