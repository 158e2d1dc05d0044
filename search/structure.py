"""Tell what the parts of passages are: headings among them, and the pages on which they stand."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

from django.db.models import Q
from django.db.models.functions import Length

from kb.models import Section
from search.passage import Part, Passage


def with_parts(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages with their parts, by one question to the database."""
    if not passages:
        return ()
    within = reduce(or_, (Q(document=p.document_id, start__gte=p.start, start__lt=p.end) for p in passages))
    rows = Section.objects.filter(within).annotate(length=Length("text")).order_by("document", "ordinal")
    parts = defaultdict(list)
    for document, start, length, kind, page, path in rows.values_list(
        "document", "start", "length", "kind", "page", "heading_path"
    ):
        parts[document].append(Part(start, start + length, kind, page, tuple(path)))
    return tuple(replace(p, parts=_within(p, parts[p.document_id])) for p in passages)


def _within(passage: Passage, parts: Sequence[Part]) -> tuple[Part, ...]:
    return tuple(part for part in parts if passage.start <= part.start < passage.end)
