"""Suggest tags for documents, and learn from what people accept and refuse."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from django.db import transaction

from kb.models import Document, KnowledgeBase
from search import lane
from search.keywords.tokens import IS_CJK
from search.models import DocumentTag, OrganisingJob, Preset, Tag
from search.organising.classify import NEUTRAL, NEUTRAL_CJK, Examples, fit_of, suggested
from search.organising.document_matrix import matrix_of, parts_of, serving_index
from search.organising.jobs import want

State = DocumentTag.State
RELEARN_AFTER = 5  # decisions


def suggest_tags(knowledge_base: KnowledgeBase, progress: Callable[[int, int], object]) -> int:
    """Suggest the knowledge base's tags for its documents; returns how many documents were looked at.

    What people decided stays. Raises EmbeddingError where the model does not answer.
    """
    tags = list(Tag.objects.filter(knowledge_base=knowledge_base).order_by("pk"))
    index = serving_index(knowledge_base)
    if index is None or not tags:
        return 0
    documents, matrix = matrix_of(index, index.preset.classification_instruction, progress)
    if not documents:
        return 0
    labels, neutral = _label_vectors(index.preset, tags)
    fit = fit_of(matrix, labels, neutral, _examples(tags, documents))
    _write(tags, documents, fit)
    return len(documents)


def _label_vectors(preset: Preset, tags: Sequence[Tag]) -> tuple[np.ndarray, np.ndarray]:
    """(k, d) of the tags, (k, m, d) of neutral labels in each one's language. Texts as they are, no instruction."""
    texts = [f"{tag.name}: {tag.description}" if tag.description else tag.name for tag in tags]
    labels = np.concatenate([lane.embed_instructed(preset, part, "") for part in parts_of(texts, 32)])
    languages = [bool(IS_CJK.search(text)) for text in texts]
    by_language = {
        is_cjk: lane.embed_instructed(preset, list(NEUTRAL_CJK if is_cjk else NEUTRAL), "") for is_cjk in set(languages)
    }
    return labels, np.stack([by_language[is_cjk] for is_cjk in languages])


def _examples(tags: Sequence[Tag], documents: Sequence[UUID]) -> list[Examples]:
    rows = {pk: row for row, pk in enumerate(documents)}
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    decided = DocumentTag.objects.filter(tag__in=tags).exclude(state=State.SUGGESTED)
    for tag, document, state in decided.values_list("tag", "document", "state"):
        if document in rows:
            found[tag, state].append(rows[document])
    return [Examples(found[tag.pk, State.ACCEPTED], found[tag.pk, State.REFUSED]) for tag in tags]


@transaction.atomic
def _write(tags: Sequence[Tag], documents: Sequence[UUID], fit: np.ndarray) -> None:
    """The suggestions as they are now, in the place of earlier ones."""
    DocumentTag.objects.filter(tag__in=tags, state=State.SUGGESTED).delete()
    decided = set(DocumentTag.objects.filter(tag__in=tags).values_list("tag", "document"))
    DocumentTag.objects.bulk_create(
        [
            DocumentTag(tag=tags[column], document_id=documents[row], similarity=float(fit[row, column]))
            for row, column in np.argwhere(suggested(fit))
            if (tags[column].pk, documents[row]) not in decided
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


def decide(tag: Tag, documents: Sequence[Document], state: str) -> None:
    """A person gives a tag to documents of its knowledge base, or keeps it away from them."""
    for document in documents:
        DocumentTag.objects.update_or_create(tag=tag, document=document, defaults={"state": state, "similarity": None})
    decided = DocumentTag.objects.filter(tag=tag).exclude(state=State.SUGGESTED).count()
    if decided % RELEARN_AFTER < len(documents):
        want(tag.knowledge_base, OrganisingJob.Kind.TAGS)
