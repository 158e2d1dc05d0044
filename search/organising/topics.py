"""Find what the documents of a knowledge base are about."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from django.db import transaction
from scipy.optimize import linear_sum_assignment

from kb.models import KnowledgeBase
from search.models import Topic, TopicDocument
from search.organising.cluster import Groups, groups_of
from search.organising.document_matrix import beginnings_of, matrix_of, serving_index
from search.organising.telling import telling_words

READ, CHARACTERS = 200, 2000  # documents of a topic, the nearest to its middle, that its words are looked for in
SAME = 0.5  # share of a topic's documents that are in the new one, too: it keeps its place, and its address
NAMED_BY = 3  # words


def find_topics(knowledge_base: KnowledgeBase, progress: Callable[[int, int], object]) -> tuple[int, float | None]:
    """Sort the documents into topics anew; returns how many documents there are, and the sorting's score.

    Raises EmbeddingError where the model follows an instruction for this, and does not answer.
    """
    index = serving_index(knowledge_base)
    if index is None:
        return 0, None
    documents, matrix = matrix_of(index, index.preset.clustering_instruction, progress)
    groups = groups_of(matrix)
    if groups is None:
        Topic.objects.filter(knowledge_base=knowledge_base).delete()
        return len(documents), None
    members = _members(documents, groups)
    words = telling_words([list(beginnings_of(each[:READ], CHARACTERS).values()) for each in members])
    similarity = dict(zip(documents, groups.similarity.tolist(), strict=True))
    _write(knowledge_base, members, words, similarity)
    return len(documents), groups.score


def _members(documents: Sequence[UUID], groups: Groups) -> list[list[UUID]]:
    """The groups' documents, the nearest to the middle first; the largest group first."""
    members: dict[int, list[UUID]] = defaultdict(list)
    for row in np.argsort(-groups.similarity, kind="stable"):
        members[int(groups.labels[row])].append(documents[row])
    return sorted(members.values(), key=lambda each: (-len(each), str(each[0])))


@transaction.atomic
def _write(
    knowledge_base: KnowledgeBase, members: list[list[UUID]], words: list[list[str]], similarity: dict[UUID, float]
) -> None:
    old = list(Topic.objects.filter(knowledge_base=knowledge_base).select_for_update())
    places = in_old_places([_documents_of(topic) for topic in old], [set(each) for each in members])
    kept = {old[place].pk for place in places if place is not None}
    Topic.objects.filter(knowledge_base=knowledge_base).exclude(pk__in=kept).delete()
    TopicDocument.objects.filter(topic__knowledge_base=knowledge_base).delete()
    order = sorted(range(len(members)), key=lambda n: (places[n] is None, places[n] or 0, n))
    topics = [_topic(knowledge_base, places[n], old, words[n]) for n in order]
    _number(topics, first=1 + max((topic.ordinal for topic in old), default=0))
    rows = [
        TopicDocument(topic=topic, document_id=pk, similarity=similarity[pk])
        for n, topic in zip(order, topics, strict=True)
        for pk in members[n]
    ]
    TopicDocument.objects.bulk_create(rows, batch_size=2000)


def _documents_of(topic: Topic) -> set[UUID]:
    return set(topic.members.values_list("document", flat=True))


def in_old_places(old: Sequence[set[UUID]], new: Sequence[set[UUID]]) -> list[int | None]:
    """For each new set of documents the old one that it continues, if there is one; each at most once."""
    if not old or not new:
        return [None] * len(new)
    alike = np.array([[len(one & other) / max(1, len(one | other)) for other in old] for one in new])
    places: list[int | None] = [None] * len(new)
    for row, column in zip(*linear_sum_assignment(-alike), strict=True):
        if alike[row, column] >= SAME:
            places[row] = int(column)
    return places


def _topic(knowledge_base: KnowledgeBase, place: int | None, old: list[Topic], words: list[str]) -> Topic:
    topic = old[place] if place is not None else Topic(knowledge_base=knowledge_base)
    topic.name, topic.words = ", ".join(words[:NAMED_BY])[:200], words
    return topic


def _number(topics: list[Topic], first: int) -> None:
    """Twice, as no two may have one number meanwhile: behind all others, then from 1."""
    for start in (first + len(topics), 1):
        for ordinal, topic in enumerate(topics, start):
            topic.ordinal = ordinal
            topic.save()
