"""The words that tell a group of texts from other groups."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import log

import snowballstemmer
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from search.keywords.tokens import CJK

RUN = re.compile(rf"([{CJK}]+)|((?:[^\W\d_{CJK}][^\W{CJK}]*)(?:['\u2019-][^\W\d_{CJK}]+)*)|([^\s])")
GRAM = range(2, 7)  # characters
LENGTHS = range(3, 31)  # of a word
FULLER = 0.5  # "heart disease" takes the place of "heart" where it is in so many of the texts that have "heart"
OTHER_STOP_WORDS = frozenset(
    """aber als am auch auf aus bei bin bis das dass dem den der des die durch ein eine einem einen einer eines er es
    für hat ich ihr im ist kann mit nach nicht noch nur oder sein seine sich sie sind über um und unter vom von vor war
    waren wenn werden wie wir wird zu zum zur aux avec ce ces cette comme dans des du elle est et eux il ils je la le
    les leur mais nous ou par pas plus pour que qui sa se ses son sont sur un une vous al como con de del el en entre
    era es esta este fue ha han la las lo los más no o para pero por que se ser si sin sobre su sus también un una y
    also used use using may however many one two new said says page www http https com html""".split()
)
STOP_WORDS = ENGLISH_STOP_WORDS | OTHER_STOP_WORDS
EDGES = frozenset(
    "的了在是和与及为以于等之其这那有不也都对从到被把将而且或由个们一二三上下中内后前时年月日我你他她它并可所能会要就"
)
CJK_STOP_WORDS = frozenset(
    """通过 问题 许多 表示 如果 根据 例如 因为 所以 因此 由于 没有 使用 成为 可以 进行 开始
    其他 一些 这些 包括 提供 通常 情况 大多数 大部分 最大 获得 认为 以及 其中 之间 不同 这种
    主要 部分 方面 作为 并且 但是 然而 不是 具有 一种 一个 任何 需要 必须 发生 产生 存在
    可能 他们 它们 我们 自己 第一 第二 同时 此外 目前 最著名""".split()
)
_stemmer = snowballstemmer.stemmer("english")


@dataclass
class _Counts:
    """In how many texts of a group each term stands, and how it is written there."""

    texts: int = 0
    terms: Counter = field(default_factory=Counter)
    written: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))


def telling_words(groups: Sequence[Iterable[str]], most: int = 8) -> list[list[str]]:
    """For each group of texts at most `most` words or short phrases, the most telling first, as they are written.

    A term counts by the share of a group's texts that have it, times the logarithm of how much larger that share is
    than among the other groups: a class-based tf-idf in which a long text weighs no more than a short one. English
    words that differ by their ending are one; CJK text, which has no spaces, gives runs of two to six characters.
    """
    counts = [_counted(texts) for texts in groups]
    return [_chosen(one, [each for each in counts if each is not one], most) for one in counts]


def _counted(texts: Iterable[str]) -> _Counts:
    counts = _Counts()
    for text in texts:
        counts.texts += 1
        written: dict[str, str] = {}
        for key, form in _terms(text):
            written.setdefault(key, form)
        counts.terms.update(written.keys())
        for key, form in written.items():
            counts.written[key][form] += 1
    return counts


def _terms(text: str) -> Iterator[tuple[str, str]]:
    """(what is compared, as written): words, two neighbouring words, and runs of CJK characters."""
    last: tuple[str, str] | None = None
    for cjk, word, _other in RUN.findall(unicodedata.normalize("NFKC", text)):
        this = _word(word) if word else None
        if cjk:
            yield from ((gram, gram) for gram in _grams(cjk))
        if this:
            yield this
        if this and last:
            yield f"{last[0]} {this[0]}", f"{last[1]} {this[1]}"
        last = this


def _word(word: str) -> tuple[str, str] | None:
    plain = re.sub("['\u2019]s$", "", word, flags=re.IGNORECASE)
    lower = plain.casefold()
    is_telling = len(plain) in LENGTHS and lower not in STOP_WORDS and "_" not in plain  # a name in a program's text
    return (" ".join(map(_stem, lower.split("-"))), plain) if is_telling else None


@lru_cache(100_000)
def _stem(word: str) -> str:
    return _stemmer.stemWord(word)


def _grams(run: str) -> Iterator[str]:
    for length in GRAM:
        for start in range(len(run) - length + 1):
            gram = run[start : start + length]
            if gram[0] not in EDGES and gram[-1] not in EDGES and "的" not in gram and gram not in CJK_STOP_WORDS:
                yield gram


def _chosen(counts: _Counts, others: Sequence[_Counts], most: int) -> list[str]:
    fewest = max(2, counts.texts // 10) if counts.texts > 2 else 1
    scores = {term: _score(term, counts, others) for term, n in counts.terms.items() if n >= fewest}
    ranked = sorted((term for term in scores if scores[term] > 0), key=lambda term: (-scores[term], term))
    words: list[str] = []
    for term in ranked[: most * 12]:
        fuller = _fuller(term, ranked[: most * 12], counts)
        if not any(_overlap(fuller, word) for word in words):
            words.append(fuller)
        if len(words) == most:
            break
    return [counts.written[word].most_common(1)[0][0] for word in words]


def _score(term: str, counts: _Counts, others: Sequence[_Counts]) -> float:
    share = counts.terms[term] / counts.texts
    elsewhere = sum(other.terms[term] / max(1, other.texts) for other in others) / max(1, len(others))
    return share * log(share / (elsewhere + 0.5 / counts.texts + 0.01))


def _fuller(term: str, ranked: Sequence[str], counts: _Counts) -> str:
    """The longest term around this one that most of the texts have which have this one."""
    around = [one for one in ranked if _is_part(term, one) and counts.terms[one] >= FULLER * counts.terms[term]]
    return max(around, key=lambda one: (len(one), counts.terms[one]), default=term)


def _is_part(term: str, whole: str) -> bool:
    if term == whole or _is_cjk(term) != _is_cjk(whole):
        return False
    return term in whole if _is_cjk(term) else term in whole.split()


def _is_cjk(term: str) -> bool:
    return bool(re.match(f"[{CJK}]", term))


def _overlap(one: str, other: str) -> bool:
    if _is_cjk(one) and _is_cjk(other):
        pairs = {a + b for a, b in pairwise(one)}
        return any(a + b in pairs for a, b in pairwise(other))
    return bool(set(one.split()) & set(other.split()))
