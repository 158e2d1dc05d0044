"""Tell what the parts of passages are: headings among them, and the pages on which they stand."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

from django.db.models import F, Q
from django.db.models.functions import Length

from kb.models import Section
from search.passage import Part, Passage


def with_parts(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages with their parts, by one question to the database."""
    if not passages:
        return ()
    sections = Section.objects.annotate(end=F("start") + Length("text"))
    rows = sections.filter(reduce(or_, (_overlapping(passage) for passage in passages))).order_by("ordinal")
    parts = defaultdict(list)
    fields = ("document", "start", "end", "kind", "page", "heading_path")
    for document, start, end, kind, page, path in rows.values_list(*fields):
        parts[document].append(Part(start, end, kind, page, tuple(path)))
    return tuple(replace(p, parts=_within(p, parts[p.document_id])) for p in passages)


def _overlapping(passage: Passage) -> Q:
    return Q(document=passage.document_id, start__lt=passage.end, end__gt=passage.start)


def _within(passage: Passage, parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part.start < passage.end and part.end > passage.start)
