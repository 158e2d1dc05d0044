"""The tokens that keyword search compares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.keywords.tokens import asked_tokens, compounds, is_one_character, tokens_of

EXAMPLES = {
    "The Pump, the pump.": ["the", "pump", "the", "pump"],
    "INV-2024-0031": ["inv-2024-0031", "inv", "2024", "0031"],
    "max_batch_size": ["max_batch_size", "max", "batch", "size"],
    "HttpClient": ["httpclient", "http", "client"],
    "parseXMLFile2": ["parsexmlfile2", "parse", "xml", "file", "2"],
    "年假": ["年", "年假", "假"],
    "用Python写": ["用", "python", "写"],
    "café naïve": ["café", "naïve"],
    "ＦＵＬＬ　ｗｉｄｔｈ": ["full", "width"],
    "employee's": ["employee"],
    "employee’s": ["employee"],
    "C++ and C#": ["c++", "and", "c#"],
    "3.14": ["3.14", "3", "14"],
    "Straße": ["strasse"],
    "ひらがな": ["ひ", "ひら", "ら", "らが", "が", "がな", "な"],
    "": [],
    " \n\t ?!": [],
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_text_is_cut_into(text):
    assert list(tokens_of(text)) == EXAMPLES[text]


@given(st.text())
def test_no_token_is_empty_or_holds_a_space(text):
    assert all(token and not any(character.isspace() for character in token) for token in tokens_of(text))


@given(st.text(alphabet=st.characters(categories=["Ll", "Nd"], codec="ascii"), min_size=1, max_size=30))
def test_a_plain_word_gives_itself_first(word):
    assert next(tokens_of(word)) == word


def test_a_run_of_data_is_not_a_word():
    assert list(tokens_of("a" * 10_000)) == []


def test_a_question_leaves_out_what_says_nothing():
    assert asked_tokens("What is the pump for?") == ["pump"]


def test_a_question_of_nothing_else_keeps_it():
    assert asked_tokens("To be or not to be") == ["to", "be", "or", "not", "to", "be"]


def test_single_characters_are_told_from_pairs_and_letters():
    assert is_one_character("年")
    assert not is_one_character("年假")
    assert not is_one_character("a")


def test_two_words_are_asked_for_as_one_too():
    assert compounds("How do I back up INV-1?") == ["howdo", "doi", "iback", "backup"]
