"""Decide whether the passages found answer the question at all."""

from search.choose import Evidence

LEAST_COVERED = 0.45


def is_answerable(evidence: Evidence, similarity: float | None = None) -> bool:
    """By the share of the question's weight that the best sentence, the best passage and all of them cover."""
    return bool(evidence.candidates) and evidence.by_passage >= LEAST_COVERED
