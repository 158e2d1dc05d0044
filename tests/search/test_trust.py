"""How much meanings count beside words is told, question by question, by what both ways found."""

import pytest

from search import trust
from search.keywords import Hit
from search.stores import Neighbour
from search.trust import FITTED, Look, look_at, trust_in_meanings
from tests.search.library import add_document, make_index

pytestmark = pytest.mark.django_db
USUAL = Look(6, 0.64, 0.51, 0.52)


def with_(**changed) -> float:
    return trust_in_meanings(Look(**{**USUAL.__dict__, **changed}))


@pytest.mark.parametrize("more", [{"terms": 12}, {"covered": 1.0}, {"words_fall": 0.8}])
def test_words_that_tell_much_take_from_meanings(more):
    assert with_(**more) < trust_in_meanings(USUAL)


def test_similarities_that_stand_out_add_to_meanings():
    assert with_(meanings_fall=0.8) > trust_in_meanings(USUAL) > with_(meanings_fall=0.3)


def test_what_is_far_from_everything_known_counts_like_the_farthest_known():
    mean, spread, _ = FITTED["words_fall"]
    assert with_(words_fall=1.0) == with_(words_fall=mean + 2 * spread)
    assert 0.04 < trust_in_meanings(Look(100, 1.0, 1.0, 0.0)) < trust_in_meanings(Look(0, 0.0, 0.0, 1.0)) < 21


def test_a_question_is_looked_at_through_the_passages_that_are_best_by_words(handbook, monkeypatch):
    monkeypatch.setattr(trust, "FAR", 4)
    index = make_index(handbook)
    document = add_document(index, "The guest pays for the hotel.", "Breakfast is at seven.", "The hotel is closed.")
    chunks = {chunk.pk: chunk for chunk in document.listed}
    first, second, third = chunks
    hits = [Hit(first, 8.0), Hit(third, 2.0)]
    near = [Neighbour(first, 0.9), Neighbour(second, 0.6), Neighbour(third, 0.5)]
    seen = look_at("Who pays for the hotel?", near, hits, chunks, [index])
    assert (seen.terms, seen.covered, seen.words_fall) == (2, 1.0, 0.75)
    assert seen.meanings_fall == FITTED["meanings_fall"][0]  # fewer than FAR
    seen = look_at("Who pays for the hotel?", [*near, Neighbour(0, 0.4)], hits, chunks, [index])
    assert seen.meanings_fall == pytest.approx(1.0)
    assert look_at("Who pays?", near, [Hit(0, 1.0)], chunks, [index]).covered == 0.0  # gone meanwhile


def test_scores_that_are_all_alike_tell_nothing(handbook):
    index = make_index(handbook)
    seen = look_at("Who?", [Neighbour(1, 0.5)] * 200, [Hit(1, 2.0)] * 20, {}, [index])
    assert (seen.words_fall, seen.meanings_fall, seen.covered) == (0.0, 0.0, 0.0)
