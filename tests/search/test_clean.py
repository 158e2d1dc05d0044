"""Text from a model's server is such as a database takes, wherever its pieces are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.chat.clean import Joined, clean

ANY = st.text(st.sampled_from("\0\ud83d\ude00\ud800\udfffaé😀"))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("plain", "plain"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83db", "a�b"),
        ("\ude00", "�"),
        ("\ud83d\ud83d\ude00", "�😀"),
        ("a\0b", "ab"),
        ("\ud83d\0\ude00", "😀"),
    ],
)
def test_halves_are_joined_or_replaced_and_nul_is_left_out(said, kept):
    assert clean(said) == kept


@given(st.lists(ANY))
def test_the_cuts_between_pieces_change_nothing(pieces):
    joined = Joined()
    text = "".join(map(joined.feed, pieces)) + joined.finish()
    assert text == clean("".join(pieces))
    assert "\0" not in text
    text.encode()  # raises on half of a character
