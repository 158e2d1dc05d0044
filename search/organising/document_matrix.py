"""The vectors of a knowledge base's documents, as a matrix."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from uuid import UUID

import numpy as np

from kb.models import Chunk, Document, KnowledgeBase, Section
from search import lane
from search.models import DocumentVector, Index, Preset, TaskVector, Vector
from search.vectors import decode, encode

AT_ONCE = 200  # documents that are read together
TEXTS = 4  # that are embedded together: a question that comes meanwhile waits for no more
BEGINNING = 2000  # characters: what a document is about stands there, and no model here cuts it off

Matrix = tuple[list[UUID], np.ndarray]
Progress = Callable[[int, int], object]


def parts_of(items: Sequence, size: int) -> Iterator[list]:
    """The items in lists of `size`: SQLite takes a bounded number of variables."""
    return (list(items[first : first + size]) for first in range(0, len(items), size))


def serving_index(knowledge_base: KnowledgeBase) -> Index | None:
    """The index whose vectors say what documents are about; None before there is one."""
    serving = Index.objects.filter(knowledge_base=knowledge_base, state=Index.State.SERVING)
    return serving.select_related("preset").first()


def ready_documents(knowledge_base: KnowledgeBase) -> list[UUID]:
    """The documents with text that can be asked about, in a lasting order."""
    ready = knowledge_base.documents.filter(status=Document.Status.READY, deleted_at=None, characters__gt=0)
    return list(ready.order_by("created_at", "pk").values_list("pk", flat=True))


def matrix_of(index: Index, instruction: str, progress: Progress = lambda n, of: None) -> Matrix:
    """Documents and their (n, d) vectors of length 1, for a task: with the model's instruction, if it has one.

    Without, they are the vectors of the whole texts, or the mean of the passages' where there is none yet. Documents
    of which nothing is embedded are left out. Raises EmbeddingError where an instructed vector is missing and cannot
    be made.
    """
    documents = ready_documents(index.knowledge_base)
    if instruction:
        return _instructed(index.preset, documents, instruction, progress)
    rows = _Rows(len(documents), index.preset.dimension)
    for part in parts_of(documents, AT_ONCE):
        found = _whole(index.preset, part)
        found.update(_means(index, [pk for pk in part if pk not in found]))
        rows.add({pk: found[pk] for pk in part if pk in found})
    return rows.matrix()


class _Rows:
    """A matrix that is filled a part at a time: no row of it is twice in memory."""

    def __init__(self, most: int, dimension: int) -> None:
        self.documents: list[UUID] = []
        self.vectors = np.empty((most, dimension), np.float32)

    def add(self, found: dict[UUID, bytes]) -> None:
        first = len(self.documents)
        self.documents += found
        self.vectors[first : len(self.documents)] = decode(list(found.values()), self.vectors.shape[1])

    def matrix(self) -> Matrix:
        return self.documents, self.vectors[: len(self.documents)]


def _whole(preset: Preset, documents: Iterable[UUID]) -> dict[UUID, bytes]:
    rows = DocumentVector.objects.filter(preset=preset, document__in=documents)
    return {pk: bytes(data) for pk, data in rows.values_list("document", "data")}


def _means(index: Index, documents: Sequence[UUID]) -> Iterator[tuple[UUID, bytes]]:
    """The normalised mean of a document's passages."""
    chunks = Chunk.objects.filter(document__in=documents, chunking=index.chunking_id)
    digests: dict[UUID, list[str]] = defaultdict(list)
    for pk, digest in chunks.order_by("ordinal").values_list("document", "digest"):
        digests[pk].append(digest)
    for pk, each in digests.items():
        rows = [row for part in parts_of(each, 500) for row in _vectors(index.preset, part)]
        if rows:
            mean = decode(rows, index.preset.dimension).mean(axis=0)
            yield pk, encode(mean / max(float(np.linalg.norm(mean)), 1e-12))


def _vectors(preset: Preset, digests: Iterable[str]) -> list[bytes]:
    rows = Vector.objects.filter(preset=preset, digest__in=digests).values_list("data", flat=True)
    return [bytes(row) for row in rows]


def _instructed(preset: Preset, documents: list[UUID], instruction: str, progress: Progress) -> Matrix:
    """Vectors of the documents' beginnings, made with the instruction once for every text."""
    rows = _Rows(len(documents), preset.dimension)
    for part in parts_of(documents, TEXTS):
        progress(len(rows.documents), len(documents))
        rows.add(_kept_or_made(preset, beginnings_of(part, BEGINNING), instruction))
    return rows.matrix()


def _kept_or_made(preset: Preset, texts: dict[UUID, str], instruction: str) -> dict[UUID, bytes]:
    digests = {pk: _digest(instruction, text) for pk, text in texts.items()}
    rows = TaskVector.objects.filter(preset=preset, digest__in=digests.values())
    known = {digest: bytes(data) for digest, data in rows.values_list("digest", "data")}
    missing = {digests[pk]: text for pk, text in texts.items() if digests[pk] not in known}
    if missing:
        made = lane.embed_instructed(preset, list(missing.values()), instruction)
        known.update({digest: encode(vector) for digest, vector in zip(missing, made, strict=True)})
    TaskVector.objects.bulk_create(
        [TaskVector(preset=preset, document_id=pk, digest=each, data=known[each]) for pk, each in digests.items()],
        ignore_conflicts=True,
    )
    return {pk: known[digest] for pk, digest in digests.items()}


def _digest(instruction: str, text: str) -> str:
    return sha256(f"{instruction}\0{text}".encode()).hexdigest()


def forget_other_beginnings(document: Document) -> None:
    """Forget what was made of a beginning that the document no longer has, or with an instruction that is gone."""
    text = beginnings_of([document.pk], BEGINNING)[document.pk]
    for preset in Preset.objects.filter(task_vectors__document=document).distinct():
        instructions = (preset.classification_instruction, preset.clustering_instruction)
        now = [_digest(instruction, text) for instruction in instructions]
        TaskVector.objects.filter(preset=preset, document=document).exclude(digest__in=now).delete()


def beginnings_of(documents: Iterable[UUID], characters: int) -> dict[UUID, str]:
    """Title and first text of each document, of about so many characters."""
    wanted = list(documents)
    texts = dict(Document.objects.filter(pk__in=wanted).values_list("pk", "title"))
    sections = Section.objects.filter(document__in=wanted, start__lt=characters).order_by("document", "ordinal")
    for pk, text in sections.values_list("document", "text"):
        if len(texts[pk]) < characters:
            texts[pk] = f"{texts[pk]}\n{text}"
    return {pk: texts.get(pk, "")[:characters] for pk in wanted}
