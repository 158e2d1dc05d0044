"""Give every finished document one vector of its whole text, beside those of its passages."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID, uuid4

import numpy as np

from ingestion.meter import spent_reading
from ingestion.parts import Part, parts_of
from ingestion.reads import embed_counted
from ingestion.work import must_be_the_texts
from kb.acting import about
from kb.models import Document, Section, digest_of
from search import vectors, whole
from search.embedders import EmbeddingError
from search.embedders.loaded import loaded
from search.models import Index, Preset
from search.presets.chosen import settle
from search.tokenize import tokenizer_of
from search.whole import Whole

log = logging.getLogger(__name__)

STEP_TOKENS = 32_768  # embedded before it is looked for more urgent work; one part at the least
STEP_DOCUMENTS = 100
START = uuid4()  # each worker begins somewhere else, so that several seldom read the same document
_without: set[tuple[int, UUID]] = set()  # (preset, document) that this worker can make no vector of
_kept: dict[int, int] = {}  # preset: tokens of the documents at work that it has read and kept


@dataclass(frozen=True)
class Reading:
    """A document, the digest of its text, and the parts in which it is read, each with its own digest."""

    document: Document
    digest: str
    parts: tuple[tuple[str, Part], ...]

    @property
    def tokens(self) -> int:
        return sum(part.tokens for _, part in self.parts)


Made = dict[str, tuple[np.ndarray, int]]  # digest of a part: its vector, and how many of its tokens were read


def embed_whole(stopping: Callable[[], bool] = lambda: False) -> bool:
    """A bounded step: read a few documents whole. False if none lacks its vector. Raises EmbeddingError."""
    return any(read_step(index, stopping) for index in whole.indexes_with_wholes())


def read_step(index: Index, stopping: Callable[[], bool] = lambda: False) -> bool:
    """The same for the documents in one index.

    A text is read in one go as far as the model reaches, a longer one by parts, which are averaged (search.whole.mean).
    Where the model reads too little for that, the vector is the mean of the document's passages, and nothing is
    embedded.
    """
    documents = _next(index)
    if documents and whole.reads_texts(index.preset):
        with about([index.knowledge_base_id]):
            _read(index, documents, stopping)
    elif documents:
        _average(index, documents)
    return bool(documents)


def unreadable(preset: Preset) -> Collection[UUID]:
    """The documents of which this worker can make no vector with this preset."""
    return [document for of, document in _without if of == preset.pk]


def kept_tokens(preset: Preset) -> int:
    """Of a document that is too long for a step: how much of it this worker has read."""
    return _kept.get(preset.pk, 0)


def _next(index: Index) -> list[Document]:
    waiting = whole.lacking_whole(index).exclude(pk__in=unreadable(index.preset))
    return list(waiting.filter(pk__gte=START)[:STEP_DOCUMENTS]) or list(waiting[:STEP_DOCUMENTS])


def text_of(document: Document) -> tuple[str, ...]:
    """What is read of a document: its title, unless the text begins with it, and its sections' texts."""
    texts = Section.objects.filter(document=document).order_by("ordinal").values_list("text", flat=True)
    begins = "".join(texts[:1]).strip().casefold()
    return tuple(texts) if begins.startswith(document.title.strip().casefold()) else (document.title, *texts)


def _digest(texts: Sequence[str]) -> str:
    return digest_of("\n\n".join(texts))


def _average(index: Index, documents: Sequence[Document]) -> None:
    """The mean of its passages stands for each document."""
    whole.keep(index.preset, list(_of_passages(index, documents)))


def _of_passages(index: Index, documents: Sequence[Document]) -> Iterator[Whole]:
    for document in documents:
        made = whole.of_passages(index, document, _digest(text_of(document)))
        if made:
            yield made
        else:
            _give_up(index.preset, document)


def _give_up(preset: Preset, document: Document) -> None:
    log.warning("No vector of the whole document %s can be made with %s.", document.pk, preset)
    _without.add((preset.pk, document.pk))


def _read(index: Index, documents: Sequence[Document], stopping: Callable[[], bool]) -> None:
    """Read as many of the documents as a step allows: what is cut off there goes on in the next.

    While they are read their passages stand in for them, marked as an attempt: a worker that is killed by what it reads
    (32,000 tokens may be more than a machine's memory holds) does not come back to it for ever.
    """
    readings = list(_step(index.preset, documents))
    if readings:
        loaded(index.preset)  # which takes its time, and tells nothing of how fast it reads
    whole.begin(index.preset, list(_of_passages(index, [reading.document for reading in readings])))
    begun = time.monotonic()
    try:
        tokens = _read_all(index, readings, stopping)
    except EmbeddingError:
        whole.take_back(index.preset, [reading.document for reading in readings])
        raise
    if tokens:
        spent_reading(index, tokens, time.monotonic() - begun)


def _step(preset: Preset, documents: Sequence[Document]) -> Iterator[Reading]:
    """Those to read now. What this preset has read before is copied; what was begun before is taken alone."""
    again = whole.begun_before(preset, documents)
    if again:
        documents = [document for document in documents if document.pk == again[0]]
    tokens = 0
    for document in documents:
        if tokens >= STEP_TOKENS:
            return
        texts = text_of(document)
        digest = _digest(texts)
        if read_before := whole.known(preset, digest):
            whole.keep(preset, [Whole(document, digest, **read_before)])
            continue
        reading = Reading(document, digest, _parts(preset, texts))
        tokens += reading.tokens
        yield reading


@lru_cache(2)  # a document of many parts is not tokenised anew for each step
def _parts(preset: Preset, texts: tuple[str, ...]) -> tuple[tuple[str, Part], ...]:
    parts = parts_of(texts, tokenizer_of(preset), reach=preset.max_tokens, instruction=preset.document_instruction)
    return tuple((digest_of(part.text), part) for part in parts)


def _read_all(index: Index, readings: Sequence[Reading], stopping: Callable[[], bool]) -> int:
    """How many tokens were read.

    What the model refuses for good is found by taking each by itself; its passages go on standing for it.
    """
    try:
        made, tokens = _made(index.preset, readings, stopping)
        _finish(index.preset, readings, made)
        return tokens
    except EmbeddingError as error:
        must_be_the_texts(loaded(index.preset), error)
        if len(readings) > 1:
            return sum(_read_all(index, [reading], stopping) for reading in readings)
        log.warning("Document %s cannot be read whole: %s", readings[0].document.pk, error.message)
        _average(index, [readings[0].document])
        whole.forget_parts(index.preset, [readings[0].document])
        return 0


def _made(preset: Preset, readings: Sequence[Reading], stopping: Callable[[], bool]) -> tuple[Made, int]:
    """Vectors of the parts: those kept by an earlier step, and as many more as a step allows; the tokens of these."""
    wanted = {digest: part for reading in readings for digest, part in reading.parts}
    kept = whole.vectors_of(preset, wanted) | whole.parts_kept(preset, [reading.document for reading in readings])
    made: Made = {d: (vectors.decode([data], preset.dimension)[0], read) for d, (data, read) in kept.items()}
    todo = _first([(digest, part) for digest, part in wanted.items() if digest not in made])
    if not todo or stopping():
        return made, 0
    parts = [part for _, part in todo]
    texts, tokens = [part.text for part in parts], [part.tokens for part in parts]
    settle(preset)
    matrix, reads = embed_counted(loaded(preset), preset, texts, tokens)
    made |= {digest: each for (digest, _), each in zip(todo, zip(matrix, reads, strict=True), strict=True)}
    return made, sum(tokens)


def _first(parts: Sequence[tuple[str, Part]]) -> list[tuple[str, Part]]:
    """As many of the parts as a step embeds: one at the least."""
    chosen: list[tuple[str, Part]] = []
    tokens = 0
    for digest, part in parts:
        if chosen and tokens + part.tokens > STEP_TOKENS:
            break
        chosen.append((digest, part))
        tokens += part.tokens
    return chosen


def _finish(preset: Preset, readings: Sequence[Reading], made: Made) -> None:
    """Keep the documents of which every part is read, and the parts of those that go on in the next step."""
    done = [reading for reading in readings if all(digest in made for digest, _ in reading.parts)]
    whole.keep(preset, [one for reading in done if (one := _of_parts(preset, reading, made))])
    whole.forget_parts(preset, [reading.document for reading in done])
    open_yet = [reading for reading in readings if reading not in done]
    begun = {reading.document: _begun(reading, made) for reading in open_yet}
    _kept[preset.pk] = sum(read for parts in begun.values() for _, read in parts.values())
    for document, parts in begun.items():
        whole.keep_parts(preset, document, parts)
    whole.take_back(preset, [reading.document for reading in open_yet])


def _begun(reading: Reading, made: Made) -> Made:
    """The parts of a document that were read so far."""
    return {digest: made[digest] for digest, _ in reading.parts if digest in made}


def _of_parts(preset: Preset, reading: Reading, made: Made) -> Whole | None:
    tokens = [part.tokens for _, part in reading.parts]
    each = [made[digest] for digest, _ in reading.parts]
    data = whole.mean(np.stack([vector for vector, _ in each]), tokens) if each else None
    if data is None:
        _give_up(preset, reading.document)
        return None
    read = sum(read for _, read in each)
    return Whole(reading.document, reading.digest, data, sum(tokens), read, len(each))
