"""Cut text into the tokens that keyword search compares."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

# Han, kana and Hangul: written without spaces, or with endings on the words that no stemmer here knows
CJK = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
RUN = re.compile(rf"(?P<cjk>[{CJK}]+)|(?P<word>[^\W{CJK}]+(?:(?:[-./@:#+&]|['\u2019])?[^\W{CJK}]+)*(?:\+\+|#)?)")
OWNER = re.compile(r"['\u2019][sS]$")
PART = re.compile(r"[^\W_]+")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
IS_CJK = re.compile(f"[{CJK}]")
# Of a question only: in a passage they stay, so that a question of nothing else still finds one.
STOP_WORDS = frozenset(
    """a an and are as at be but by do does did for how if in into is it no not of on or such than that the their then
    there these they this to was were what when where which who why will with""".split()
)
MOST_CHARACTERS = 60  # a longer run is data (base64, hashes in a row), which nobody types


def tokens_of(text: str) -> Iterator[str]:
    """The tokens of a text in reading order, lower case, none with a space in it.

    CJK runs give each character and each pair of neighbours; words are kept as they stand, and what is put together
    (`INV-2024-0031`, `max_batch_size`, `HttpClient`) gives the whole as well as its parts.
    """
    for run in RUN.finditer(unicodedata.normalize("NFKC", text)):
        if run["cjk"]:
            yield from _characters_and_pairs(run["cjk"])
        else:
            yield from _whole_and_parts(run["word"])


def asked_tokens(question: str) -> list[str]:
    """The tokens of a question without words that say nothing, if it has others."""
    tokens = list(tokens_of(question))
    return [token for token in tokens if token not in STOP_WORDS] or tokens


def compounds(question: str) -> list[str]:
    """Each two neighbouring words as one: who asks how to "back up" means the "backup"."""
    words = [token if token.isascii() and token.isalpha() else "" for token in tokens_of(question)]
    return [one + two for one, two in pairwise(words) if one and two]


def is_one_character(token: str) -> bool:
    """Whether the token is a single character of a CJK script, which says less than a word or a pair."""
    return len(token) == 1 and bool(IS_CJK.match(token))


def _characters_and_pairs(run: str) -> Iterator[str]:
    for place, character in enumerate(run):
        yield character
        if place + 1 < len(run):
            yield run[place : place + 2]


def _whole_and_parts(word: str) -> Iterator[str]:
    word = OWNER.sub("", word)
    whole = word.replace("\u2019", "'").casefold()
    parts = [part.casefold() for run in PART.findall(word) for part in HUMP.split(run)]
    if len(whole) <= MOST_CHARACTERS:
        yield whole
    if len(parts) > 1:
        yield from (part for part in parts if len(part) <= MOST_CHARACTERS)
