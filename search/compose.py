"""Write chosen sentences as Markdown that cites them."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from search.choose import Candidate
from search.terms import IS_CJK

SPECIAL = re.compile(r"([\\`*_\[\]<>~$])|&(?=[a-zA-Z#]\w*;)")
LINE_START = re.compile(r"^(#{1,6}(?=\s|$)|[-+=>](?=[\s=-]|$)|\|)|^(\d{1,9})([.)])(?=\s|$)")
MARKER = re.compile(r"^\s*(?:[-*+•◦▪▸‣·–—●○■□◆◇])\s+")
FENCE = re.compile(r"^\s*(?:```|~~~)[^\n]*\n?|\n?\s*(?:```|~~~)\s*$")


def compose(chosen: Sequence[Candidate]) -> Iterator[str]:
    """Blocks of Markdown, passage by passage in the order of their best sentence, each sentence with its [n].

    Within a passage the sentences stand in reading order. What they say is plain text: nothing in it is markup.
    """
    numbers = dict.fromkeys(candidate.number for candidate in chosen)
    for number in numbers:
        mine = sorted((one for one in chosen if one.number == number), key=lambda one: one.ordinal)
        for shape, group in groupby(mine, key=_shape):
            yield _block(shape, list(group), number)


def _shape(candidate: Candidate) -> str:
    return {"item": "list", "row": "list", "code": "code"}.get(candidate.sentence.kind, "prose")


def _block(shape: str, group: list[Candidate], number: int) -> str:
    if shape == "code":
        return "\n\n".join(f"{fenced(one.sentence.text)}\n[{number}]" for one in group)
    if shape == "list":
        return "\n".join(f"- {escape(_one_line(MARKER.sub('', one.sentence.text)))} [{number}]" for one in group)
    return _paragraph(group, number)


def _paragraph(group: list[Candidate], number: int) -> str:
    """Sentences that follow one another in the passage share a number; where some were left out, each has its own."""
    text = ""
    for at, one in enumerate(group):
        text += (" " if text else "") + escape(_one_line(one.sentence.text))
        is_last_of_run = at + 1 == len(group) or group[at + 1].ordinal != one.ordinal + 1
        text += f" [{number}]" if is_last_of_run else ""
    return text


def _one_line(text: str) -> str:
    """Line ends become spaces, or nothing between two Chinese characters; so do the bars of a table row."""
    text = re.sub(r"\s*\|\s*", " | ", text).strip(" |") if text.count("|") > 1 else text
    joined = re.sub(rf"(?<={IS_CJK.pattern})\s*\n\s*(?={IS_CJK.pattern})", "", text)
    return " ".join(joined.split())


def escape(text: str) -> str:
    """Markdown that shows this one line of text as it is."""
    text = SPECIAL.sub(lambda match: "\\" + match.group(), text)
    return LINE_START.sub(lambda match: f"\\{match[1]}" if match[1] else f"{match[2]}\\{match[3]}", text)


def fenced(code: str) -> str:
    """A block of code: the fence is longer than any in it."""
    code = FENCE.sub("", code)
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{code}\n{fence}"
