"""Folding passages that say the same."""

import uuid
from dataclasses import replace

import pytest

from search.arrange import BEYOND, SUPERSEDED, in_turn
from search.fold import fold
from search.passage import Passage
from search.settings.tuning import Tuning

BASE = uuid.UUID(int=1)
LONG = (
    "Employees who travel on business are paid for hotel and train after they have handed in the receipts within two "
    "weeks of their return to the office where they work and where the form lies"
)


def passage(number: int, text: str, document: int | None = None, **options) -> Passage:
    document = number if document is None else document
    return Passage(number, uuid.UUID(int=100 + document), BASE, f"title {number}", text, 0, len(text), **options)


def folded(*texts: str) -> list[int]:
    return [one.chunk_id for one in fold([passage(number, text) for number, text in enumerate(texts)])]


def test_the_same_text_is_shown_once_and_says_where_it_stands_too():
    (best,) = fold([passage(1, LONG), passage(2, LONG), passage(3, LONG)])
    assert best.chunk_id == 1
    assert [twin.title for twin in best.also_in] == ["title 2", "title 3"]


@pytest.mark.parametrize(
    "other",
    [
        LONG.upper(),
        LONG.replace(" ", "  \n").replace("business", "business,"),
        LONG.replace("the form", "a form"),
        LONG + " now",
    ],
)
def test_case_spaces_punctuation_and_a_word_make_no_difference(other):
    assert folded(LONG, other) == [0]


def test_other_words_make_one():
    assert folded(LONG, LONG.replace("hotel and train", "food and drink").replace("receipts", "bills")) == [0, 1]


def test_other_numbers_always_make_one():
    assert folded(f"{LONG} 2023: 100 euros", f"{LONG} 2024: 120 euros") == [0, 1]


def test_full_width_letters_are_letters():
    assert folded("Ｔｈｅ ｆｅｅ is due", "the fee is due") == [0]


def test_chinese_is_compared_by_its_characters():
    text = "员工每年享有十五天带薪年假，未用完的假期可以顺延到次年三月底，之后自动作废"
    assert folded(text, text.replace("，", " ")) == [0]
    assert folded(text, "员工可以在每年的三月底之前提出申请，报销上一年度因公出差的住宿费和交通费用") == [0, 1]


def test_short_texts_are_alike_only_where_they_are_the_same():
    assert folded("Yes.", "yes", "no", "", "") == [0, 2, 3]


def test_twins_in_the_same_document_are_no_other_document():
    (best,) = fold([passage(1, LONG), passage(2, LONG, document=1), passage(3, LONG, document=9)])
    assert [twin.document_id for twin in best.also_in] == [uuid.UUID(int=109)]
    assert len(best.twins) == 2


def arranged(passages, **tuning):
    return in_turn(passages, {BASE: Tuning(**tuning)})


def test_superseded_versions_come_last_and_are_what_is_folded():
    old, new = passage(1, LONG, is_superseded=True), passage(2, LONG)
    other = passage(3, "something else that is not alike")
    assert [one.chunk_id for one in arranged([old, other, new])] == [3, 2]
    assert [one.chunk_id for one in arranged([old, other, new], superseded_last=False)] == [1, 3]


def test_superseded_passages_stay_behind_those_beyond_a_documents_share():
    ranked = [passage(1, "old text here", is_superseded=True), *(passage(n, f"{n} text", document=5) for n in (2, 3))]
    found = arranged(ranked, passages_a_document=1)
    assert [(one.chunk_id, one.moved) for one in found] == [(2, ()), (3, (BEYOND,)), (1, (SUPERSEDED,))]


def test_nothing_is_folded_where_the_knowledge_base_does_not_want_it():
    assert len(arranged([passage(1, LONG), passage(2, LONG)], fold=False)) == 2
    other = replace(passage(2, LONG), knowledge_base_id=uuid.UUID(int=2))
    both = {BASE: Tuning(), other.knowledge_base_id: Tuning(fold=False)}
    assert len(in_turn([passage(1, LONG), other], both)) == 2
