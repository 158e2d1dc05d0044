"""Whether passages answer a question at all, by which limits, and what setting them by hand does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.answerable import HIGHEST, KINDS, USUAL, Limits, Signs, is_answerable, limits_by_hand, nearness_of

shares = st.floats(0, 1)
signs = st.builds(Signs, shares, st.none() | st.floats(-1, 1), st.booleans())


@pytest.mark.parametrize(
    ("covered", "nearness", "is_cjk", "expected"),
    [
        (0.9, 0.6, False, True),
        (0.1, 0.2, False, False),
        (1.0, 0.1, False, False),
        (0.5, None, False, True),
        (0.3, None, False, False),
        (0.3, None, True, True),
        (0.1, None, True, False),
    ],
)
def test_a_question_is_answered_if_words_and_meaning_suffice(covered, nearness, is_cjk, expected):
    assert is_answerable(Signs(covered, nearness, is_cjk), USUAL) is expected


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (Signs(0.5, 0.2, False), "meaning"),
        (Signs(0.5, 0.2, True), "meaning"),
        (Signs(0.5, None, False), "words"),
        (Signs(0.5, None, True), "pairs"),
    ],
)
def test_each_kind_of_signs_has_its_limit(found, kind):
    at_it = Limits(**{**dict.fromkeys(KINDS, 2.0), kind: found.strength})
    above = Limits(**{**dict.fromkeys(KINDS, 0.0), kind: found.strength + 0.01})
    assert (is_answerable(found, at_it), is_answerable(found, above)) == (True, False)


def test_nearness_runs_from_unrelated_to_the_same():
    assert nearness_of(0.2, 0.2) == 0
    assert nearness_of(1.0, 0.2) == 1
    assert nearness_of(0.9, 1.0) == 0


def test_by_hand_the_middle_is_as_usual():
    assert limits_by_hand(0) == USUAL
    assert limits_by_hand(100) == Limits(**HIGHEST)
    assert limits_by_hand(-100) == Limits(0, 0, 0)
    assert limits_by_hand(900) == limits_by_hand(100)


@given(signs, st.integers(-100, 100), st.integers(-100, 100))
def test_what_is_answered_strictly_is_answered_less_strictly(found, one, other):
    loose, strict = sorted((one, other))
    assert is_answerable(found, limits_by_hand(loose)) >= is_answerable(found, limits_by_hand(strict))


@given(signs)
def test_at_the_strictest_only_what_fits_wholly_is_answered(found):
    assert is_answerable(found, limits_by_hand(100)) == (found.strength >= HIGHEST[found.kind])
