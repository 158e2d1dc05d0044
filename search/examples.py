"""Name what has a fault so that a person finds it: a document's file, and which of its passages."""

from kb.models import Chunk, Document
from search.checking.faults import Fault

MOST = 5


def examples_of(fault: Fault) -> tuple[str, ...]:
    """Some of what has the fault: "rules.txt #2" is the second passage of that file, a number is one that is gone."""
    items = fault.items[:MOST]
    names: dict = {}
    if fault.kind == "miscounted":
        names = {str(pk): name for pk, name in Document.objects.filter(pk__in=items).values_list("pk", "name")}
    elif fault.index and all(isinstance(item, int) for item in items):
        chunks = Chunk.objects.filter(pk__in=items).values_list("pk", "document__name", "ordinal")
        names = {pk: f"{name} #{ordinal + 1}" for pk, name, ordinal in chunks}
    return tuple(str(names.get(item, item)) for item in items)
