"""Joining passages that follow one another."""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from search.join import join_neighbours
from search.passage import Passage

TEXT = "".join(chr(97 + n % 26) for n in range(2000))
DOCUMENT, BASE = UUID(int=1), UUID(int=2)


def passage(start, end, *, document=DOCUMENT, score=1.0, page=1):
    return Passage(
        chunk_id=start, document_id=document, knowledge_base_id=BASE, title="t", text=TEXT[start:end], start=start,
        end=end, score=score, page=page, boxes=((page, start, 0, 1, 1),),
    )  # fmt: skip


def spans(passages):
    return [(one.start, one.end) for one in passages]


def test_passages_that_overlap_come_as_one_at_the_better_ones_place():
    joined = join_neighbours([passage(100, 200, page=3), passage(900, 950), passage(50, 120)], 5)
    assert spans(joined) == [(50, 200), (900, 950)]
    assert joined[0].text == TEXT[50:200]
    assert joined[0].chunk_id == 100
    assert joined[0].page == 3
    assert len(joined[0].boxes) == 2


def test_one_that_lies_within_another_disappears_in_it():
    assert spans(join_neighbours([passage(0, 100), passage(10, 20)], 5)) == [(0, 100)]
    assert spans(join_neighbours([passage(10, 20), passage(0, 100)], 5)) == [(0, 100)]


def test_one_between_two_joins_all_three():
    assert spans(join_neighbours([passage(0, 100), passage(180, 300), passage(90, 190)], 5)) == [(0, 300)]


def test_the_end_of_a_section_between_two_is_kept():
    first, second = passage(0, 10), passage(12, 20)
    assert join_neighbours([first, second], 5)[0].text == first.text + "\n\n" + second.text


def test_neighbours_in_different_documents_stay_apart():
    assert len(join_neighbours([passage(0, 100), passage(90, 200, document=uuid4())], 5)) == 2


def test_a_joined_passage_does_not_grow_without_end():
    chain = [Passage(n, DOCUMENT, BASE, "t", "x" * 1000, n * 1000, n * 1000 + 1000) for n in range(8)]
    assert all(one.end - one.start <= 3000 for one in join_neighbours(chain, 10))


def test_what_joins_the_list_does_not_count_against_the_limit():
    passages = [passage(0, 10), passage(500, 510), passage(8, 20), passage(1000, 1010)]
    assert spans(join_neighbours(passages, 2)) == [(0, 20), (500, 510)]


@given(st.lists(st.tuples(st.integers(0, 1900), st.integers(1, 90)), max_size=12), st.integers(1, 8))
def test_a_joined_text_is_the_slice_that_it_says(starts, limit):
    passages = [passage(start, start + length) for start, length in starts]
    for one in join_neighbours(passages, limit):
        assert len(one.text) == one.end - one.start
        assert (one.text[0], one.text[-1]) == (TEXT[one.start], TEXT[one.end - 1])
