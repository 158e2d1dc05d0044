"""A whole document in as few parts as a model can read."""

from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunk import JOIN
from ingestion.measure import count_tokens
from ingestion.parts import SPARE, parts_of
from search.tokenize import tokenizer_named

TOKENIZER = tokenizer_named("sentence-transformers/all-MiniLM-L6-v2")
SENTENCE = "The night train leaves at nine and arrives before the conference begins."  # 13 tokens


def tokens_of(text: str) -> int:
    return count_tokens(TOKENIZER, [text], special=True)[0]


def test_what_the_model_reads_in_one_go_is_one_part():
    (part,) = parts_of(["Trains", SENTENCE], TOKENIZER, reach=512)
    assert part.text == f"Trains{JOIN}{SENTENCE}"
    assert part.tokens == tokens_of(part.text)


def test_a_little_more_than_the_model_reads_becomes_two_halves():
    sections = [SENTENCE] * 12
    first, second = parts_of(sections, TOKENIZER, reach=SPARE + 120)
    assert abs(first.tokens - second.tokens) <= tokens_of(SENTENCE)


def test_parts_end_where_sections_end():
    sections = [f"{SENTENCE} Number {n}." for n in range(40)]
    parts = parts_of(sections, TOKENIZER, reach=100)
    assert [section for part in parts for section in part.text.split(JOIN)] == sections


def test_a_section_that_is_too_long_is_cut_and_nothing_is_lost():
    section = " ".join([SENTENCE] * 100)
    parts = parts_of(["Before.", section, "After."], TOKENIZER, reach=200)
    assert " ".join(part.text.replace(JOIN, " ") for part in parts) == f"Before. {section} After."
    assert max(part.tokens for part in parts) <= 200


def test_room_is_left_for_the_instruction():
    instruction = "passage: " * 20
    parts = parts_of([SENTENCE] * 50, TOKENIZER, reach=128, instruction=instruction)
    assert max(tokens_of(instruction + part.text) for part in parts) <= 128


def test_of_no_text_there_are_no_parts():
    assert parts_of([], TOKENIZER, reach=512) == []
    assert parts_of([" ", "\n"], TOKENIZER, reach=512) == []


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=300), max_size=12),
    st.integers(min_value=40, max_value=300),
)
def test_every_part_fits_and_every_word_is_in_one(sections, reach):
    parts = parts_of(sections, TOKENIZER, reach=reach)
    assert all(part.tokens <= reach for part in parts)
    together = "".join("".join(part.text.split()) for part in parts)
    assert together == "".join("".join(section.split()) for section in sections)
