"""An answer's Markdown as HTML in which [n] leads to source n, and nothing else leads anywhere."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from search.formula import mathml
from search.models import Citation
from search.named import names_of
from search.passage_link import passage_url
from search.sanitize import clean

LONGEST = 40_000  # characters that are rendered; what follows is shown as it is written
MOST_ENVIRONMENTS = 50  # of TeX; each one is sought up to the end of the text
LONGEST_TEX = 2_000  # characters between its brackets
DEEPEST = 20  # lists and quotes in one another
CITE = re.compile(r"\[(\d{1,9}(?:\s*[,;，、]\s*\d{1,9})*)\](?![(])")
PRICE = re.compile(r"\$\d[\d.,]*(?=\W+[^\W\d_]{2})")
COMMAND = re.compile(r"(?<!\\)\\[a-zA-Z]")
OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")  # they make text read otherwise than it is
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0\ufdd1]")
NOTE = re.compile(" ?\ufdd0(\\d+)\ufdd1")
NONE = object()  # no document


def html_of(
    markdown: str,
    citations: Mapping[int, Citation],
    notes: Sequence[tuple[int, SafeString]] = (),
    *,
    is_own: bool = True,
    before: str = "",
) -> SafeString:
    """What a page shows: paragraphs, lists, tables, code, formulas and numbers of sources, sanitised.

    A number that is not in `citations` is left out, HTML is text, a link is its text and its host, an image its
    description. `notes` are (offset in the Markdown, HTML) pairs: what is said about the sentence that ends there.
    A number has its document's name beside it where the number before is another document's; `before` is the Markdown
    that was shown before this, of the same answer. `is_own`: the reader is who asked.
    """
    text = _noted(markdown, notes)
    if text.count("\\begin{") > MOST_ENVIRONMENTS:
        text = text.replace("\\begin{", "\\\\begin{")
    env = {"citations": citations, "is_own": is_own, "cited": {}, **_naming(markdown, citations, before)}
    html = _markdown.render(text[:LONGEST], env)
    if len(text) > LONGEST:
        html += f"<pre><code>{escape(text[LONGEST:])}</code></pre>"
    html = NOTE.sub(lambda match: notes[int(match[1])][1], html)
    return mark_safe(clean(html))


def _naming(markdown: str, citations: Mapping[int, Citation], before: str) -> dict[str, Any]:
    """What the documents are called, and which the last number is of; the first is named where several are cited."""
    said, said_before = _documents_in(markdown, citations), _documents_in(before, citations)
    current = said_before[-1] if said_before else said[0] if len(set(said)) == 1 else NONE
    return {"names": names_of(citations.values()), "document": current}


def _documents_in(markdown: str, citations: Mapping[int, Citation]) -> list[UUID | None]:
    numbers = (int(number) for match in CITE.finditer(markdown) for number in re.findall(r"\d+", match[1]))
    return [citations[number].document_id for number in numbers if number in citations]


def _noted(markdown: str, notes: Sequence[tuple[int, SafeString]]) -> str:
    """The Markdown with a sign, which nothing else can write, at the end of each sentence that has a note."""
    parts, at = [], 0
    for number, (offset, _) in enumerate(notes):
        parts += [_readable(markdown[at:offset]), f" \ufdd0{number}\ufdd1"]
        at = offset
    return "".join([*parts, _readable(markdown[at:])])


def _readable(text: str) -> str:
    return OVERRIDES.sub("", UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n")))


class _Renderer(RendererHTML):
    """How the tokens of Markdown are written that are not written as CommonMark has it."""

    def heading_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f"<h{min(6, int(tokens[at].tag[1]) + 2)}>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f"</h{min(6, int(tokens[at].tag[1]) + 2)}>\n"

    def fence(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """Text as it is. What stands behind the opening marks names a language, or is code where it is more."""
        info, code = tokens[at].info.strip(), tokens[at].content
        first = f"{info}\n" if info and (" " in info or not code) else ""
        return f"<pre><code>{escape(first + code)}</code></pre>\n"

    def table_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return '<div class="table-scroll" tabindex="0"><table class="table">'

    def table_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        side = str(tokens[at].attrGet("style") or "").removeprefix("text-align:")
        return f'<{tokens[at].tag} class="align-{side}">' if side in ("right", "center") else f"<{tokens[at].tag}>"

    td_open = th_open

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return escape(self.renderInlineAsText(tokens[at].children, options, env))

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return ""

    def link_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """The host, unless the text says it."""
        begin = next(n for n in range(at, -1, -1) if tokens[n].type == "link_open")
        host = _host_of(str(tokens[begin].attrGet("href")))
        said = "".join(token.content for token in tokens[begin:at])
        return f' <span class="link-host">({escape(host)})</span>' if host and host not in said else ""

    def cite(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        citation = env["citations"].get(tokens[at].meta["number"])
        if citation is None:
            return ""
        name = env["names"][citation.document_id] if citation.document_id != env["document"] else ""
        env["document"] = citation.document_id
        if (citation.number, name) not in env["cited"]:
            shown = {"citation": citation, "name": name, "url": passage_url(citation, is_own=env["is_own"])}
            card = render_to_string("search/_cite.html", shown).strip()
            env["cited"][citation.number, name] = UNSEEN.sub("\N{REPLACEMENT CHARACTER}", card)
        return env["cited"][citation.number, name]

    def math_inline(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return _formula(tokens[at].content)

    def math_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f'<div class="formula" tabindex="0">{_formula(tokens[at].content, is_block=True)}</div>\n'

    amsmath = math_block

    def math_inline_double(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return _formula(tokens[at].content, is_block=True)


def _formula(tex: str, *, is_block: bool = False) -> str:
    tex = NOTE.sub("", tex)
    return mathml(tex, is_block=is_block) or f"<code>{escape(tex)}</code>"


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        return parts.hostname or "" if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""


def _cite_rule(state: StateInline, silent: bool) -> bool:
    """[3] or [1, 2], where it is not the text of a link."""
    match = CITE.match(state.src, state.pos) if state.src[state.pos] == "[" else None
    if match is None:
        return False
    if not silent:
        for number in dict.fromkeys(map(int, re.findall(r"\d+", match[1]))):
            state.push("cite", "", 0).meta["number"] = number
    state.pos = match.end()
    return True


def _price_rule(state: StateInline, silent: bool) -> bool:
    """$5 and the like, with words behind it, begins no formula."""
    match = PRICE.match(state.src, state.pos) if state.src[state.pos] == "$" else None
    if match is None:
        return False
    if not silent:
        state.pending += match.group()
    state.pos = match.end()
    return True


def _tex_rule(state: StateInline, silent: bool) -> bool:
    r"""\( a formula \), or \[ one that has a command of TeX in it \]."""
    sign = state.src[state.pos : state.pos + 2]
    begin = state.pos + 2
    end = state.src.find({"\\(": "\\)", "\\[": "\\]"}.get(sign, "\0"), begin, begin + LONGEST_TEX)
    if end < 0 or (sign == "\\[" and not COMMAND.search(state.src, begin, end)):
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = state.src[begin:end]
    state.pos = end + 2
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt(
        "commonmark", {"html": False, "breaks": True, "maxNesting": DEEPEST}, renderer_cls=_Renderer
    ).enable("table")
    parser.disable(["code", "reference", "autolink", "html_block", "html_inline"])
    renderer = parser.renderer
    assert isinstance(renderer, _Renderer)
    own = dict(renderer.rules)  # the plugins put theirs over ours
    parser.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True)
    parser.use(amsmath_plugin)
    renderer.rules |= own
    parser.inline.ruler.before("escape", "tex", _tex_rule)
    parser.inline.ruler.before("math_inline", "price", _price_rule)
    parser.inline.ruler.before("link", "cite", _cite_rule)
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # none becomes one, so all may be hidden
    return parser


_markdown = _parser()
