"""Check the indexes, repair them if asked to, and say what was found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kb.models import KnowledgeBase
from search.checking.contents import Contents
from search.checking.faults import Fault, in_words, strays
from search.checking.faulty_files import in_files
from search.checking.faulty_rows import in_database, in_vectors
from search.checking.faulty_vectors import in_store
from search.checking.repair import Repair
from search.examples import examples_of
from search.keywords import KeywordError, open_keywords
from search.models import Index, IndexedDocument
from search.stores import StoreError, open_store

SAMPLE = 100  # passages an index that are looked up by their own vectors, and originals that are read again
ROUNDS = 3  # of repairing: an orphan that is taken out of all indexes may be missed in another

KINDS = {
    ("database", "unembedded"): gettext_lazy("Passages have no vector; a repair asks the embedding worker for them."),
    ("database", "wrong_length"): gettext_lazy("Stored vectors have another number of dimensions than their model."),
    ("database", "not_a_vector"): gettext_lazy("Stored vectors are not numbers of length 1."),
    ("database", "miscounted"): gettext_lazy("The passages of documents were miscounted."),
    ("database", "orphaned"): gettext_lazy("The database keeps vectors of texts that are gone."),
    ("vectors", "missing"): gettext_lazy("Vectors are missing from the vector store."),
    ("vectors", "orphaned"): gettext_lazy("The vector store holds vectors of passages that are gone."),
    ("vectors", "duplicated"): gettext_lazy("The vector store holds vectors more than once."),
    ("vectors", "wrong"): gettext_lazy("The vector store holds other vectors than the database."),
    ("vectors", "unfindable"): gettext_lazy("The vector store does not find passages by their own vectors."),
    ("vectors", "wrong_dimension"): gettext_lazy("The collection in the vector store has another dimension."),
    ("vectors", "stray"): gettext_lazy("The vector store has collections that belong to nothing."),
    ("vectors", "away"): gettext_lazy("The vector store cannot be asked."),
    ("vectors", "rebuilding"): gettext_lazy("The nearest-neighbour index is being rebuilt; search is exact meanwhile."),
    ("words", "missing"): gettext_lazy("Passages are missing from the keyword index."),
    ("words", "orphaned"): gettext_lazy("The keyword index holds passages that are gone."),
    ("words", "duplicated"): gettext_lazy("The keyword index holds passages more than once."),
    ("words", "stray"): gettext_lazy("The keyword index has entries of indexes that are gone."),
    ("words", "away"): gettext_lazy("The keyword index cannot be asked."),
    ("files", "missing"): gettext_lazy("Originals are missing. Upload them again."),
    ("files", "damaged"): gettext_lazy("Originals are damaged: they are not what was uploaded. Upload them again."),
    ("files", "stray"): gettext_lazy("Page pictures belong to no document."),
}


@dataclass(frozen=True)
class Finding:
    """A fault as it is written down: `count` were found, `repaired` of them put right."""

    index: int | None
    knowledge_base: str
    where: str
    kind: str
    count: int
    repaired: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """One part of a check: what is wrong there now. `key` names it for one who goes on with the check."""

    key: str
    name: str
    look: Callable[[], list[Fault]]
    passages: int = 0


def parts(knowledge_base: KnowledgeBase | None, sample: int | None) -> Iterator[Part]:
    """The parts of a check; `knowledge_base` None: all. `sample` None: everything is looked up, which takes long."""
    used = _used().filter(knowledge_base=knowledge_base) if knowledge_base else _used()
    passages = dict(IndexedDocument.objects.order_by().values_list("index").annotate(Sum("chunks")))
    for index in used.select_related("knowledge_base", "preset", "chunking").order_by("pk"):
        yield from _of_index(index, sample, passages.get(index.pk, 0))
    if knowledge_base is None:
        yield Part("vectors", _("stored vectors"), in_vectors)
        yield Part("strays", _("what belongs to nothing"), lambda: _asked(_strays, None))
    yield Part("files", _("files"), lambda: in_files(knowledge_base, sample))


def _used() -> QuerySet[Index]:
    return Index.objects.exclude(state=Index.State.RETIRED).filter(knowledge_base__deleted_at=None)


def _of_index(index: Index, sample: int | None, passages: int) -> Iterator[Part]:
    def part(where: str, name: str, look: Callable[[], list[Fault]], passages: int = 0) -> Part:
        return Part(f"{index.pk}-{where}", f"{index}: {name}", lambda: _while_used(index, look), passages)

    yield part("database", _("database"), lambda: in_database(Contents(index)), passages)
    yield part("vectors", _("vectors"), lambda: _asked(lambda: _vectors(index, sample), index))
    yield part("words", _("words"), lambda: _asked(lambda: in_words(Contents(index), open_keywords()), index))


def _while_used(index: Index, look: Callable[[], list[Fault]]) -> list[Fault]:
    """An index that retires while it is looked at has no faults: its contents are being taken away."""
    used = _used().filter(pk=index.pk)
    try:
        faults = look() if used.exists() else []
    except Index.DoesNotExist:
        return []
    return faults if faults and used.exists() else []


def _vectors(index: Index, sample: int | None) -> list[Fault]:
    """What is wrong with a collection that stays meanwhile; one that was built anew is looked at again."""
    for _again in range(ROUNDS):
        collection = _collection_now(index)
        if not index.store_ready:
            break
        try:
            faults = in_store(Contents(index), open_store(), sample)
        except StoreError:
            if _collection_now(index) == collection:
                raise
            continue
        if _collection_now(index) == collection:
            return faults
    return [_rebuilding(index)]


def _collection_now(index: Index) -> str:
    index.refresh_from_db(fields=["epoch", "store_ready"])
    return index.collection


def _rebuilding(index: Index) -> Fault:
    return Fault("vectors", "rebuilding", (index.collection,), index)


def _strays() -> list[Fault]:
    return strays(open_store(), open_keywords())


def _asked(look: Callable[[], list[Fault]], index: Index | None) -> list[Fault]:
    """An engine that does not answer is a fault, too."""
    try:
        return look()
    except StoreError as error:
        return [Fault("vectors", "away", (str(error),), index)]
    except KeywordError as error:
        return [Fault("words", "away", (str(error),), index)]


def check_part(part: Part, *, repair: bool) -> list[Finding]:
    """Look, mend if asked to, and look again: what is then no fault any more was repaired."""
    faults = part.look()
    left = faults
    for _round in range(ROUNDS if repair and faults else 0):
        mender = Repair(open_store(), open_keywords())
        for fault in left:
            _mend(mender, fault)
        left = part.look()
        if not left:
            break
    remaining = {(fault.where, fault.kind): set(fault.items) for fault in left}
    findings = [_finding(fault, remaining.pop((fault.where, fault.kind), set())) for fault in faults]
    return findings + [_finding(fault, set(fault.items)) for fault in left if (fault.where, fault.kind) in remaining]


def _mend(mender: Repair, fault: Fault) -> None:
    try:
        mender.mend(fault)
    except (StoreError, KeywordError, Index.DoesNotExist):
        return  # the second look says what is still there


def _finding(fault: Fault, remaining: set) -> Finding:
    name = fault.index.knowledge_base.name if fault.index else ""
    repaired = len([item for item in fault.items if item not in remaining])
    pk = fault.index.pk if fault.index else None
    return Finding(pk, name, fault.where, fault.kind, len(fault.items), repaired, examples_of(fault))


def sentence(where: str, kind: str) -> str:
    """What a kind of fault is, for people."""
    return str(KINDS.get((where, kind), kind))
