"""What is let through while an answer is written: no number that cites nothing, wherever its pieces end."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.chat.citing import CitationGate
from search.cite import checked, numbers_in

COUNT = 3
SCRAPS = st.sampled_from(
    [
        "[", "]", "【", "】", "［", "］", "1", "3", "9", "12", ",", ", ", "-", "–", "、", ";", " ", "\n", "\n\n", "`",
        "``", "```", "~~~", "````", "(", "(x)", ":", "\\", "a", "Word ", "词", ".", "!", "[1]", "[9]", "[1, 9]",
        "[1-3]", "【2】",
    ]
)  # fmt: skip
TEXTS = st.lists(SCRAPS, max_size=40).map("".join)


def through(text: str, cuts=(), count: int = COUNT) -> str:
    gate = CitationGate(count)
    borders = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    pieces = [gate.feed(text[start:end]) for start, end in itertools.pairwise(borders)]
    return "".join(pieces) + gate.finish()


@given(text=TEXTS, cuts=st.sets(st.integers(1, 80)))
@example(text="[[9]8]", cuts={1})
@example(text="[" + "1, " * 40 + "9]", cuts={60})
@example(text="a ``` [9]", cuts={5})
@example(text="``[9]`\n[9]\n```\n[9]", cuts={3})
@example(text="[9]```\n```\n[9]", cuts={3})
@example(text="[`[9]`8]", cuts=set())
def test_no_number_that_cites_nothing_comes_out_wherever_the_pieces_end(text, cuts):
    assert set(numbers_in(through(text, cuts))) <= set(range(1, COUNT + 1))


@given(text=TEXTS, cuts=st.sets(st.integers(1, 80)))
def test_what_comes_out_does_not_depend_on_where_the_pieces_end(text, cuts):
    assert through(text, cuts) == through(text) == through(text, range(1, len(text)))


@given(text=TEXTS)
def test_what_has_come_out_is_not_changed_by_the_check_at_the_end(text):
    assert set(numbers_in(checked(through(text), COUNT))) == set(numbers_in(through(text)))


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("True [1, 9].", "True [1]."),
        ("True [9].", "True."),
        ("True [1-3].", "True [1][2][3]."),
        ("True [1–2; 9].", "True [1][2]."),
        ("是的【2】。", "是的[2]。"),
        ("是的【9】。", "是的。"),
        ("True [ 2 ].", "True [2]."),
        ("True [1][9][2].", "True [1][2]."),
        ("True [0].", "True."),
        ("True [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].", "True [1][2][3]."),
        ("[9] False. Then [2] true.", " False. Then [2] true."),
        ("A link [1](x) stays.", "A link [1](x) stays."),
        ("A link [9](x) goes.", "A link(x) goes."),
        ("As [9]: it says", "As: it says"),
        ("Open [1, 2", "Open [1, 2"),
        ("Not [a] number [12b].", "Not [a] number [12b]."),
        ("Take `a[9]` and [9].", "Take `a[9]` and."),
        ("A `tick and [9].\nNext [1].", "A `tick and.\nNext [1]."),
        ("```py\na[9]\n```\nSo [9] it is [1].", "```py\na[9]\n```\nSo it is [1]."),
        ("~~~\na[9]\n~~~\nSo [9].", "~~~\na[9]\n~~~\nSo."),
        ("```py\na[9]", "```py\na[9]"),
        ("- one [1]\n- two [9]\n", "- one [1]\n- two\n"),
    ],
)
def test_only_numbers_of_passages_come_out(written, shown):
    assert through(written) == shown
    assert through(written, range(len(written))) == shown


def test_words_come_out_at_once_and_brackets_when_they_are_closed():
    gate = CitationGate(2)
    assert gate.feed("Berlin is") == "Berlin is"
    assert gate.feed(" [") == ""
    assert gate.feed("2") == ""
    assert gate.feed("]") == ""  # more may follow: (x) would make it a link
    assert gate.feed(".") == " [2]."


def test_without_passages_no_number_comes_out():
    assert through("True [1].", count=0) == "True."
