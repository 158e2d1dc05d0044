"""From the elements of `unstructured` to our blocks; and how it is kept from fetching a model while it runs."""

import re
import sys
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache

from lxml import html

from ingestion.parsers import Block
from ingestion.parsers.tables import table_blocks

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_TOKENIZER = "unstructured.nlp.tokenize"


def _module(name: str, **content: object) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    return module


# Loaded with the partitioners, a third of the time they take, and never used: word lists and names of languages.
_UNUSED = {
    "unstructured.nlp.english_words": _module("unstructured.nlp.english_words", ENGLISH_WORDS=frozenset()),
    "iso639": _module("iso639", Language=object, LanguageNotFoundError=LookupError),
}


def prepare() -> None:
    """Call before a partitioner is imported.

    `unstructured` tells headings from prose with a spaCy model that it downloads at run time, 120 seconds a try where
    there is no network. Formats with real headings need no guess, so we answer for the model: nothing is a verb, and
    no unmarked line is taken for a heading.
    """
    if _TOKENIZER in sys.modules:
        return
    tags = {"pos_tag": lambda text: [(word, "NN") for word in _words(text)]}
    sys.modules[_TOKENIZER] = _module(_TOKENIZER, sent_tokenize=_sentences, word_tokenize=_words, **tags)
    for name, content in _UNUSED.items():
        sys.modules.setdefault(name, content)
    from unstructured.partition import text_type

    text_type.is_possible_title = lambda *_, **__: False
    text_type.is_possible_narrative_text = lambda *_, **__: True


@lru_cache(512)
def _sentences(text: str) -> list[str]:
    parts = (part.strip() for part in _SENTENCE_END.split(str(text)))
    return [_CJK.sub(r" \g<0> ", part) for part in parts if part]


@lru_cache(512)
def _words(text: str) -> list[str]:
    return _WORD.findall(str(text))


def blocks_from(elements: Iterable, *, pages: bool = False) -> Iterator[Block]:
    """pages: whether the elements' page numbers are real ones (a slide's) and not guesses."""
    for element in elements:
        category, metadata = element.category, element.metadata
        page = metadata.page_number if pages else None
        if category in ("Header", "Footer", "PageBreak", "PageNumber", "Image"):
            continue
        if category == "Table":
            yield from _table(element, page)
        elif category == "Title" and metadata.category_depth is not None:
            yield Block(" ".join(element.text.split()), "heading", metadata.category_depth + 1, page)
        elif category == "CodeSnippet":
            yield Block(element.text, "code", 0, page)
        elif category == "ListItem":
            yield Block(element.text, "list_item", 0, page)
        else:
            yield Block(element.text, "paragraph", 0, page)


def _table(element, page: int | None) -> Iterator[Block]:
    rows = html_rows(element.metadata.text_as_html or "")
    return table_blocks(rows, page) if rows else iter([Block(element.text, "table", 0, page)])


def html_rows(source: str) -> list[list[str]]:
    """The rows of a table written in HTML; a cell that spans columns stands in the first of them."""
    if not source.strip():
        return []
    table = html.fromstring(source)
    return [_cells(row) for row in table.iter("tr")]


def _cells(row) -> list[str]:
    cells: list[str] = []
    for cell in row.iterchildren("td", "th"):
        span = cell.get("colspan", "1")
        cells += [" ".join(cell.itertext()), *[""] * (min(int(span), 200) - 1 if span.isdigit() else 0)]
    return cells
