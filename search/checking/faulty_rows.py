"""Find what is wrong with what the database keeps: passages without vectors, vectors that are none, or of nothing."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count

from kb.models import Chunk
from search.checking.contents import A_LOOK, PAGE, Contents, Piece, pieces
from search.checking.faults import Fault, faults_of
from search.forget import unused
from search.models import Index, IndexedDocument, Vector
from search.vectors import are_vectors, without_vector

CHUNK_FAULTS = ("unembedded", "wrong_length", "not_a_vector")


def in_database(contents: Contents) -> list[Fault]:
    """Chunks without a vector, vectors of a wrong length or without sense, documents whose chunks are miscounted."""
    index, miscounted = contents.index, list[UUID]()
    found: dict[str, list] = {kind: [] for kind in CHUNK_FAULTS}
    for piece in pieces(index, size=A_LOOK):
        for first in range(0, len(piece.chunks), PAGE):
            _look_at(index, piece.pairs[first : first + PAGE], found)
        miscounted += _suspects(piece)
    found = {kind: contents.still(chunks) for kind, chunks in found.items()}
    return faults_of("database", found | {"miscounted": _miscounted(index, miscounted)}, index)


def _look_at(index: Index, pairs: Sequence[tuple[int, str]], found: dict[str, list]) -> None:
    rows = Vector.objects.filter(preset=index.preset_id, digest__in={digest for _, digest in pairs})
    kept = dict(rows.values_list("digest", "data"))
    right = dict(zip(kept, are_vectors(list(kept.values()), index.preset.dimension), strict=True))
    for pk, digest in pairs:
        if digest not in kept:
            found["unembedded"].append(pk)
        elif len(kept[digest]) != 4 * index.preset.dimension:
            found["wrong_length"].append(pk)
        elif not right[digest]:
            found["not_a_vector"].append(pk)


def _suspects(piece: Piece) -> list[UUID]:
    counts = Counter(document for *_, document in piece.chunks)
    return [document for document, chunks in piece.said.items() if counts[document] != chunks]


def _miscounted(index: Index, documents: Sequence[UUID]) -> list[str]:
    """Those of the documents of which the index is said to hold more or fewer chunks than there are.

    One that is being embedded again may count with what is embedded of it (search.checking.unembedded).
    """
    found: list[str] = []
    for first in range(0, len(documents), PAGE):
        page = documents[first : first + PAGE]
        chunks = Chunk.objects.filter(chunking=index.chunking_id, document__in=page).order_by()
        totals = dict(chunks.values_list("document").annotate(Count("pk")))
        lacking = dict(without_vector(chunks, index.preset).values_list("document").annotate(Count("pk")))
        said = IndexedDocument.objects.filter(index=index, document__in=page, document__deleted_at=None)
        for pk, number in said.values_list("document", "chunks"):
            total = totals.get(pk, 0)
            if number not in (total, total - lacking.get(pk, 0)):
                found.append(str(pk))
    return found


def in_vectors() -> list[Fault]:
    """Vectors of texts that are gone, in the whole database: whatever left them behind, they give the texts away."""
    return faults_of("database", {"orphaned": [pk for look in unused() for pk in look]}, None)
