"""What a process has asked for lately it does not ask for again."""

import numpy as np
import pytest

from search.last_vectors import BESIDE, LastVectors

DIMENSION = 4
ROW = DIMENSION * 4 + BESIDE  # bytes


class Embed:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.asked.append(texts)
        return np.array([[len(text), ord(text[0]), 0, 1] for text in texts], np.float32)


@pytest.fixture
def embed():
    return Embed()


def test_only_what_is_not_known_is_embedded_and_each_text_once(embed):
    last = LastVectors(10 * ROW)
    first = last.of("m", ["a", "bb", "a"], embed)
    again = last.of("m", ["ccc", "bb", "a"], embed)
    assert embed.asked == [["a", "bb"], ["ccc"]]
    assert first[:, 0].tolist() == [1, 2, 1] and again[:, 0].tolist() == [3, 2, 1]
    last.of("m", ["bb", "a"], embed)
    assert len(embed.asked) == 2


def test_another_model_has_vectors_of_its_own(embed):
    last = LastVectors(10 * ROW)
    last.of("m", ["a"], embed)
    last.of("n", ["a"], embed)
    assert embed.asked == [["a"], ["a"]]


def test_those_that_were_not_asked_for_longest_go_first(embed):
    last = LastVectors(2 * ROW)
    for texts in (["a"], ["b"], ["a"], ["c"], ["a"], ["b"]):
        last.of("m", texts, embed)
    assert embed.asked == [["a"], ["b"], ["c"], ["b"]]


def test_more_than_it_may_keep_is_answered_all_the_same(embed):
    assert LastVectors(ROW - 1).of("m", ["a", "b"], embed)[:, 1].tolist() == [ord("a"), ord("b")]


def test_a_failure_is_not_remembered_and_what_comes_from_it_may_be_changed(embed):
    last = LastVectors(10 * ROW)

    def broken(texts):
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        last.of("m", ["a"], broken)
    last.of("m", ["a"], embed)[:] = 0
    assert last.of("m", ["a"], embed)[0, 0] == 1
    last.forget()
    last.of("m", ["a"], embed)
    assert embed.asked == [["a"], ["a"]]
