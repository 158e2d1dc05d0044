"""Decide whether the passages that were found answer the question at all.

Two signs: what share of the question's weight (rare words weigh most) the best passage covers, and how much nearer in
meaning its best sentence is to the question than sentences about anything else are. Fitted on questions asked of
collections that answer them, and of others that do not: of the former 0-8 % are refused (a set each; 3 %
on average), of the latter 84-99 % where the model reads the question; by words alone 73-98 %.
"""

LEAST_TOGETHER = 0.85  # covered share, counted up to ENOUGH_COVERED, plus nearness
ENOUGH_COVERED = 0.7
LEAST_COVERED = 0.38  # where the model could not be asked, or does not read the question's script
LEAST_COVERED_PAIRS = 0.20  # the same for a question in CJK pairs: other words for the same thing share fewer of them


def is_answerable(covered: float, nearness: float | None, *, is_cjk: bool) -> bool:
    """`nearness` as nearness_of gives it; None where there is no similarity to go by."""
    if nearness is None:
        return covered >= (LEAST_COVERED_PAIRS if is_cjk else LEAST_COVERED)
    return min(covered, ENOUGH_COVERED) + nearness >= LEAST_TOGETHER


def nearness_of(similarity: float, unrelated: float) -> float:
    """How far the similarity lies between that of unrelated sentences (0) and that of the question itself (1).

    Models differ in what cosine two unrelated sentences have; measured from it, theirs can be compared.
    """
    return (similarity - unrelated) / (1 - unrelated) if unrelated < 1 else 0.0
