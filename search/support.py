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
    do not, or what cites none.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    score: float
    supported: bool | None
    elsewhere: tuple[int, ...] = ()

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
    claims = claims_of(answer)
    open_ones = [claim for claim in claims if claim.claims and _left_open(claim, evidence)]
    near = Nearness(open_ones, evidence, embed) if embed and open_ones else None
    return tuple(_support(claim, evidence, near) for claim in claims)


def _support(claim: Claim, evidence: Sequence[Evidence], near: "Nearness | None") -> Support:
    numbers = tuple(n for n in claim.numbers if 1 <= n <= len(evidence))
    if not claim.claims:
        return Support(claim.start, claim.end, numbers, 0.0, None)
    cited = [evidence[n - 1] for n in numbers]
    score = share_of(claim.text, cited)
    if cited and _bears_out(claim, cited, score, near):
        return Support(claim.start, claim.end, numbers, round(score, 3), True)
    others = [one for number, one in enumerate(evidence, 1) if number not in numbers]
    elsewhere = tuple(
        evidence.index(one) + 1 for one in others if _bears_out(claim, [one], share_of(claim.text, [one]), near)
    )
    return Support(claim.start, claim.end, numbers, round(score, 3), not numbers and bool(elsewhere), elsewhere)


def _bears_out(claim: Claim, cited: Sequence[Evidence], score: float, near: "Nearness | None") -> bool:
    settled = _settled(claim, cited, score)
    return near is not None and near.of(claim, cited) >= NEAR if settled is None else settled


def _settled(claim: Claim, cited: Sequence[Evidence], score: float) -> bool | None:
    """Whether they bear out its words; None where its meaning must be near as well."""
    if not has_its_numbers(claim.text, cited):
        return False
    is_same_script = any(is_cjk(claim.text) == is_cjk(one.text) for one in cited)
    if is_same_script and not has_its_names(claim.text, cited):
        return False
    if score >= ENOUGH:
        return True
    return None if score >= SOME or not is_same_script else False


def _left_open(claim: Claim, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The passages whose meaning may have to be compared with it; none where the words of what it cites suffice."""
    cited = [evidence[n - 1] for n in claim.numbers if n <= len(evidence)]
    score = share_of(claim.text, cited)
    if score >= ENOUGH:
        return []
    left = cited if cited and _settled(claim, cited, score) is None else []
    others = (one for one in evidence if one not in cited)
    return [*left, *(one for one in others if _settled(claim, [one], share_of(claim.text, [one])) is None)]


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

    def __init__(self, claims: Sequence[Claim], evidence: Sequence[Evidence], embed: Embed) -> None:
        cited = {number for claim in claims for number in claim.numbers}
        needed = {one for claim in claims for one in _left_open(claim, evidence)}
        first = sorted(range(len(evidence)), key=lambda at: at + 1 not in cited)
        windows = (window for at in first if evidence[at] in needed for window in evidence[at].windows)
        texts = list(dict.fromkeys([*NEUTRAL, *(claim.text for claim in claims), *windows]))[:MOST_TEXTS]
        self.vectors = dict(zip(texts, embed(texts), strict=True))

    def of(self, claim: Claim, cited: Sequence[Evidence]) -> float:
        """The highest cosine to a window of these, 0 what neutral texts have; -1 where nothing was embedded."""
        mine = self.vectors.get(claim.text)
        windows = [self.vectors[w] for one in cited for w in one.windows if w in self.vectors]
        if mine is None or not windows:
            return -1.0
        floor = float(np.mean([mine @ self.vectors[text] for text in NEUTRAL]))  # some models find all texts alike
        return (max(float(mine @ other) for other in windows) - floor) / max(1e-6, 1 - floor)
