"""The terms of a text that carry its meaning: stems of words, numbers, pairs of CJK characters."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import log
from threading import Lock

import snowballstemmer

STOP_WORDS = frozenset(
    """a an the this that these those there here it its he him his she her hers they them their theirs we us our
    ours you your yours i me my mine one ones who whom whose which what when where why how whether is are was were
    be been being am do does did done doing have has had having can could may might must shall should will would
    of in on at by for from to into onto with without within about as than then so such and or but nor not no if
    because while during over under between among after before up down out off again also only just very too more
    most much many any some all each every both either neither other others another same own s t re ve ll d m isn
    aren wasn weren don doesn didn won wouldn couldn shouldn cannot get got make made please tell give explain
    describe name called call list find show mean say said according based use used using der die das ein eine und
    oder ist sind war waren wird werden von zu mit auf im am den dem des wer was wann wo warum wie welche welcher
    welches viele le la les un une des du et est sont qui que quoi quand où pourquoi comment combien
    """.split()
)
CJK_STOP = re.compile(
    "为什么|為什麼|什么样的?|什麼樣的?|什么|什麼|多少|怎么样?|怎麼樣?|怎样|怎樣|如何|哪些|哪个|哪個|哪里|哪裡|哪儿|哪位|哪一|哪种|哪種|"
    "几个|幾個|是否|是不是|有没有|有沒有|能否|请问|請問|以及|或者|其中|这个|這個|那个|那個|这些|這些|那些|他们|他們|她们|我们|我們|"
    "你们|你們|它们|何时|何時|何地|何人|為何|为何|谁|誰|何|哪|几|幾|吗|嗎|呢|吧|的|了|着|是|在|被|他|她|它|"
    "です|ます|でした|ました|する|した|して|いる|ある|という|として|から|まで|など|なに|どこ|いつ|どの|どんな|なぜ|は|が|を|に|で|と|の|も|か|へ"
)
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
NUMBER = r"\d+(?:[.,:]\d+)*"
TOKEN = re.compile(rf"(?P<cjk>[{CJK}]+)|(?P<number>{NUMBER})|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)")
POSSESSIVE = re.compile(r"['’]s$", re.I)
IS_CJK = re.compile(f"[{CJK}]")
ENGLISH = snowballstemmer.stemmer("english")
_stemming = Lock()  # a stemmer keeps the word at hand in itself


def terms_of(text: str) -> list[str]:
    """The terms in reading order, one for each time it stands there; words are stemmed, function words left out."""
    return [term for term, _ in spelled(text)]


def compounds_of(text: str) -> list[tuple[str, tuple[str, str]]]:
    """What two neighbouring words are as one ("back up": "backup"), with their own terms."""
    words = [token["word"].lower() for token in TOKEN.finditer(unicodedata.normalize("NFKC", text)) if token["word"]]
    return [(stem(one + two), (stem(one), stem(two))) for one, two in pairwise(words)]


def asked_terms(question: str, bags: Iterable[frozenset[str]]) -> list[str]:
    """A question's terms; two words that the texts write as one are asked for as one."""
    terms = terms_of(question)
    for whole, parts in compounds_of(question):
        if any(whole in bag for bag in bags):
            terms = [term for term in terms if term not in parts] + [whole]
    return terms


def spelled(text: str) -> Iterator[tuple[str, str]]:
    """Each term with the way it is written in the text."""
    for token in TOKEN.finditer(unicodedata.normalize("NFKC", text)):
        if token["cjk"]:
            yield from ((pair, pair) for pair in _pairs(token["cjk"]))
        elif token["number"]:
            yield token["number"].replace(",", ""), token["number"]
        elif (word := POSSESSIVE.sub("", token["word"]).lower()) not in STOP_WORDS:
            yield stem(word), word


def _pairs(run: str) -> list[str]:
    """Characters two by two; function words part the run, and a character left alone stands for itself."""
    return [term for piece in CJK_STOP.split(run) if piece for term in (_two_by_two(piece) or [piece])]


def _two_by_two(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)]


def bag_of(text: str) -> frozenset[str]:
    """All that a question's terms may match in a text: its terms, and every CJK character and pair of them."""
    runs = [token["cjk"] for token in TOKEN.finditer(unicodedata.normalize("NFKC", text)) if token["cjk"]]
    return frozenset(terms_of(text)).union(*(set(run).union(_two_by_two(run)) for run in runs))


@lru_cache(65_536)
def stem(word: str) -> str:
    """An English word's stem (Porter's second algorithm); short words and other scripts stay as they are."""
    if len(word) < 4 or not word.isascii():
        return word
    with _stemming:
        return ENGLISH.stemWord(word)


# Passages, imagined to have none of the terms. With 300 the share that is covered means the same in 8 passages, in 24
# and in thousands: 3.5 % of answerable questions have less than .39-.41 (English), .21-.23 (Chinese); without, .22-.41.
PRIOR = 300


@dataclass(frozen=True)
class Rarity:
    """In how many of `total` passages, found or not, a term stands; terms that nobody counted are missing."""

    total: int = 0
    frequencies: dict[str, int] = field(default_factory=dict)


def weigh(question: Iterable[str], texts: Iterable[Iterable[str]], rarity: Rarity) -> dict[str, float]:
    """How much each term of the question tells, by how few passages have it: log(1 + (n - df + .5) / (df + .5)).

    (The idf of BM25, Robertson and Zaragoza 2009.) What was not counted is counted in the texts at hand. PRIOR keeps
    the weights of a few passages like those of many.
    """
    bags = [set(bag) for bag in texts]
    seen = Counter(term for bag in bags for term in bag)
    total = PRIOR + max(rarity.total, len(bags))
    found = {term: max(rarity.frequencies.get(term, 0), seen[term]) for term in dict.fromkeys(question)}
    return {term: log(1 + (total - number + 0.5) / (number + 0.5)) for term, number in found.items()}


def coverage(weights: dict[str, float], terms: Iterable[str]) -> float:
    """The share (0 to 1) of the question's weight that these terms cover."""
    total = sum(weights.values())
    return sum(weights[term] for term in weights.keys() & set(terms)) / total if total else 0.0


def is_chinese(text: str) -> bool:
    """Whether it is CJK without a sign that Chinese does not have."""
    return is_cjk(text) and not re.search("[\u3040-\u30ff\uac00-\ud7af]", text)


def is_cjk(text: str) -> bool:
    """Whether most of its letters are Chinese, Japanese or Korean ones."""
    letters = [char for char in text if char.isalpha()]
    return sum(bool(IS_CJK.match(char)) for char in letters) * 2 > len(letters)
