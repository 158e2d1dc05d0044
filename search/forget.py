"""Forget the vectors of texts that are gone: a vector gives the text away that it was made of."""

from collections.abc import Iterable, Iterator, Sequence

from django.db.models import Exists, F, OuterRef, QuerySet

from kb.models import Chunk, Document
from search.models import DocumentVector, Index, PartVector, Preset, Vector
from search.organising.document_matrix import forget_other_beginnings

PAGE = 500  # SQLite takes a bounded number of variables
A_LOOK = 5000  # vectors that are looked at together


def forget_unused(digests: Iterable[str]) -> int:
    """Delete the vectors of these texts where no chunk has them any more of which an index of their preset is made.

    To be called when the chunks of today are there: what was embedded before is not embedded again.
    """
    return sum(_delete(Vector.objects.filter(digest__in=page)) for page in _pages(sorted(set(digests))))


def unused() -> Iterator[list[int]]:
    """The ids of all such vectors, whatever left them behind: many short looks, through an index without the data."""
    for preset in Preset.objects.order_by("pk"):
        vectors = Vector.objects.filter(preset=preset).order_by("digest")
        last = ""
        while True:
            look = vectors.filter(digest__gt=last)
            end = look.values_list("digest", flat=True)[A_LOOK - 1 : A_LOOK].first()
            found = _unused(preset.pk, look.filter(digest__lte=end) if end else look)
            yield list(found.values_list("pk", flat=True))
            if end is None:
                break
            last = end


def forget_rows(vector_ids: Sequence[int]) -> int:
    """Delete these vectors, as far as nothing needs them now."""
    return sum(_delete(Vector.objects.filter(pk__in=page)) for page in _pages(vector_ids))


def forget_old_text(document: Document) -> None:
    """A document's text has changed: forget what was made of the whole of the one before."""
    for model in (DocumentVector, PartVector):
        model.objects.filter(document=document).delete()
    forget_other_beginnings(document)


def _delete(vectors: QuerySet[Vector]) -> int:
    presets = list(vectors.order_by().values_list("preset", flat=True).distinct())
    return sum(_unused(preset, vectors.filter(preset=preset)).delete()[0] for preset in presets)


def _unused(preset: int, vectors: QuerySet[Vector]) -> QuerySet[Vector]:
    """Those of a preset's vectors whose text is in no chunk that is cut for an index of it.

    The chunks are to be looked up by their text: SQLite, left to itself, reads all that are cut in one way instead.
    """
    ways = Index.objects.filter(preset=preset).values("chunking")
    used = Chunk.objects.alias(way=F("chunking_id") + 0).filter(digest=OuterRef("digest"), way__in=ways)
    return vectors.filter(~Exists(used))


def _pages(items: Sequence) -> Iterator[Sequence]:
    return (items[first : first + PAGE] for first in range(0, len(items), PAGE))
