"""Merging rankings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.fuse import Ranking, fuse, places_of

names = st.sampled_from(["vector", "keyword", "document"])
scored = st.lists(st.tuples(st.integers(0, 30), st.floats(-1, 100)), max_size=20, unique_by=lambda pair: pair[0]).map(
    lambda pairs: sorted(pairs, key=lambda pair: -pair[1])
)
rankings = st.dictionaries(names, scored)


def of(**lists):
    """Rankings whose scores fall evenly."""
    return {name: Ranking.of((item, -place) for place, item in enumerate(items)) for name, items in lists.items()}


def items(fused):
    return [one.item for one in fused]


def test_what_two_rankings_name_is_before_what_one_names():
    assert items(fuse(of(vector=["a", "b", "x"], keyword=["c", "b", "y"])))[0] == "b"


def test_the_score_is_the_weighted_mean_of_strength_and_reciprocal_rank():
    legs = {"vector": Ranking.of([("a", 0.9), ("b", 0.8), ("c", 0.5)]), "keyword": Ranking.of([("b", 7.0)])}
    found = {one.item: one for one in fuse(legs, {"vector": 0.5}, k=5, scores=0.5)}
    strength, reciprocal = (0.8 - 0.5) / (0.9 - 0.5), 6 / 7
    assert found["b"].shares == pytest.approx({"vector": 0.5 / 1.5 * (strength + reciprocal) / 2, "keyword": 1 / 1.5})
    assert found["b"].score == pytest.approx(sum(found["b"].shares.values()))
    assert found["b"].ranks == {"vector": 2, "keyword": 1}
    assert found["c"].shares == pytest.approx({"vector": 0.5 / 1.5 * (0 + 6 / 8) / 2})


def test_by_ranks_alone_it_is_reciprocal_rank_fusion():
    found = fuse(of(vector=["a", "b"], keyword=["b", "a"]), {"vector": 0.5}, k=60, scores=0.0)
    assert items(found) == ["b", "a"]
    assert found[0].score == pytest.approx((1 / 61 + 0.5 / 62) / (1.5 / 61))


def test_a_ranking_that_is_sure_of_its_first_counts_more_than_one_that_is_not():
    sure = Ranking.of([("code", 30.0), ("other", 5.0), ("third", 4.0)])
    unsure = Ranking.of([("other", 0.52), ("third", 0.51), ("code", 0.5), ("last", 0.3)])
    close = Ranking.of([("code", 5.1), ("other", 5.0), ("third", 1.0)])
    assert items(fuse({"keyword": sure, "vector": unsure}))[0] == "code"
    assert items(fuse({"keyword": close, "vector": unsure}))[0] == "other"


def test_what_is_first_everywhere_has_1_and_no_more():
    assert fuse(of(vector=["a", "b"], keyword=["a"]), {"vector": 0.2})[0].score == pytest.approx(1.0)
    assert fuse({"vector": Ranking.at(places_of(["a"])), "keyword": Ranking.of([])})[0].score == pytest.approx(1.0)


def test_a_ranking_without_weight_changes_no_order_but_adds_what_the_other_lacks():
    fused = fuse(of(vector=["c", "b", "d"], keyword=["a", "b", "c"]), {"vector": 0.0})
    assert items(fused) == ["a", "b", "c", "d"]


def test_no_ranking_is_no_result():
    assert fuse({}) == []
    assert fuse(of(vector=[], keyword=[])) == []


@given(rankings)
def test_every_item_comes_once_and_none_is_made_up(given_rankings):
    merged = items(fuse({name: Ranking.of(pairs) for name, pairs in given_rankings.items()}))
    assert len(merged) == len(set(merged))
    assert set(merged) == {item for pairs in given_rankings.values() for item, _ in pairs}


@given(rankings)
def test_scores_lie_between_0_and_1_and_the_order_of_the_rankings_does_not_matter(given_rankings):
    legs = {name: Ranking.of(pairs) for name, pairs in given_rankings.items()}
    assert all(0 <= one.score <= 1 + 1e-9 for one in fuse(legs))
    there = {one.item: one.score for one in fuse(legs)}
    assert there == pytest.approx({one.item: one.score for one in fuse(dict(reversed(legs.items())))})


@given(scored)
def test_one_ranking_stays_as_it_is(pairs):
    assert items(fuse({"keyword": Ranking.of(pairs)})) == [item for item, _ in pairs]


@given(st.floats(0.1, 50), st.floats(-5, 5))
def test_the_scale_of_a_rankings_scores_does_not_matter(factor, offset):
    pairs = [("a", 3.0), ("b", 2.5), ("c", 1.0)]
    scaled = [(item, score * factor + offset) for item, score in pairs]
    assert Ranking.of(scaled).strengths == pytest.approx(Ranking.of(pairs).strengths)
