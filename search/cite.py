"""Check an answer's numbers and say which sentences of which passages it rests on."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from search.passage import Passage
from search.sentences import Sentence, sentences_of
from search.terms import bag_of

NUMBERS = re.compile(r"[ \t]*(?<!\\)\[\d{1,9}(?:\s*[,;，、]\s*\d{1,9})*\](?![(:])")
CODE = re.compile(
    r"(^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)|(?P<tick>`+)[^\n]*?(?P=tick))",
    re.S | re.M,
)
LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s")
SAME = 0.75  # of a sentence's terms stand in what the answer says ...
PART = 0.15  # ... and are so much of it, or it is about something else


@dataclass(frozen=True)
class Source:
    """A passage under the number by which an answer cites it, as a citation keeps it. Offsets as in Passage."""

    number: int
    chunk_id: int
    document_id: UUID
    title: str
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    boxes: tuple[tuple[float, ...], ...] = ()
    score: float = 0.0
    ranks: dict[str, int] = field(default_factory=dict)
    marks: tuple[tuple[int, int], ...] = ()
    is_cited: bool = True


def checked(answer: str, numbers: int | Collection[int]) -> str:
    """The answer with only those [n] that cite one of these passages (1 to `numbers`); [1, 2] becomes [1][2].

    Code stays as it is.
    """
    known = range(1, numbers + 1) if isinstance(numbers, int) else numbers
    return "".join(
        part if is_code else NUMBERS.sub(lambda m: _kept(m, known), part) for part, is_code in _parts(answer)
    )


def _kept(match: re.Match, known: Collection[int]) -> str:
    numbers = dict.fromkeys(int(number) for number in re.findall(r"\d+", match.group()))
    kept = [f"[{number}]" for number in numbers if number in known]
    space = match.group()[: len(match.group()) - len(match.group().lstrip())]
    return space + "".join(kept) if kept else ""


def _parts(answer: str) -> Iterator[tuple[str, bool]]:
    """The text outside and inside of code, in turn."""
    at = 0
    for code in CODE.finditer(answer):
        yield answer[at : code.start()], False
        yield code.group(), True
        at = code.end()
    yield answer[at:], False


def numbers_in(text: str) -> tuple[int, ...]:
    """The numbers that a text cites, each once, in the order in which they first stand there."""
    prose = "`".join(part for part, is_code in _parts(text) if not is_code)
    found = (number for match in NUMBERS.finditer(prose) for number in re.findall(r"\d+", match.group()))
    return tuple(dict.fromkeys(map(int, found)))


def blocks_of(answer: str) -> list[str]:
    """An answer's paragraphs, lists and blocks of code: what stands between blank lines outside of code."""
    blocks = [""]
    for part, is_code in _parts(answer):
        first, *others = [part] if is_code else re.split(r"\n[ \t]*\n\s*", part)
        blocks[-1] += first
        blocks += others
    return [block.strip("\n") for block in blocks if block.strip()]


def without(answer: str, numbers: Collection[int]) -> str:
    """The answer without what rests on these passages; with what cites nothing, as that may rest on them too."""
    if not numbers:
        return answer
    kept = (
        "\n".join(piece for piece in pieces_of(block) if _rests_on_others(piece, numbers))
        for block in blocks_of(answer)
    )
    return "\n\n".join(block for block in kept if block)


def is_whole(answer: str, kept: str) -> bool:
    """Whether `without` has left out nothing of it."""
    return kept in (answer, "\n\n".join(blocks_of(answer)))


def _rests_on_others(piece: str, numbers: Collection[int]) -> bool:
    cited = numbers_in(piece)
    return bool(cited) and not set(cited) & set(numbers)


def pieces_of(block: str) -> list[str]:
    """The items of a list, or the whole block."""
    lines = block.split("\n")
    return lines if all(LIST_ITEM.match(line) for line in lines) else [block]


def in_order(answer: str, passages: Sequence[Passage]) -> tuple[str, tuple[Passage, ...]]:
    """Both with new numbers: the passages in the order in which the answer cites them, then those it does not."""
    cited = numbers_in(answer)
    order = [*cited, *(n for n in range(1, len(passages) + 1) if n not in cited)]
    new = {old: place for place, old in enumerate(order, 1)}
    return renumbered(answer, new), tuple(passages[old - 1] for old in order)


def renumbered(answer: str, new: Mapping[int, int]) -> str:
    """The answer with another number for each that it cites."""
    return "".join(
        part if is_code else NUMBERS.sub(lambda m: _renumbered(m, new), part) for part, is_code in _parts(answer)
    )


def _renumbered(match: re.Match, new: Mapping[int, int]) -> str:
    return re.sub(r"\d+", lambda number: str(new[int(number.group())]), match.group())


def cite(answer: str, passages: Sequence[Passage]) -> tuple[Source, ...]:
    """All passages as sources, numbered from 1; those that the answer cites carry the marks of what it says."""
    said: dict[int, list[str]] = {}
    for block in blocks_of(answer):
        for piece in pieces_of(block):
            for number in numbers_in(piece):
                said.setdefault(number, []).append(piece)
    return tuple(_source(number, passage, said.get(number, ())) for number, passage in enumerate(passages, 1))


def _source(number: int, passage: Passage, said: Sequence[str]) -> Source:
    """Page and headings are those of the first sentence that is said: where the reader should look."""
    marks = marks_of(passage, said)
    part = passage.part_at(marks[0][0]) if marks else None
    return Source(
        number=number, chunk_id=passage.chunk_id, document_id=passage.document_id, title=passage.title,
        text=passage.text, start=passage.start, end=passage.end,
        heading_path=part.heading_path if part else passage.heading_path,
        page=part.page if part and part.page else passage.page,
        boxes=passage.boxes, score=passage.score, ranks=passage.ranks, marks=marks, is_cited=bool(said),
    )  # fmt: skip


def marks_of(passage: Passage, said: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """[start, end) in the document's text of the sentences that are said: nearly all of their terms stand there.

    Where none is (an answer in other words), the one that shares most with what is said. Headings are not marked, nor
    are a few words that happen to stand in a long piece.
    """
    if not said:
        return ()
    bags = [bag_of(piece) for piece in said]
    shares = {
        sentence: max(_share(sentence, bag) for bag in bags) for sentence in sentences_of(passage.text, passage.spans())
    }
    best = max(shares.values(), default=0.0)
    chosen = [sentence for sentence, share in shares.items() if share >= min(best, SAME) and share > 0]
    return joined([(passage.start + s.start, passage.start + s.end) for s in chosen])


def _share(sentence: Sentence, said: frozenset[str]) -> float:
    terms = bag_of(sentence.text)
    common = len(terms & said)
    return common / len(terms) if common and common >= PART * len(said) else 0.0


def joined(marks: Sequence[tuple[int, int]], gap: int = 1) -> tuple[tuple[int, int], ...]:
    """Marks in order, those that touch or overlap made one."""
    whole: list[tuple[int, int]] = []
    for start, end in sorted(marks):
        if whole and start <= whole[-1][1] + gap:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return tuple(whole)
