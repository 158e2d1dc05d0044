"""Put right what a check of the indexes found, from what the database has; nothing is embedded here."""

from collections.abc import Iterator, Sequence

from kb.models import Chunk
from search.checking.audit import rebuild, unfound
from search.checking.faults import Fault
from search.checking.faulty_files import forget_pages
from search.checking.unembedded import forget_what_is_none, hand_over
from search.forget import forget_rows
from search.generations.current import suspend
from search.keywords import KeywordIndex
from search.models import Index, IndexedDocument
from search.place import add_to_store, entry_of
from search.stores import VectorStore

PAGE = 500


class Repair:
    """Mends one fault at a time. Raises StoreError or KeywordError where an engine does not answer.

    Missing originals and damaged ones stay: nobody but their uploader has them.
    """

    def __init__(self, store: VectorStore, keywords: KeywordIndex) -> None:
        self.store, self.keywords = store, keywords
        self.built: set[int] = set()

    def mend(self, fault: Fault) -> None:
        ways = {
            ("database", "unembedded"): self._embed_again,
            ("database", "wrong_length"): self._embed_anew,
            ("database", "not_a_vector"): self._embed_anew,
            ("database", "miscounted"): self._count,
            ("database", "orphaned"): lambda fault: forget_rows(fault.items),
            ("vectors", "missing"): self._put_back,
            ("vectors", "orphaned"): self._remove_vectors,
            ("vectors", "duplicated"): self._build_anew,
            ("vectors", "wrong"): self._build_anew,
            ("vectors", "unfindable"): self._build_anew,
            ("vectors", "wrong_dimension"): self._build_anew,
            ("vectors", "rebuilding"): self._build_anew,
            ("vectors", "stray"): self._drop,
            ("words", "missing"): self._add_words,
            ("words", "orphaned"): self._remove_words,
            ("words", "duplicated"): self._add_words,
            ("words", "stray"): self._drop_words,
            ("files", "stray"): lambda fault: forget_pages(fault.items),
        }
        way = ways.get((fault.where, fault.kind))
        if way:
            way(fault)

    def _embed_again(self, fault: Fault) -> None:
        hand_over(_index(fault))

    def _embed_anew(self, fault: Fault) -> None:
        forget_what_is_none(_index(fault), fault.items)
        hand_over(_index(fault))

    def _count(self, fault: Fault) -> None:
        index = _index(fault)
        for pk in fault.items:
            chunks = Chunk.objects.filter(document=pk, chunking=index.chunking_id).count()
            IndexedDocument.objects.filter(index=index, document=pk).update(chunks=chunks)

    def _put_back(self, fault: Fault) -> None:
        """In their place; where the store then does not find them, a collection is built anew."""
        index = _index(fault)
        for chunks in _chunks(fault.items):
            pairs = [(chunk.pk, chunk.digest) for chunk in chunks]
            add_to_store(self.store, index, pairs)
            if unfound(self.store, index, pairs):
                self._build_anew(fault)
                return

    def _remove_vectors(self, fault: Fault) -> None:
        self.store.remove(_index(fault).collection, list(fault.items))

    def _build_anew(self, fault: Fault) -> None:
        """Search is exact, over the stored vectors, until it is done. Once, however many faults ask for it."""
        index = _index(fault)
        if index.pk not in self.built:
            self.built.add(index.pk)
            suspend(index)
            rebuild(self.store, index)

    def _drop(self, fault: Fault) -> None:
        known = {index.collection for index in Index.objects.all()}
        for collection in set(fault.items) - known:
            self.store.drop(collection)

    def _add_words(self, fault: Fault) -> None:
        for chunks in _chunks(fault.items):
            self.keywords.add([entry_of(_index(fault), chunk) for chunk in chunks])

    def _remove_words(self, fault: Fault) -> None:
        self.keywords.remove(_index(fault).pk, list(fault.items))

    def _drop_words(self, fault: Fault) -> None:
        known = set(Index.objects.values_list("pk", flat=True))
        for index_id in set(fault.items) - known:
            self.keywords.remove_index(index_id)


def _index(fault: Fault) -> Index:
    assert fault.index is not None
    fault.index.refresh_from_db(fields=["epoch", "store_ready"])
    return fault.index


def _chunks(chunk_ids: Sequence[int]) -> Iterator[list[Chunk]]:
    listed = list(chunk_ids)
    for first in range(0, len(listed), PAGE):
        found = Chunk.objects.filter(pk__in=listed[first : first + PAGE], document__deleted_at=None)
        if chunks := list(found.select_related("document")):
            yield chunks
