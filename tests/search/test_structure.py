"""Passages learn which sections they have, also of one that begins before them, by one question to the database."""

import pytest

from kb.models import KnowledgeBase, Section
from search.passage import Passage
from search.structure import with_parts
from tests.search.library import add_document, make_index

pytestmark = pytest.mark.django_db

SECTIONS = (("heading", "Fees", 1), ("table", "boat: Tern; fee: 12\nboat: Heron; fee: 9", 1), ("paragraph", "Pay.", 2))


@pytest.fixture
def document():
    document = add_document(make_index(KnowledgeBase.objects.create(name="Harbour")), "x")
    start = 0
    for ordinal, (kind, text, page) in enumerate(SECTIONS):
        Section.objects.create(document=document, ordinal=ordinal, kind=kind, text=text, start=start, page=page)
        start += len(text) + 2
    return document


def passage(document, start: int, text: str) -> Passage:
    return Passage(1, document.pk, document.knowledge_base_id, "Fees", text, start, start + len(text))


def test_a_passage_that_begins_within_a_table_knows_that_it_is_one(document, django_assert_num_queries):
    second_row = passage(document, 6 + 20, "boat: Heron; fee: 9\n\nPay.")
    with django_assert_num_queries(1):
        (found,) = with_parts([second_row])
    assert [part.kind for part in found.parts] == ["table", "paragraph"]
    assert found.spans()[0][0] == 0
    assert found.part_at(found.end - 1).page == 2


def test_sections_beside_the_passage_are_not_its_parts(document):
    (found,) = with_parts([passage(document, 0, "Fees")])
    assert [part.kind for part in found.parts] == ["heading"]


def test_without_passages_nothing_is_asked(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert with_parts([]) == ()
