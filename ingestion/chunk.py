"""Cut a document into passages: along its structure, and never longer than the embedding model reads."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, takewhile

from ingestion import cut
from ingestion.context import Context, with_context
from ingestion.measure import Measure, Tokenizer

JOIN = "\n\n"
FULL_ENOUGH = 0.25  # a passage filled this far ends before a heading ...
HALF_FULL = 0.5  # ... and this far, before any paragraph that would have to be divided

Box = tuple[float, float, float, float, float]  # page, then left, top, right, bottom as fractions of the page


@dataclass(frozen=True)
class Piece:
    """What is read of a section (kb.models.Section): `start` and `lines` count in the document's text."""

    text: str
    kind: str
    start: int
    depth: int = 0
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    lines: tuple[tuple[float, ...], ...] = ()
    table: Sequence[Sequence[str]] | None = None

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_heading(self) -> bool:
        return self.kind == "heading"


@dataclass(frozen=True)
class ChunkSpan:
    """A passage: `text` is the slice [start, end) of the document's text.

    `context` is what the model reads above it (title, headings, a table's header), shortened where it would be absurdly
    long. `tokens` are those of `embedded_text`, special ones included.
    """

    start: int
    end: int
    text: str
    context: str
    heading_path: tuple[str, ...]
    page: int | None
    boxes: tuple[Box, ...]
    tokens: int

    @property
    def embedded_text(self) -> str:
        """What the embedding model reads."""
        return with_context(self.context, self.text)


@dataclass(frozen=True)
class _Unit:
    """What is never divided again: a sentence, a table's row, or as much of one as fits."""

    start: int
    end: int
    piece: Piece


@dataclass(frozen=True)
class _Block:
    """A piece in its units. `budget`: the tokens of text that fit into a passage which begins here."""

    piece: Piece
    units: tuple[_Unit, ...]
    budget: int
    section_end: int
    is_top: bool


def document_text(texts: Sequence[str]) -> str:
    """The text of a document, in which all offsets count."""
    return JOIN.join(texts)


def chunk(
    pieces: Sequence[Piece],
    *,
    title: str,
    tokenizer: Tokenizer,
    limit: int,
    overlap: int,
    max_model_tokens: int,
    instruction: str = "",
) -> list[ChunkSpan]:
    """The passages in reading order.

    `limit` and `overlap` count tokens of a passage's text; the limit gives way where context, special tokens and
    `instruction` (put before every passage by the preset) would not fit into `max_model_tokens` beside it.
    Every character of the text that is not white space is in a passage. Raises ValueError where `start`s are not those
    of the joined text.
    """
    text = document_text([piece.text for piece in pieces])
    starts = [0, *accumulate(len(piece.text) + len(JOIN) for piece in pieces)][: len(pieces)]
    if any(piece.start != start for piece, start in zip(pieces, starts, strict=True)):
        raise ValueError("The sections do not stand where the document's text has them.")
    context = Context(title, tokenizer, max_model_tokens, instruction)
    measure = Measure([piece.text for piece in pieces], starts, tokenizer, JOIN)
    blocks = _blocks(text, pieces, measure, context, limit)
    return _Finisher(text, pieces, measure, context, limit).finish(_Packer(measure, overlap).pack(blocks))


def _blocks(text: str, pieces: Sequence[Piece], measure: Measure, context: Context, limit: int) -> list[_Block]:
    top = _top_depth(pieces)
    section_end = len(text)
    blocks: list[_Block] = []
    for piece in reversed(pieces):
        budget = context.budget(piece.heading_path, piece.table, limit)
        units = tuple(_units(text, piece, measure, budget))
        if units:
            is_top = piece.is_heading and piece.depth <= top
            blocks.append(_Block(piece, units, budget, section_end, is_top))
        if piece.is_heading:
            section_end = piece.start
    return blocks[::-1]


def _top_depth(pieces: Sequence[Piece]) -> int:
    """The depth of the headings that divide the document: a single highest one is its title."""
    depths = sorted(piece.depth for piece in pieces if piece.is_heading)
    return depths[1] if len(depths) > 1 else 0


def _units(text: str, piece: Piece, measure: Measure, budget: int) -> Iterator[_Unit]:
    split = cut.lines if piece.kind in ("table", "code") else cut.sentences
    for start, end in split(text, (piece.start, piece.end)):
        for span in cut.within(text, (start, end), measure, budget):
            yield _Unit(*span, piece)


class _Packer:
    """Fills passages with units, in order."""

    def __init__(self, measure: Measure, overlap: int) -> None:
        self.measure = measure
        self.overlap = overlap
        self.current: list[_Unit] = []
        self.budget = 0
        self.done: list[list[_Unit]] = []

    def pack(self, blocks: Sequence[_Block]) -> list[list[_Unit]]:
        for block in blocks:
            if self._ends_before(block):
                self._close(block.units[0], block.budget, overlapping=not block.piece.is_heading)
            for unit in block.units:
                if self.current and self._size(unit.end) > self.budget:
                    self._close(unit, block.budget, overlapping=True)
                self._add(unit, block.budget)
        return [*self.done, self.current] if self.current else self.done

    def _add(self, unit: _Unit, budget: int) -> None:
        self.budget = min(self.budget, budget) if self.current else budget
        self.current.append(unit)

    def _size(self, end: int) -> int:
        return self.measure.tokens(self.current[0].start, end)

    def _ends_before(self, block: _Block) -> bool:
        if not self.current:
            return False
        filled = self._size(self.current[-1].end) / self.budget
        if block.piece.is_heading:
            fits = self._size(block.section_end) <= self.budget
            return filled >= FULL_ENOUGH and (block.is_top or filled >= HALF_FULL or not fits)
        size = self.measure.tokens(block.units[0].start, block.units[-1].end)
        return filled >= HALF_FULL and size <= block.budget and self._size(block.units[-1].end) > self.budget

    def _close(self, following: _Unit, budget: int, *, overlapping: bool) -> None:
        """End the passage, and begin the next with headings that would be left behind, or with the overlap."""
        carried = self._trailing(lambda unit: unit.piece.is_heading)
        left = len(self.current) - len(carried)
        if carried and left and self.measure.tokens(carried[0].start, following.end) <= budget:
            self.done.append(self.current[:left])
        else:
            carried = self._overlap(following, budget) if overlapping else []
            self.done.append(self.current)
        self.current = []
        for unit in carried:
            self._add(unit, budget)

    def _overlap(self, following: _Unit, budget: int) -> list[_Unit]:
        """The last whole sentences, as many as the overlap holds, of the same section."""
        end = self.current[-1].end

        def fits(unit: _Unit) -> bool:
            return (
                unit.piece.kind in ("paragraph", "list_item")
                and unit.piece.heading_path == following.piece.heading_path
                and self.measure.tokens(unit.start, end) <= self.overlap
                and self.measure.tokens(unit.start, following.end) <= budget
                and unit is not self.current[0]
            )

        return self._trailing(fits)

    def _trailing(self, wanted: Callable[[_Unit], bool]) -> list[_Unit]:
        return list(takewhile(wanted, reversed(self.current)))[::-1]


class _Finisher:
    """Makes passages of units: counts their tokens in the end, and divides what is still too long."""

    def __init__(self, text: str, pieces: Sequence[Piece], measure: Measure, context: Context, limit: int) -> None:
        self.text = text
        self.measure = measure
        self.context = context
        self.limit = limit
        self.lines = sorted(line for piece in pieces for line in piece.lines)
        self.line_ends = list(accumulate((line[1] for line in self.lines), max))

    def finish(self, passages: Sequence[list[_Unit]]) -> list[ChunkSpan]:
        contexts = [self._context(units) for units in passages]
        texts = [self.text[units[0].start : units[-1].end] for units in passages]
        tokens = self.context.count(list(zip(contexts, texts, strict=True)))
        done: list[ChunkSpan] = []
        for units, context, read in zip(passages, contexts, tokens, strict=True):
            halves = [] if self.context.fits(context, read, self.limit) else self._halves(units)
            done.extend(self.finish(halves) if halves else [self._span(units, context, read)])
        return done

    def _halves(self, units: list[_Unit]) -> list[list[_Unit]]:
        if len(units) > 1:
            return [units[: len(units) // 2], units[len(units) // 2 :]]
        (unit,) = units
        half = max(1, self.measure.tokens(unit.start, unit.end) // 2)
        spans = list(cut.within(self.text, (unit.start, unit.end), self.measure, half))
        return [[_Unit(*span, unit.piece)] for span in spans] if len(spans) > 1 else []

    def _context(self, units: list[_Unit]) -> str:
        headings = {unit.piece.text.strip() for unit in units if unit.piece.is_heading}
        path = [part for part in _heading_path(units) if part.strip() not in headings]
        first = units[0]
        has_header = not first.piece.table or not self.text[first.piece.start : first.start].strip()
        return self.context.of(tuple(path), None if has_header else first.piece.table)

    def _span(self, units: list[_Unit], context: str, tokens: int) -> ChunkSpan:
        start, end = units[0].start, units[-1].end
        boxes = tuple(self._boxes(start, end))
        page = int(boxes[0][0]) if boxes else units[0].piece.page
        return ChunkSpan(start, end, self.text[start:end], context, _heading_path(units), page, boxes, tokens)

    def _boxes(self, start: int, end: int) -> Iterator[Box]:
        first = bisect_right(self.line_ends, start)
        for line in takewhile(lambda line: line[0] < end, islice(self.lines, first, None)):
            if line[1] > start:
                yield (line[2], line[3], line[4], line[5], line[6])


def _heading_path(units: Sequence[_Unit]) -> tuple[str, ...]:
    """The headings that all of the passage stands under."""
    paths = [unit.piece.heading_path for unit in units if not unit.piece.is_heading]
    paths = list(dict.fromkeys(paths)) or [units[0].piece.heading_path]
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    return tuple(parts[0] for parts in shared)
