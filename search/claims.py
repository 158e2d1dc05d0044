"""Part an answer into what it claims, each sentence with the sources that it gives."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from search.cite import CODE, numbers_in
from search.sentences import Sentence, split_sentences
from search.terms import terms_of

FEWEST_TERMS = 3  # a sentence of fewer claims nothing that could be held against a text: "Yes.", "In short."
GROUP = r"\[\d{1,9}(?:\s*[,;，、]\s*\d{1,9})*\]"
LEADING = re.compile(rf"\s*(?:{GROUP}\s*)+[.。]?")
NUMBERS = re.compile(rf"\s*{GROUP}")
MARKUP = re.compile(r"^\s*(?:>\s*)*(?:[-*+]\s+|\d{1,3}[.)]\s+)?|\*\*|__|(?<!\w)[*_]|[*_](?!\w)|`|\\(?=[!-/:-@\[-`{-~])")
HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*\n]+\*\*:?\s*$)")
RULE = re.compile(r"[\s|:=*_-]*")
ABSTAINS = re.compile(
    r"\b(?:documents?|passages?|sources?|texts?|context)\b[^.]*\b(?:do(?:es)?|did|is|are)(?: not|n['’]t)\b"
    r"|\bno (?:information|answer|mention)\b"
    r"|(?:文档|文檔|文件|资料|資料|段落|文章|原文|来源)[^。]{0,12}(?:没有|沒有|未|无法|不)"
    r"|(?:文書|資料|文章)[^。]{0,20}(?:ません|ない)",
    re.I,
)


@dataclass(frozen=True)
class Claim:
    """A sentence of an answer, [start, end) in it: its words without markup, and the passages that it cites.

    A number behind several sentences of a paragraph stands for all of them that have none. `claims` is False for what
    nothing could bear out: a heading, a question, "In short:", "The documents do not say".
    """

    start: int
    end: int
    text: str
    numbers: tuple[int, ...]
    claims: bool


def claims_of(answer: str) -> list[Claim]:
    """The sentences outside of code, in reading order."""
    sentences = _numbered(answer, [one for one in _sentences(answer) if one.kind != "code"])
    found = [_claim(answer, one) for one in sentences]
    for at in range(len(found) - 2, -1, -1):
        following = found[at + 1]
        is_same_block = "\n" not in answer[found[at].end : following.start]
        if not found[at].numbers and is_same_block and following.claims:
            found[at] = replace(found[at], numbers=following.numbers)
    return found


def _sentences(answer: str) -> Iterator[Sentence]:
    """Line by line: in an answer each is a paragraph, an item, a row."""
    code = [match.span() for match in CODE.finditer(answer) if match["fence"]]
    for line in re.finditer(r"[^\n]+", answer):
        if not any(start <= line.start() < end for start, end in code):
            for one in split_sentences(line.group()):
                yield replace(one, start=one.start + line.start(), end=one.end + line.start(), kind="prose")


def _numbered(answer: str, sentences: list[Sentence]) -> list[Sentence]:
    """Numbers behind a full stop belong to the sentence before it."""
    found: list[Sentence] = []
    for one in sentences:
        leading = LEADING.match(answer, one.start, one.end)
        if leading and found and "\n" not in answer[found[-1].end : one.start]:
            found[-1] = replace(found[-1], end=one.start + len(leading.group().rstrip()))
            one = replace(one, start=leading.end())
        if answer[one.start : one.end].strip():
            found.append(one)
    return found


def _claim(answer: str, sentence: Sentence) -> Claim:
    raw = answer[sentence.start : sentence.end]
    text = MARKUP.sub("", NUMBERS.sub("", raw)).strip()
    claims = not (
        HEADING.match(raw)
        or RULE.fullmatch(raw)
        or text.endswith((":", "：", "?", "？"))
        or ABSTAINS.search(text)
        or _is_header(answer, sentence)
        or len(set(terms_of(text))) < FEWEST_TERMS
    )
    return Claim(sentence.start, sentence.end, text, numbers_in(raw), claims)


def _is_header(answer: str, sentence: Sentence) -> bool:
    """Whether the line below is the rule under the header of a table."""
    line = answer[answer.rfind("\n", 0, sentence.start) + 1 :].split("\n", 2)
    return len(line) > 1 and "|" in line[0] and "-" in line[1] and bool(RULE.fullmatch(line[1]))
