"""Why a passage was found, where it stands, and what became of the others: on the way that every question takes."""

import numpy as np
import pytest
from django.utils import timezone

from kb.access import readable_by
from search.ask import answer_once
from search.keywords import Entry, open_keywords
from search.models import RerankPreset, SearchSettings
from search.rerankers import RerankError
from search.retrieve import retrieve
from search.route import DocumentHit
from search.settings.tuning import Tuning
from search.trust import trust_in_meanings
from tests.search.library import add_document, direction, make_index

pytestmark = pytest.mark.django_db

REMARKS = [f"a remark of no weight about {word}" for word in ("doors", "lamps", "chairs", "plants", "mugs")]


@pytest.fixture(autouse=True)
def engines(settings, tmp_path, monkeypatch):
    """An own keyword index, exact vectors, and a query lane where every question points the same way."""
    settings.KB_DATA, settings.KB_VECTOR_STORE = tmp_path, "exact"
    monkeypatch.setattr("search.lane.embed_query", lambda preset, text, instruction=None: direction(1))


@pytest.fixture
def index(handbook):
    return make_index(handbook)


def add(index, *texts, vectors=(), **options):
    document = add_document(index, *texts, vectors=vectors or [direction(0, 1)] * len(texts), **options)
    open_keywords().add(
        Entry(chunk.pk, document.pk, index.pk, document.title, "", chunk.text) for chunk in document.listed
    )
    return document


def ask(user, question="vacation days", **options):
    return retrieve(question, knowledge_bases=readable_by(user), **options)


def titles(found):
    return [passage.title for passage in found.passages]


def fates(found):
    return {candidate.title: candidate.fate for candidate in found.candidates}


def test_every_leg_says_what_it_gave(alice, index, monkeypatch):
    trusted = []
    spy = lambda seen: trusted.append(trust_in_meanings(seen)) or trusted[-1]  # noqa: E731
    monkeypatch.setattr("search.retrieve.trust_in_meanings", spy)
    add(index, "thirty vacation days", vectors=[direction(1)], title="both")
    add(index, "vacation of others, at length", title="words")
    first = ask(alice).candidates[0]
    assert (first.title, first.fate, first.place, first.ranks) == ("both", "shown", 1, {"vector": 1, "keyword": 1})
    assert first.similarity == pytest.approx(1.0)
    assert first.keyword_score > 0
    meanings = 0.5 * trusted.pop()
    assert first.shares == pytest.approx({"vector": meanings / (1 + meanings), "keyword": 1 / (1 + meanings)})
    assert first.score == pytest.approx(1.0) == sum(first.shares.values())


@pytest.mark.parametrize("limit", [1, 3, 8])
@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_what_is_explained_is_what_is_shown_and_what_answers(alice, index, mode, limit):
    for number, remark in enumerate(REMARKS):
        add(index, f"vacation days are {number}", remark, "vacation again", vectors=[direction(1, number)] * 3)
    for question in ("vacation days", "remark about lamps", "3", "chairs", "nothing of this"):
        found = ask(alice, question, mode=mode, limit=limit)
        shown = [one.chunk_id for one in found.passages]
        assert {one.chunk_id for one in found.candidates if one.fate == "shown"} == set(shown)
        answered = answer_once(question, knowledge_bases=readable_by(alice), mode=mode, limit=limit)
        assert {source.chunk_id for source in answered.citations} == set(shown)
        assert len({one.chunk_id for one in found.candidates}) == len(found.candidates)


def test_neighbours_and_copies_say_into_what_they_went(alice, index):
    document = add(index, "The first part of vacation.", "The second part of vacation.", title="long")
    copy = add(index, "The first part of vacation.", title="copy")
    found = ask(alice, "first vacation", mode="keyword")
    by_chunk = {one.chunk_id: one for one in found.candidates}
    first, second = (by_chunk[chunk.pk] for chunk in document.listed)
    folded = by_chunk[copy.listed[0].pk]
    assert {first.fate, second.fate, folded.fate} == {"shown", "joined", "folded"}
    assert second.into == folded.into == first.chunk_id
    assert [twin.title for twin in found.passages[0].also_in] == ["copy"]


def test_what_was_put_further_down_says_why(alice, index):
    old = add(index, "vacation days", vectors=[direction(1)], title="old")
    new = add(index, "vacation is now counted in hours", title="new")
    old.superseded_by = new
    old.save()
    found = ask(alice)
    assert titles(found) == ["new", "old"]
    assert {one.title: one.moved for one in found.candidates} == {"new": (), "old": ("superseded",)}
    assert titles(ask(alice, tuning=Tuning(superseded_last=False))) == ["old", "new"]


def test_of_what_is_gone_nothing_is_told_but_a_number(alice, index):
    add(index, "vacation days", title="kept")
    gone = add(index, "vacation days of the board", title="secret")
    gone.deleted_at = timezone.now()
    gone.save()
    found = ask(alice, mode="keyword")
    assert fates(found) == {"kept": "shown", "": "gone"}
    assert found.candidates[-1].document_id is None


def test_a_document_that_is_about_the_question_lifts_its_passages(alice, index, monkeypatch):
    for name in ("one", "two"):
        add(index, f"vacation days of {name}", title=name)
    about = ask(alice, mode="keyword").passages[1]
    hits = [DocumentHit(about.document_id, 0.9, 1)]
    monkeypatch.setattr("search.route.documents_about", lambda question, indexes, limit: hits)
    found = ask(alice, tuning=Tuning(document_weight=1.0, vector_weight=0.0))
    assert titles(found)[0] == about.title
    assert found.candidates[0].shares["document"] > 0
    assert "document" not in ask(alice).candidates[0].shares


class Backwards:
    """A reranker that likes long passages."""

    def __init__(self) -> None:
        self.read: list[list[str]] = []

    def __call__(self, preset, question, passages):
        self.read.append(list(passages))
        return np.array([len(passage) for passage in passages], np.float32)


@pytest.fixture
def preset(handbook):
    preset = RerankPreset.objects.create(name="long ones", model="long")
    SearchSettings.objects.create(knowledge_base=handbook, rerank=preset, rerank_candidates=3)
    return preset


def test_the_best_candidates_are_reranked_and_the_others_stay(alice, index, preset, monkeypatch):
    monkeypatch.setattr("search.rerank.scores", model := Backwards())
    for number in range(5):
        add(index, "vacation " + " ".join(f"word{n}of{number}" for n in range(3 * number)), title=str(number))
    found = ask(alice, "vacation", tuning=None)
    before = ask(alice, "vacation", tuning=Tuning())
    assert titles(before) == ["0", "1", "2", "3", "4"]
    assert titles(found) == ["2", "1", "0", "3", "4"]
    assert len(model.read[0]) == 3
    assert model.read[0][0].startswith("0\nvacation")
    assert [one.rerank_score is not None for one in found.passages] == [True, True, True, False, False]
    assert {one.title: one.place for one in found.candidates} == {"2": 1, "1": 2, "0": 3, "3": 4, "4": 5}
    assert "rerank" in found.steps


def test_a_reranker_that_is_away_is_left_out_and_named(alice, index, preset, monkeypatch):
    def away(*_):
        raise RerankError("It does not answer in time.")

    monkeypatch.setattr("search.rerank.scores", away)
    add(index, "vacation days", title="found")
    found = ask(alice)
    assert titles(found) == ["found"]
    assert "not reranked: It does not answer in time." in found.notes[0]


def test_one_way_alone_is_not_reranked(alice, index, preset, monkeypatch):
    monkeypatch.setattr("search.rerank.scores", model := Backwards())
    add(index, "vacation days")
    ask(alice, mode="keyword")
    ask(alice, mode="vector")
    assert model.read == []


def test_passages_of_another_knowledge_base_keep_their_places(alice, index, preset, monkeypatch):
    from kb.models import KnowledgeBase, Membership, Role

    other = KnowledgeBase.objects.create(name="Other", created_by=alice)
    Membership.objects.create(knowledge_base=other, user=alice, role=Role.MANAGER)
    monkeypatch.setattr("search.rerank.scores", Backwards())
    add(index, "vacation", title="0")
    add(make_index(other), "vacation and else", title="other")
    add(index, "vacation and much else again", title="2")
    assert titles(ask(alice, "vacation")) == ["2", "other", "0"]
