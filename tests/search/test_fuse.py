"""Merging rankings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.fuse import fuse

rankings = st.dictionaries(
    st.sampled_from(["vector", "keyword", "title"]), st.lists(st.integers(0, 30), unique=True, max_size=20)
)


def items(fused):
    return [one.item for one in fused]


def test_what_two_rankings_name_is_before_what_one_names():
    assert items(fuse({"vector": ["a", "b"], "keyword": ["c", "b"]})) == ["b", "a", "c"]


def test_the_score_is_the_sum_of_reciprocal_ranks_as_a_share_of_the_most():
    (first, *_) = fuse({"vector": ["a"], "keyword": ["b", "a"]})
    assert first.item == "a"
    assert first.score == pytest.approx((1 / 61 + 1 / 62) / (2 / 61))
    assert first.ranks == {"vector": 1, "keyword": 2}


def test_a_ranking_without_weight_changes_no_order_but_adds_what_the_other_lacks():
    fused = fuse({"vector": ["c", "b", "d"], "keyword": ["a", "b", "c"]}, {"vector": 0.0})
    assert items(fused) == ["a", "b", "c", "d"]


def test_no_ranking_is_no_result():
    assert fuse({}) == []
    assert fuse({"vector": [], "keyword": []}) == []


@given(rankings)
def test_every_item_comes_once_and_none_is_made_up(given_rankings):
    merged = items(fuse(given_rankings))
    assert len(merged) == len(set(merged))
    assert set(merged) == {item for ranking in given_rankings.values() for item in ranking}


@given(rankings)
def test_the_order_of_the_rankings_does_not_matter(given_rankings):
    backwards = dict(reversed(given_rankings.items()))
    assert items(fuse(given_rankings)) == items(fuse(backwards))


@given(st.lists(st.integers(), unique=True, max_size=30))
def test_one_ranking_stays_as_it_is(ranking):
    assert items(fuse({"keyword": ranking})) == ranking
