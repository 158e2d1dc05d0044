"""What every keyword index promises: what it finds, what it never shows."""

from uuid import uuid4

import pytest

from search.keywords import Entry
from search.keywords.milvus import MilvusWords
from search.keywords.tantivy import TantivyIndex


@pytest.fixture(params=["tantivy", "milvus"])
def keywords(request, tmp_path):
    if request.param == "milvus":
        request.getfixturevalue("db")
        request.getfixturevalue("milvus")
        return MilvusWords()
    return TantivyIndex(tmp_path / "keywords")


def entry(chunk_id, text, *, index_id=1, title="", heading=""):
    return Entry(chunk_id, uuid4(), index_id, title, heading, text)


def ids(hits):
    return [hit.chunk_id for hit in hits]


def test_an_index_that_was_never_written_finds_nothing(keywords):
    assert keywords.best("anything", indexes=[1], limit=5) == []
    assert keywords.count(1) == 0
    assert keywords.missing(1, [1, 2]) == {1, 2}


def test_the_passage_with_the_rarer_words_comes_first(keywords):
    keywords.add([entry(1, "the pump"), entry(2, "the pump needs a gasket"), entry(3, "the weather")])
    assert ids(keywords.best("gasket of the pump", indexes=[1], limit=2)) == [2, 1]


def test_words_are_found_in_their_other_forms(keywords):
    keywords.add([entry(1, "Employees are reimbursed for travelling")])
    assert ids(keywords.best("reimburse an employee's travel", indexes=[1], limit=5)) == [1]


def test_chinese_is_found_without_spaces(keywords):
    keywords.add([entry(1, "员工每年有十天带薪年假。"), entry(2, "会议室需要提前预订。")])
    assert ids(keywords.best("年假有几天", indexes=[1], limit=1)) == [1]


def test_a_part_code_is_found_whole_and_by_its_parts(keywords):
    keywords.add([entry(1, "Invoice INV-2024-0031 is paid."), entry(2, "Invoice INV-2024-0032 is open.")])
    assert ids(keywords.best("inv-2024-0032", indexes=[1], limit=1)) == [2]
    assert ids(keywords.best("0031", indexes=[1], limit=5)) == [1]


def test_a_name_in_code_is_found_whole_and_by_its_parts(keywords):
    keywords.add([entry(1, "call get_max_batch_size() first"), entry(2, "an HttpClient is made")])
    assert ids(keywords.best("maximum batch size", indexes=[1], limit=5)) == [1]
    assert ids(keywords.best("http client", indexes=[1], limit=5)) == [2]


def test_title_and_heading_count(keywords):
    keywords.add([entry(1, "It is ten.", title="Parental leave"), entry(2, "It is two.", heading="Smoking")])
    assert ids(keywords.best("parental leave", indexes=[1], limit=5)) == [1]
    assert ids(keywords.best("smoking", indexes=[1], limit=5)) == [2]


def test_only_the_named_indexes_are_searched(keywords):
    keywords.add([entry(1, "salary of Alice", index_id=1), entry(2, "salary of Charlie", index_id=2)])
    assert ids(keywords.best("salary", indexes=[1], limit=5)) == [1]
    assert ids(keywords.best("salary", indexes=[1, 2], limit=5)) == [1, 2]
    assert keywords.best("salary", indexes=[], limit=5) == []
    assert keywords.best("salary", indexes=[3], limit=5) == []


def test_a_chunk_stands_in_two_indexes_and_leaves_one(keywords):
    keywords.add([entry(1, "salary", index_id=1), entry(1, "salary", index_id=2)])
    keywords.remove_index(1)
    assert keywords.best("salary", indexes=[1], limit=5) == []
    assert ids(keywords.best("salary", indexes=[2], limit=5)) == [1]


def test_adding_again_replaces(keywords):
    keywords.add([entry(1, "old words")])
    keywords.add([entry(1, "new words")])
    assert keywords.count(1) == 1
    assert keywords.best("old", indexes=[1], limit=5) == []
    assert ids(keywords.best("new", indexes=[1], limit=5)) == [1]


def test_removed_passages_are_gone_at_once(keywords):
    keywords.add([entry(1, "salary"), entry(2, "salary")])
    keywords.remove(1, [1, 99])
    assert ids(keywords.best("salary", indexes=[1], limit=5)) == [2]
    assert keywords.missing(1, [1, 2]) == {1}


def test_more_than_a_page_of_ids_is_checked(keywords):
    keywords.add(entry(number, "word") for number in range(2500))
    assert keywords.missing(1, range(2600)) == set(range(2500, 2600))


@pytest.mark.parametrize("words", ["", "   ", "?!", '+-*"(', "AND OR NOT", "a" * 5000, "title:x", "\x00"])
def test_no_question_is_an_error(keywords, words):
    keywords.add([entry(1, "something")])
    assert keywords.best(words, indexes=[1], limit=5) == []


def test_a_very_long_question_is_answered(keywords):
    keywords.add([entry(1, "needle")])
    assert ids(keywords.best("needle " + " ".join(f"w{n}" for n in range(50_000)), indexes=[1], limit=5)) == [1]


def test_in_how_many_passages_a_word_stands(keywords):
    keywords.add([entry(1, "the pump"), entry(2, "two pumps"), entry(3, "max_batch_size"), entry(4, "年假")])
    keywords.add([entry(5, "pump", index_id=2)])
    assert keywords.frequencies(["pump", "batch", "年假", "nothing", "?"], indexes=[1]) == [2, 1, 1, 0, 0]
    assert keywords.frequencies(["pump"], indexes=[1, 2]) == [3]
    assert keywords.frequencies(["pump"], indexes=[]) == [0]


def test_every_entry_and_every_index_is_listed(keywords):
    assert keywords.indexes() == []
    assert list(keywords.ids(1)) == []
    keywords.add([*(entry(number, "word") for number in range(1, 1200)), entry(1, "word", index_id=30)])
    assert sorted(keywords.ids(1)) == list(range(1, 1200))
    assert list(keywords.ids(30)) == [1]
    assert keywords.indexes() == [1, 30]
    keywords.remove_index(1)
    assert keywords.indexes() == [30]


def test_different_words_stay_different_whatever_signs_are_in_them(keywords):
    keywords.add([entry(1, "c++"), entry(2, "c#"), entry(3, "a_b"), entry(4, "a-b")])
    assert ids(keywords.best("c++", indexes=[1], limit=1)) == [1]
    assert ids(keywords.best("c#", indexes=[1], limit=1)) == [2]
    assert ids(keywords.best("a-b", indexes=[1], limit=1)) == [4]


def test_a_passage_of_any_length_is_taken(keywords):
    keywords.add([entry(1, "needle " + " ".join(f"word{n}" for n in range(20_000)) + " needle")])
    assert ids(keywords.best("needle", indexes=[1], limit=5)) == [1]
