"""Plain text: paragraphs as they stand, headings by the way they are numbered or underlined."""

import re
from collections.abc import Iterable, Iterator

from ingestion.clean import clean
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.decode import decode

_CHINESE = re.compile(
    r"[ \t\u3000]{0,8}第[ \u3000]?[一二三四五六七八九十百千零〇\d]{1,6}[ \u3000]?([卷编編部篇章回节節])"
)
_CHINESE_LIST = re.compile(r"[一二三四五六七八九十]{1,3}、\S")
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,2}){0,4})\.?[ \t\u3000]+\S")
_MARKDOWN = re.compile(r"(#{1,6})[ \t]+\S")
_BULLET = re.compile(r"[ \t]{0,12}(?:[-*•·–]|\d{1,3}[.)]|[(（]\d{1,3}[)）])[ \t]+\S")
_DEPTHS = {"卷": 1, "编": 1, "編": 1, "部": 1, "篇": 1, "章": 2, "回": 2, "节": 3, "節": 3}
_ENDS = (".", ",", ";", "。", "，", "；", "、", "！", "？", "!", "?", "…")


def parse_text(source: Source) -> Draft:
    return Draft(paragraphs(decode(source.path.read_bytes())))


def paragraphs(text: str, page: int | None = None) -> Iterator[Block]:
    """Blocks of lines between empty lines, with their line ends kept."""
    for lines in _groups(clean(text).split("\n")):
        yield from _blocks(lines, page)


def _groups(lines: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for line in lines:
        if line and not line.isspace():
            group.append(line.rstrip())
        elif group:
            yield group
            group = []
    if group:
        yield group


def _blocks(lines: list[str], page: int | None) -> Iterator[Block]:
    """One group: its heading lines apart, each list item for itself, the rest as it stands."""
    if len(lines) == 2 and (depth := _underlined(*lines)):
        yield Block(lines[0].strip(), "heading", depth, page)
        return
    rest: list[str] = []
    for line in lines:
        depth = heading_depth(line, alone=len(lines) == 1)
        item = not depth and _BULLET.match(line)
        if (depth or item) and rest:
            yield _rest(rest, page)
            rest = []
        if depth:
            yield Block(line.strip().lstrip("#").strip(), "heading", depth, page)
        else:
            rest.append(line)
    if rest:
        yield _rest(rest, page)


def _rest(lines: list[str], page: int | None) -> Block:
    return Block("\n".join(lines), "list_item" if _BULLET.match(lines[0]) else "paragraph", 0, page)


def _underlined(first: str, second: str) -> int:
    mark = set(second.strip())
    if len(second.strip()) < 3 or len(mark) != 1 or len(first) > 120:
        return 0
    return {"=": 1, "-": 2, "~": 3}.get(mark.pop(), 0)


def heading_depth(line: str, alone: bool) -> int:
    """1 to 6 for a line that is a heading, else 0. Only numbered lines are: a short line may be anything."""
    if len(line) > 80 or line.endswith(_ENDS):
        return 0
    if (match := _CHINESE.match(line)) and len(line) <= 40:
        return _DEPTHS[match[1]]
    if not alone:
        return 0
    text = line.strip()
    if match := _MARKDOWN.match(text):
        return len(match[1])
    if (match := _NUMBERED.match(text)) and len(text) <= 60 and re.search(r"[^\W\d_]{2}", text):
        return min(6, match[1].count(".") + 1)
    return 3 if _CHINESE_LIST.match(text) and len(text) <= 30 else 0
