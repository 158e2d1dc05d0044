"""Say which sentences of an answer its passages bear out."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from search.claims import Claim, claims_of
from search.passage import Passage
from search.sentences import split_sentences
from search.terms import NUMBER, bag_of, is_cjk, stem, terms_of

Embed = Callable[[list[str]], np.ndarray]

ENOUGH = 0.6  # of a sentence's terms that stand close together in what it cites: it is borne out by its words
SOME = 0.3  # of them, where the meaning must be near as well
NEAR = 0.6  # cosine of a sentence to what it cites, where 0 is that to what has nothing to do with it
NEUTRAL = ("The weather was fine.", "She likes music.", "Open the door.", "他喜欢喝茶。", "今天是晴天。")
TOGETHER = 3  # neighbouring sentences in which the terms may stand
MOST_TEXTS = 96  # that are embedded for one answer
NUMERALS = {word: str(number) for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty".split())}  # fmt: skip
HAN_DIGITS = {sign: number for number, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
HAN = re.compile("[零〇一二两兩三四五六七八九]?十[一二三四五六七八九]?|[零〇一二两兩三四五六七八九]+")
NAME = re.compile(r"(?<=[a-z,;)] )[A-Z][\w'’-]*[a-z][\w'’-]*|\b[A-Z]{2,}\b")
DIGITS = re.compile(rf"(?<![\d.,]){NUMBER}")


@dataclass(frozen=True)
class Support:
    """A sentence of an answer, [start, end) in it: the passages it cites, the share (0 to 1) of its terms they have.

    `supported` is None for a sentence that claims nothing. `elsewhere` are passages that bear out what the cited ones
    do not, or what cites none, the one that has most of it first; `score` is that one's where none is cited. `derived`:
    the model cited none, the number was put there by search.derive.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    score: float
    supported: bool | None
    elsewhere: tuple[int, ...] = ()
    derived: bool = False

    def as_json(self) -> dict[str, Any]:
        """For Message.support."""
        return asdict(self)


class Evidence:
    """What a passage says: its words, its numbers, and windows of a few sentences."""

    def __init__(self, passage: Passage) -> None:
        self.frame = " ".join((passage.title, *passage.heading_path, passage.context))
        self.text = f"{self.frame} {passage.text}"
        self.sentences = [one.text for one in split_sentences(passage.text)]

    @cached_property
    def bag(self) -> frozenset[str]:
        return bag_of(self.text)

    def numbers_about(self, terms: frozenset[str]) -> frozenset[str]:
        """The numbers in the frame, and in the windows that have at least half as many of the terms as the best."""
        most = max((len(terms & bag) for bag in self.bags), default=0)
        near = (w for w, bag in zip(self.windows, self.bags, strict=True) if 2 * len(terms & bag) >= most)
        return numbers_said(" ".join((self.frame, *near)))

    @cached_property
    def windows(self) -> list[str]:
        """Texts of up to TOGETHER neighbouring sentences."""
        last = max(1, len(self.sentences) - TOGETHER + 1)
        return [" ".join(self.sentences[at : at + TOGETHER]) for at in range(last)] if self.sentences else []

    @cached_property
    def bags(self) -> list[frozenset[str]]:
        frame = bag_of(self.frame)
        return [frame | bag_of(window) for window in self.windows]


def supports_of(answer: str, passages: Sequence[Passage], embed: Embed | None = None) -> tuple[Support, ...]:
    """Every sentence of the answer in turn, held against the passages that it cites, then against the others.

    `embed` gives vectors of length 1 for texts, and is asked once, only about sentences that words alone leave open.
    Without it these are not borne out. Measured, see docs/benchmarks.md.
    """
    evidence = [Evidence(passage) for passage in passages]
    weighed = [Weighed(claim, evidence) for claim in claims_of(answer)]
    near = _nearness(weighed, embed) if embed else None
    return tuple(one.support(near) for one in weighed)


class Weighed:
    """A claim held against passages by its words."""

    def __init__(self, claim: Claim, evidence: Sequence[Evidence]) -> None:
        self.claim, self.evidence = claim, evidence
        self.numbers = tuple(n for n in claim.numbers if 1 <= n <= len(evidence))
        self.cited = [evidence[n - 1] for n in self.numbers]
        self.score = share_of(claim.text, self.cited) if claim.claims else 0.0

    @cached_property
    def by_cited(self) -> bool | None:
        """Whether what it cites bears it out; None where its meaning decides."""
        return _settled(self.claim, self.cited, self.score) if self.cited else False

    @cached_property
    def by_others(self) -> dict[int, bool | None]:
        """The same for each of the other passages, by number."""
        return {
            number: _settled(self.claim, [self.evidence[number - 1]], share) for number, share in self.shares.items()
        }

    @cached_property
    def shares(self) -> dict[int, float]:
        """The shares of its terms that each of the other passages has, by number."""
        others = (number for number in range(1, len(self.evidence) + 1) if number not in self.numbers)
        return {number: share_of(self.claim.text, [self.evidence[number - 1]]) for number in others}

    def left_open(self, *, to_cited: bool) -> list[list[Evidence]]:
        """What its meaning may have to be compared with, of what it cites or of the others."""
        if not self.claim.claims or self.score >= ENOUGH:  # words settle it
            return []
        if to_cited:
            return [self.cited] if self.by_cited is None else []
        return [[self.evidence[number - 1]] for number, borne_out in self.by_others.items() if borne_out is None]

    def support(self, near: "Nearness | None") -> Support:
        """What bears it out, by words or by meaning."""
        claim = self.claim
        if not claim.claims:
            return Support(claim.start, claim.end, self.numbers, 0.0, None)
        if _is_borne_out(self.by_cited, claim, self.cited, near):
            return Support(claim.start, claim.end, self.numbers, round(self.score, 3), True)
        bearing = [
            number
            for number, borne_out in self.by_others.items()
            if _is_borne_out(borne_out, claim, [self.evidence[number - 1]], near)
        ]
        elsewhere = tuple(sorted(bearing, key=lambda number: -self.shares[number]))
        is_found = not self.numbers and bool(elsewhere)
        score = self.shares[elsewhere[0]] if is_found else self.score
        return Support(claim.start, claim.end, self.numbers, round(score, 3), is_found, elsewhere)


def _settled(claim: Claim, cited: Sequence[Evidence], score: float) -> bool | None:
    """Whether its words are borne out; None where its meaning must be near as well."""
    if not has_its_numbers(claim.text, cited):
        return False
    is_same_script = any(is_cjk(claim.text) == is_cjk(one.text) for one in cited)
    if is_same_script and not has_its_names(claim.text, cited):
        return False
    if score >= ENOUGH:
        return True
    return None if score >= SOME or not is_same_script else False


def _is_borne_out(settled: bool | None, claim: Claim, cited: Sequence[Evidence], near: "Nearness | None") -> bool:
    if settled is None:
        return near is not None and near.of(claim, cited) >= NEAR
    return settled


def _nearness(weighed: Sequence[Weighed], embed: Embed) -> "Nearness | None":
    """Of the claims that words leave open to what may bear them out; first to what they cite."""
    pairs = [
        (one.claim, evidence)
        for to_cited in (True, False)
        for one in weighed
        for evidence in one.left_open(to_cited=to_cited)
    ]
    return Nearness(pairs, embed) if pairs else None


def share_of(text: str, cited: Sequence[Evidence]) -> float:
    """The share (0 to 1) of the terms that stand in one window of each passage; the passages may share them out."""
    terms = set(terms_of(text))
    held: set[str] = set()
    for one in cited:
        held |= max((terms & bag for bag in one.bags), key=len, default=set())
    return len(held) / len(terms) if terms else 0.0


def has_its_numbers(text: str, cited: Sequence[Evidence]) -> bool:
    """Whether every number in it stands where one of the passages says such things, in digits or in words."""
    wanted = numbers_said(text) - {"0", "1"} | set(_digits(text))  # "one" and 一 are more often no numbers
    return not wanted or wanted <= frozenset().union(*(one.numbers_about(frozenset(terms_of(text))) for one in cited))


def has_its_names(text: str, cited: Sequence[Evidence]) -> bool:
    """Whether every word that is written as a name stands in one of the passages."""
    there = frozenset().union(*(one.bag for one in cited))
    names = {stem(word.lower()) for name in NAME.findall(text) for word in re.findall(r"[^\W\d_]+", name)}
    return all(name in there or not terms_of(name) for name in names)


def numbers_said(text: str) -> frozenset[str]:
    """The numbers in a text as digits, also those that are written as words up to twenty or as Chinese numerals."""
    words = {NUMERALS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in NUMERALS}
    return frozenset(_digits(text)) | words | {_han(match) for match in HAN.findall(text)}


def _digits(text: str) -> list[str]:
    return [found.replace(",", "").rstrip(".:") for found in DIGITS.findall(unicodedata.normalize("NFKC", text))]


def _han(sign: str) -> str:
    tens, ten, ones = sign.partition("十")
    if not ten:
        return str(int("".join(str(HAN_DIGITS[one]) for one in sign)))
    return str((HAN_DIGITS[tens] if tens else 1) * 10 + (HAN_DIGITS[ones] if ones else 0))


class Nearness:
    """How near in meaning sentences are to the windows of passages, embedded in one go."""

    def __init__(self, pairs: Sequence[tuple[Claim, Sequence[Evidence]]], embed: Embed) -> None:
        claims = (claim.text for claim, _ in pairs)
        windows = (window for _, evidence in pairs for one in evidence for window in one.windows)
        texts = list(dict.fromkeys([*NEUTRAL, *claims, *windows]))[:MOST_TEXTS]
        self.vectors = dict(zip(texts, embed(texts), strict=True))

    def of(self, claim: Claim, cited: Sequence[Evidence]) -> float:
        """The highest cosine to a window of these, 0 what neutral texts have; -1 where nothing was embedded."""
        mine = self.vectors.get(claim.text)
        windows = [self.vectors[w] for one in cited for w in one.windows if w in self.vectors]
        if mine is None or not windows:
            return -1.0
        floor = float(np.mean([mine @ self.vectors[text] for text in NEUTRAL]))  # some models find all texts alike
        return (max(float(mine @ other) for other in windows) - floor) / max(1e-6, 1 - floor)
