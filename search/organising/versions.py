"""Which of two files is the later version, as their names say."""

import re
import unicodedata
from dataclasses import dataclass

NO_NUMBER = (1,)  # "policy" stands before "policy v2"
MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january januar|feb february februar|mar march mär märz|apr april|may mai|jun june juni|jul july juli|"
        "aug august|sep sept september|oct october okt oktober|nov november|dec december dez dezember".split("|"),
        start=1,
    )
    for name in names.split()
}
OPEN, CLOSE = r"(?<![^\W_])", r"(?![^\W_])"  # a word begins, a word ends
YEAR = r"(?:19|20)\d\d"
DATES = [
    re.compile(rf"(?<!\d)(?P<y>{YEAR})\s*年\s*(?:(?P<m>\d{{1,2}})\s*月\s*(?:(?P<d>\d{{1,2}})\s*日)?)?"),
    re.compile(rf"(?<!\d)(?P<y>{YEAR})([-_. ]?)(?P<m>0[1-9]|1[0-2])(?:\2(?P<d>0[1-9]|[12]\d|3[01]))?(?!\d)"),
    re.compile(rf"(?<!\d)(?P<d>[0-3]?\d)[-_. ](?P<m>[01]?\d)[-_. ](?P<y>{YEAR})(?!\d)"),
    re.compile(rf"{OPEN}(?:(?P<d>[0-3]?\d)[-_. ]+)?(?P<name>{'|'.join(MONTHS)})[-_. ]*(?P<y>{YEAR})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<y>{YEAR})(?!\d)"),
]
NUMBERS = [
    re.compile(r"第\s*(\d+(?:\.\d+)*)\s*[版稿次]"),
    re.compile(rf"{OPEN}(?:version|ver|v|revision|rev|r|ausgabe|edition|版本|版)[-_. ]*(\d+(?:[._]\d+)*){CLOSE}"),
    re.compile(rf"{OPEN}(\d+(?:\.\d+)*)(?:st|nd|rd|th)?[-_. ]*(?:version|revision|edition|版){CLOSE}"),
]
COPIES = re.compile(
    rf"\((\d{{1,3}})\)|{OPEN}(?:copy|kopie|copie|copia)(?:[-_. ]+(?:of|von|de))?(?:[-_. ]+(\d+))?{CLOSE}|副本"
)
STAGES = [
    (-1, rf"{OPEN}(?:old|alt|outdated|obsolete){CLOSE}|旧版|旧"),
    (0, rf"{OPEN}(?:draft|entwurf|wip){CLOSE}|草稿|草案|初稿|征求意见稿"),
    (2, rf"{OPEN}(?:revised|updated|new|neu|amended){CLOSE}|修订版|修订稿|修订|更新版|新版"),
    (3, rf"{OPEN}(?:final|endfassung|approved|signed){CLOSE}|最终版|终版|终稿|定稿|正式版"),
]
NO_STAGE = 1


@dataclass(frozen=True)
class Mark:
    """What a file name says: what it is about, and which version of that.

    `number` is of "v2.1", `date` (year, month, day; 0 where it says none), `stage` from -1 (old) to 3 (final),
    `copies` of "(1)" and "copy 2".
    """

    stem: str
    number: tuple[int, ...] | None = None
    date: tuple[int, int, int] | None = None
    stage: int = NO_STAGE
    copies: int = 0

    @property
    def says_version(self) -> bool:
        """Whether it names a version or a stage: a date alone may as well be the day that the file is about."""
        return bool(self.number or self.copies or self.stage != NO_STAGE)


def read_name(name: str) -> Mark:
    """Take a file name apart."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"\.[^\W_]{1,5}$", "", text)
    text, number = _number(text)
    text, date = _date(text)
    text, copies = _copies(text)
    text, stage = _stage(text)
    stem = re.sub(r"[\W_]+", " ", text).strip()
    return Mark(stem, number, date, stage, copies)


def _number(text: str) -> tuple[str, tuple[int, ...] | None]:
    for pattern in NUMBERS:
        if found := pattern.search(text):
            number = tuple(int(part) for part in re.split(r"[._]", found[1]))
            return _without(text, found), number
    return text, None


def _date(text: str) -> tuple[str, tuple[int, int, int] | None]:
    for pattern in DATES:
        if found := pattern.search(text):
            parts = found.groupdict()
            month = MONTHS[parts["name"]] if parts.get("name") else int(parts.get("m") or 0)
            if month <= 12:
                return _without(text, found), (int(parts["y"]), month, int(parts.get("d") or 0))
    return text, None


def _copies(text: str) -> tuple[str, int]:
    copies = 0
    while found := COPIES.search(text):
        copies = max(copies, int(found[1] or found[2] or 1))
        text = _without(text, found)
    return text, copies


def _stage(text: str) -> tuple[str, int]:
    stage = NO_STAGE
    for rank, pattern in STAGES:
        if found := re.search(pattern, text):
            stage, text = rank, _without(text, found)
    return text, stage


def _without(text: str, found: re.Match) -> str:
    return f"{text[: found.start()]} {text[found.end() :]}"


def later(one: Mark, other: Mark) -> int:
    """1 where the first is the later version, -1 where the other is, 0 where the names do not say."""
    if one.number or other.number:
        first, second = one.number or NO_NUMBER, other.number or NO_NUMBER
        if first != second:
            return _sign(first, second)
    if one.date and other.date and one.date != other.date:
        return _sign(one.date, other.date)
    return _sign((one.stage, one.copies), (other.stage, other.copies))


def _sign(one: tuple, other: tuple) -> int:
    return (one > other) - (one < other)
