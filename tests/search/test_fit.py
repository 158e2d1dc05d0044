"""Limits are fitted to the questions that were seen, with care where there are few, and never for the worse."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.answerable import KINDS, USUAL, Limits, Signs
from search.evaluation.fit import FEWEST, MOST_REFUSED, Cost, Observed, cost_at, cost_of, fit, strengths

values = st.floats(0, 1).map(lambda value: round(value, 3))
signs = st.builds(Signs, values, st.none() | values, st.booleans())
questions = st.lists(st.builds(Observed, signs, values, st.booleans()), max_size=120)


def seen(nearness, *, is_answerable, covered=0.7):
    return [Observed(Signs(covered, near, False), covered, is_answerable) for near in nearness]


def spread(low, high, number):
    return [low + (high - low) * step / (number - 1) for step in range(number)]


def test_a_knowledge_base_whose_questions_are_far_from_its_words_gets_a_lower_limit():
    observed = seen(spread(0.1, 0.5, 40), is_answerable=True) + seen(spread(-0.2, 0.0, 40), is_answerable=False)
    limits = fit(observed)
    assert limits.meaning < USUAL.meaning
    assert cost_of(observed, USUAL).refused > cost_of(observed, limits).refused


def test_one_where_everything_is_near_gets_a_higher_limit():
    observed = seen(spread(0.6, 0.9, 40), is_answerable=True) + seen(spread(0.2, 0.5, 40), is_answerable=False)
    assert cost_of(observed, USUAL).answered == 40
    limits = fit(observed)
    assert limits.meaning > USUAL.meaning
    assert cost_of(observed, limits).answered < 40


@pytest.mark.parametrize(("answerable", "foreign"), [(FEWEST - 1, 200), (200, FEWEST - 1), (0, 0), (FEWEST - 1, 0)])
def test_below_the_fewest_questions_of_either_kind_the_usual_limits_stay(answerable, foreign):
    observed = seen([0.0] * answerable, is_answerable=True) + seen([-0.5] * foreign, is_answerable=False)
    assert fit(observed) == USUAL


def test_the_more_questions_the_farther_from_the_usual_limit():
    moved = []
    for times in (1, 2, 8, 64):
        own = seen(spread(0.05, 0.4, FEWEST) * times, is_answerable=True)
        moved.append(USUAL.meaning - fit(own + seen([-0.3] * FEWEST * times, is_answerable=False)).meaning)
    assert moved == sorted(moved)
    assert moved[0] > 0
    assert moved[-1] > 1.5 * moved[0]


def test_at_most_so_many_answerable_questions_are_refused_however_many_foreign_ones_that_would_spare():
    own = seen(spread(0.16, 0.9, 100), is_answerable=True)
    observed = own + seen(spread(0.2, 0.8, 100), is_answerable=False)
    assert cost_of(observed, fit(observed)).refused <= MOST_REFUSED * 100


def test_of_limits_that_are_as_good_the_one_with_most_room_is_taken():
    observed = seen([0.9] * 50, is_answerable=True) + seen([-0.5] * 49 + [0.0], is_answerable=False)
    limits = fit(observed)
    assert USUAL.meaning < limits.meaning < (0.7 + 1.6) / 2
    assert cost_of(observed, limits) == Cost(50, 0, 50, 0)


def test_questions_that_the_model_reads_say_what_words_alone_would_do_too():
    own = [Observed(Signs(0.9, 0.6, False), 0.30 + n / 400, True) for n in range(40)]
    others = [Observed(Signs(0.2, 0.0, False), 0.05, False) for _ in range(40)]
    limits = fit(own + others)
    assert 0.05 < limits.words < USUAL.words
    assert limits.pairs == USUAL.pairs


def test_chinese_questions_have_a_limit_of_their_own_by_words():
    own = [Observed(Signs(0.12 + n / 500, None, True), 0.12 + n / 500, True) for n in range(40)]
    others = [Observed(Signs(0.02, None, True), 0.02, False) for _ in range(40)]
    limits = fit(own + others)
    assert limits.pairs < USUAL.pairs
    assert (limits.meaning, limits.words) == (USUAL.meaning, USUAL.words)


@given(questions)
def test_a_fit_tells_these_questions_apart_no_less_well_than_the_usual_limits(observed):
    limits = fit(observed)
    for kind in KINDS:
        own, foreign = strengths(observed, kind)
        before, after = (cost_at(own, foreign, getattr(which, kind)) for which in (USUAL, limits))
        assert after.accuracy >= before.accuracy


@given(questions)
def test_no_more_answerable_questions_are_refused_than_are_allowed(observed):
    limits = fit(observed)
    for kind in KINDS:
        own, foreign = strengths(observed, kind)
        usual, fitted = (cost_at(own, foreign, getattr(which, kind)).refused for which in (USUAL, limits))
        assert fitted <= max(usual, MOST_REFUSED * len(own))


@given(questions)
def test_a_limit_lies_between_the_usual_one_and_what_was_seen(observed):
    limits = fit(observed)
    for kind in KINDS:
        everything = [*chain(*strengths(observed, kind)), getattr(USUAL, kind)]
        assert min(everything) - 1e-3 <= getattr(limits, kind) <= max(everything) + 1e-3


@given(questions, st.randoms())
def test_the_order_of_the_questions_does_not_matter(observed, dice):
    other = list(observed)
    dice.shuffle(other)
    assert fit(other) == fit(observed)


@given(questions, st.builds(Limits, values, values, values))
def test_each_question_is_counted_once(observed, limits):
    cost = cost_of(observed, limits)
    assert cost.answerable + cost.foreign == len(observed)
    assert 0 <= cost.refused <= cost.answerable
    assert 0 <= cost.answered <= cost.foreign
