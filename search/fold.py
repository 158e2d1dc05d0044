"""Fold passages that say the same into the best of them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from search.passage import Passage, Twin

ALIKE = 0.8  # of the runs of words of two passages stand in both
RUN = 3  # words
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|\w+")  # a CJK character is one
MOST = 100  # passages that are compared; what stands behind them is shown to nobody


@dataclass(frozen=True)
class _Print:
    """What of a passage is compared: its runs of words, and the words in it that hold a number."""

    runs: frozenset[tuple[str, ...]]
    numbers: frozenset[str]


def fold(passages: Sequence[Passage]) -> list[Passage]:
    """The passages in their order, without those that a better one says already; that one carries them as `twins`.

    Alike are passages of which most runs of three words are the same, after case, accents of form (NFKC) and
    punctuation are taken off. Passages with different numbers in them are never alike: last year's price list is not
    this year's.
    """
    kept: list[tuple[Passage, _Print]] = []
    for passage in passages[:MOST]:
        mark = _print_of(passage.text)
        same = next((place for place, (_, other) in enumerate(kept) if _alike(mark, other)), None)
        if same is None:
            kept.append((passage, mark))
        else:
            better, print_of_better = kept[same]
            kept[same] = (_with_twin(better, passage), print_of_better)
    return [passage for passage, _ in kept] + list(passages[MOST:])


def _with_twin(better: Passage, passage: Passage) -> Passage:
    twin = Twin(passage.chunk_id, passage.document_id, passage.title, passage.page, passage.start, passage.end)
    return replace(better, twins=(*better.twins, twin))


def _print_of(text: str) -> _Print:
    words = WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    runs = zip(*(words[start:] for start in range(RUN)), strict=False) if len(words) > RUN else [tuple(words)]
    return _Print(frozenset(runs), frozenset(word for word in words if any(letter.isdigit() for letter in word)))


def _alike(one: _Print, other: _Print) -> bool:
    smaller, larger = sorted((len(one.runs), len(other.runs)))
    if one.numbers != other.numbers or smaller < ALIKE * larger:
        return False
    common = len(one.runs & other.runs)
    return common >= ALIKE * (smaller + larger - common)
