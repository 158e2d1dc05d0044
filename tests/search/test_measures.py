"""What the measures say of rankings, how sure they are, and when one evaluation is worse than another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.evaluation.comparison import compare
from search.evaluation.measures import MEASURES, Judged, chance_of_fall, interval, means, measure, percentiles
from search.models import EvaluationRun


def values(*ranks, grades=None):
    return measure([Judged(1, tuple(grades or [1] * len(ranks)), ranks)])[1]


def test_a_relevant_passage_at_the_third_place():
    found = values(3)
    assert found["recall@1"] == 0
    assert found["recall@3"] == found["recall@5"] == found["recall@10"] == found["hit@5"] == 1
    assert found["mrr@10"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["ndcg@10"] == pytest.approx(0.5)  # 1 / log2(3 + 1)


def test_what_is_not_found_counts_as_nothing():
    assert set(values(None).values()) == {0}
    assert values(1, None)["recall@10"] == 0.5


def test_beyond_the_tenth_place_nothing_counts():
    assert set(values(11).values()) == {0}


def test_a_better_grade_counts_more_for_ndcg_alone():
    first, second = values(1, 2, grades=[2, 1]), values(2, 1, grades=[2, 1])
    assert first["ndcg@10"] == 1 > second["ndcg@10"]
    assert first["recall@3"] == second["recall@3"] == 1


def test_two_in_one_passage_leave_the_places_behind_as_they_are():
    found = values(1, 1, 5)
    assert found["recall@3"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["recall@5"] == 1


def test_questions_are_measured_apart():
    found = measure([Judged(7, (1,), (1,)), Judged(9, (1,), (None,))])
    assert found[7]["recall@1"] == 1
    assert found[9]["recall@1"] == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_an_interval_holds_its_mean_and_stays_between_0_and_1(numbers):
    found = interval(numbers)
    assert -1e-9 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1 + 1e-9


def test_few_questions_say_little_even_when_all_were_found():
    assert interval([1.0] * 5).low < 0.6
    assert 0.8 < interval([1.0] * 20).low < 0.9
    assert interval([1.0] * 1000).low > 0.99


def test_more_questions_make_an_interval_narrower():
    few, many = interval([0.0, 1.0] * 20), interval([0.0, 1.0] * 400)
    assert few.high - few.low > 2 * (many.high - many.low)


def test_the_same_figures_come_out_every_time():
    numbers = [0.0, 1.0, 0.5] * 20
    assert interval(numbers) == interval(numbers)
    assert chance_of_fall([-1.0, 0.5] * 20) == chance_of_fall([-1.0, 0.5] * 20)


def test_the_chance_of_a_fall():
    assert chance_of_fall([0.0] * 20) == 1
    assert chance_of_fall([-1.0] + [0.0] * 19) == pytest.approx(0.5)
    assert chance_of_fall([-1.0, -1.0] + [0.0] * 18) == pytest.approx(0.25)
    assert chance_of_fall([-1.0] * 8 + [1.0]) < 0.05
    assert chance_of_fall([1.0] * 8) == 1


def test_percentiles_of_times():
    assert percentiles([]) == {}
    assert percentiles([10.0] * 19 + [100.0])["p50"] == 10


def run_of(ranks, way="hybrid", first=1) -> EvaluationRun:
    judged = [Judged(number, (1,), (rank,)) for number, rank in enumerate(ranks, first)]
    found = measure(judged)
    answers = [
        {"question": one.question, "text": f"Question {one.question}", "grades": [1],
         "ways": {way: {"ranks": list(one.ranks), "values": found[one.question]}}}
        for one in judged
    ]  # fmt: skip
    return EvaluationRun(answers=answers, results={way: means(list(found.values()))}, state="done")


TWENTY = [1] * 20


@pytest.mark.parametrize(
    ("after", "is_worse"),
    [
        (TWENTY, False),
        ([None] + [1] * 19, False),  # one of twenty may be chance
        ([None, None] + [1] * 18, True),
        ([None] * 4 + [1] * 16, True),
        ([2] + [1] * 19, False),
        ([3, 3, 3] + [1] * 17, True),  # all are found, but later
    ],
)
def test_when_twenty_questions_find_it_worse(after, is_worse):
    assert compare(run_of(TWENTY), run_of(after)).is_worse == is_worse


def test_what_is_lost_here_and_won_there_is_not_worse():
    before, after = [1] * 10 + [None] * 10, [None] * 2 + [1] * 10 + [None] * 8
    assert not compare(run_of(before), run_of(after)).is_worse


def test_a_small_loss_among_many_questions_is_passed_over_and_a_larger_one_is_not():
    many = [1] * 1000
    assert not compare(run_of(many), run_of([None] * 8 + [1] * 992)).is_worse
    assert compare(run_of(many), run_of([None] * 30 + [1] * 970)).is_worse


def test_with_five_questions_the_loss_of_one_is_worse():
    assert compare(run_of([1] * 5), run_of([1] * 4 + [None])).is_worse


def test_better_is_never_worse():
    comparison = compare(run_of([None] * 20), run_of(TWENTY))
    assert not comparison.is_worse
    assert len(comparison.better) == 20
    assert comparison.worse == ()


def test_runs_with_no_question_in_common_say_nothing():
    comparison = compare(run_of([1, 1]), run_of([None, None], first=100))
    assert comparison.shared == 0
    assert not comparison.is_worse
    assert "no question in common" in comparison.sentences[0]


def test_only_questions_that_both_were_asked_are_compared():
    comparison = compare(run_of([1, 1, None]), run_of([1, 1]))
    assert comparison.shared == 2
    assert {row.before for row in comparison.verdict} == {1}


def test_the_way_of_chat_is_compared_also_where_it_changes():
    comparison = compare(run_of(TWENTY), run_of([None] * 10 + [1] * 10, way="reranked"))
    assert comparison.is_worse
    assert {row.way for row in comparison.rows} == {"reranked"}


def test_every_measure_has_a_row():
    comparison = compare(run_of(TWENTY), run_of(TWENTY))
    assert {row.measure for row in comparison.rows} == set(MEASURES)
