"""Tell the ways in which models name passages otherwise than as [2]: [Passage 2], 【2†source】, [^2], (source 2)."""

import re
from dataclasses import dataclass

PAIRS = {"[": "]", "【": "】", "［": "］", "(": ")", "（": "）"}
ROUND = "(（"
NAMES = """passage passages source sources reference references ref refs citation citations quelle quellen passagen
    textstelle textstellen fuente fuentes pasaje pasajes fonte fonti passaggio passaggi référence références
    段落 来源 來源 出处 出處 引用 片段 参考 參考 参考资料 參考資料 出典 参照 ソース パッセージ 출처 단락 구절""".split()
PAPERS = "document documents doc docs dokument dokumente documento documentos 文档 文檔 文書 资料 資料 문서".split()
LEADS = "see cf from per siehe vgl voir ver vedi 见 見 参见 參見".split()
SEPARATORS = r"\s^#№.:：_-"
HEAD = re.compile(rf"[{SEPARATORS}]*(?:[^\W\d_]+[{SEPARATORS}]*)*")
WORD = re.compile(r"[^\W\d_]+")
JOIN = r"\s*(?:[,;，、；&/+]|[-–—~]|\b(?:and|und|et|y|e|or|oder|to|bis)\b|[和与與及或到至])\s*"
RANGE = re.compile(r"(\d+)\s*(?:[-–—~]|to|bis|到|至)\s*(\d+)")
WIDEST_RANGE = 20
PLACE = (
    r"(?:\s*(?:†[^†]{0,60}|[,;:，；：]\s*(?:pp?\.|pages?|S\.|Seiten?|第)\s*\d{1,5}(?:\s*[-–]\s*\d{1,5})?\s*[页頁]?))?"
)
BODY = re.compile(r"[^()（）\[\]【】［］\n`<>\\]{0,100}")
PLAIN_BODY = re.compile(r"[^()（）\[\]【】［］\n`<>\\†]{0,30}(?:†[^()（）\[\]【】［］\n`<>\\†]{0,60})?")
PLAIN = re.compile(rf"\s*\^?\s*(?P<numbers>\d{{1,9}}(?:{JOIN}\^?\d{{1,9}})*){PLACE}\s*")
OTHER_NUMBERS = re.compile(r"\s*\d+:\d+\s*†.*")  # of an index and a file, as some services cite: none of ours


def _named(names: list[str]) -> re.Pattern:
    """A title may follow the number. A number of more than three digits is rather a year than a passage."""
    name = rf"(?:{'|'.join(sorted(names, key=len, reverse=True))})"
    one = rf"(?:{name}\.?)?[{SEPARATORS}]*\d{{1,3}}(?!\d)"
    lead = rf"(?:(?:{'|'.join(LEADS)})[\s.:：]*)?"
    title = r"(?:\s*[,;:：，|–—-]\s*[^\d\s,;，、；&/+–—~-].*)?"
    return re.compile(rf"\s*{lead}{name}(?P<numbers>[{SEPARATORS}]*{one}(?:{JOIN}{one})*)(?:{PLACE}|{title})\s*", re.I)


IN_BRACKETS, IN_PARENTHESES = _named([*NAMES, *PAPERS]), _named(NAMES)
KNOWN = {bracket: {*NAMES, *LEADS, *(() if bracket in ROUND else PAPERS)} for bracket in PAIRS}


@dataclass(frozen=True)
class Reference:
    """Text up to `end` that names these passages, whether they exist or not."""

    numbers: tuple[int, ...]
    end: int


class Unknown(Exception):
    """More of the text must be known."""


def reference_at(text: str, at: int, is_end: bool) -> Reference | None:
    """What the bracket there begins, in one of these ways; None where it is anything else, also a plain [2] or (2).

    Raises Unknown where that depends on what follows, unless nothing does. Brackets in parentheses must say what they
    name: (2) is more often an item.
    """
    bracket, content = text[at], text[at + 1 :]
    head = HEAD.match(content).group()  # type: ignore[union-attr]
    if not _may_name(head, KNOWN[bracket], is_growing=len(head) == len(content)):
        return None
    has_words = WORD.search(head) is not None
    if len(head) < len(content) and not (content[len(head)].isdecimal() and (has_words or bracket not in ROUND)):
        return None
    body = (BODY if has_words else PLAIN_BODY).match(content).group()  # type: ignore[union-attr]
    if len(body) == len(content):
        if is_end:
            return None
        raise Unknown
    if content[len(body)] != PAIRS[bracket]:
        return None
    numbers = _numbers_of(body, bracket, has_words)
    return None if numbers is None else Reference(numbers, at + len(body) + 2)


def _may_name(head: str, known: set[str], is_growing: bool) -> bool:
    """Whether its words are known; the last one of a text that grows may be the beginning of such."""
    *before, last = [word.lower() for word in WORD.findall(head)] or [""]
    is_cut = is_growing and head.lower().endswith(last)
    fits = any(name.startswith(last) for name in known) if is_cut else last in known or not last
    return fits and len(before) < 2 and all(word in known for word in before)


def _numbers_of(body: str, bracket: str, has_words: bool) -> tuple[int, ...] | None:
    if OTHER_NUMBERS.fullmatch(body):
        return ()
    named = IN_PARENTHESES if bracket in ROUND else IN_BRACKETS
    match = (named if has_words else PLAIN).fullmatch(body)
    return spread(match["numbers"]) if match else None


def spread(text: str) -> tuple[int, ...]:
    """The numbers in "1-3, 5", each once: 1, 2, 3, 5."""
    whole = RANGE.sub(_spread, text)
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"\d+", whole)))


def _spread(match: re.Match) -> str:
    first, last = int(match[1]), int(match[2])
    return ",".join(map(str, range(first, last + 1))) if 0 < last - first < WIDEST_RANGE else f"{first},{last}"
