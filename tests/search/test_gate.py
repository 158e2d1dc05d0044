"""What a reader is let see of an answer while it is written: no thinking, no passage that is not there."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.chat.gate import AnswerGate
from search.cite import numbers_in

COUNT = 3
# (as it is written, as it is shown): pieces that mean the same whatever stands around them
PARTS = [
    ("word", "word"), ("*so*", "*so*"), ("词", "词"), ("(in short)", "(in short)"), ("(2)", "(2)"), ("[12b]", "[12b]"),
    ("[source: Kitchen]", "[source: Kitchen]"), ("(source code)", "(source code)"), ("(Source 2024)", "(Source 2024)"),
    ("`[9] [Passage 9] <think>`", "`[9] [Passage 9] <think>`"), ("(the passage is long)", "(the passage is long)"),
    ("a < b", "a < b"), ("<b>", "<b>"), ("\n```\n[9] (source 9)\n```\n", "\n```\n[9] (source 9)\n```\n"),
    ("[1]", "[1]"), ("[1, 9]", "[1]"), ("[1-3]", "[1][2][3]"), ("【2】", "[2]"), ("［3］", "[3]"), ("[^1]", "[1]"),
    ("[Passage 2]", "[2]"), ("[passages 1 and 3]", "[1][3]"), ("[Passage 1, Passage 9]", "[1]"), ("[source: 2]", "[2]"),
    ("[Sources 1-3]", "[1][2][3]"), ("[Source 2: Travel policy, page 3]", "[2]"), ("[doc #3]", "[3]"),
    ("[1, page 4]", "[1]"), ("【3†source】", "[3]"), ("[2†L1-L5]", "[2]"), ("(source 2)", "[2]"),
    ("(see passages 1, 2)", "[1][2]"), ("（来源 2）", "[2]"), ("[段落3]", "[3]"), ("(vgl. Quelle 1)", "[1]"),
    ("x <think>[1] `\n```\nhm</think>y", "x y"), ("x <thinking>no</think>[9]</thinking>y", "x y"),
    ("x [THINK]hm[/THINK]y", "x y"),
]  # fmt: skip
GONE = [
    "[9]", "[0]", "[7-9]", "【9】", "[^9]", "[Passage 9]", "[source 12]", "(source 9)", "(see passage 0)",
    "【9†source】", "【4:0†source】", "（段落9）", "[Sources 8, 9: Travel]", "[references 5–7]", "[9, p. 3]",
]  # fmt: skip
MARKS = ["[", "]", "(", ")", "【", "】", "source ", "Passage ", "see ", "^", "†", "1", "9", ", ", "-", " ", "\n", "`",
         "```", "<think>", "</think>", "<", "thi", "nk>", "[THINK]", "[/THINK]", "来源", "a", ":", "\0"]  # fmt: skip
CUTS = st.sets(st.integers(1, 400))
TEXTS = st.lists(st.sampled_from([*MARKS, *GONE, *(written for written, _ in PARTS)]), max_size=30).map("".join)


def through(text: str, cuts=()) -> tuple[str, int]:
    """What comes out, and where the answer begins in it."""
    gate = AnswerGate(COUNT)
    borders = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    out = "".join(gate.feed(text[start:end]) for start, end in itertools.pairwise(borders)) + gate.finish()
    return out, gate.begins


def shown(text: str, cuts=()) -> str:
    out, begins = through(text, cuts)
    return out[begins:]


@given(
    parts=st.lists(st.one_of(st.sampled_from(PARTS), st.sampled_from([(gone, "") for gone in GONE])), max_size=12),
    cuts=CUTS,
)
def test_references_to_passages_come_out_as_their_numbers_and_the_others_not_at_all(parts, cuts):
    written = "".join(f" {written}" for written, _ in [("Hm", ""), *parts]) + "."
    expected = "".join(f" {kept}" for _, kept in [("Hm", "Hm"), *parts] if kept) + "."
    assert shown(written, cuts) == expected


@given(text=TEXTS, cuts=CUTS)
@example(text="[(source 9)8]", cuts={3})
@example(text="[[source 9]8]", cuts=set())
@example(text="[1<think>x</think>9]", cuts={2, 9})
@example(text="`<think>\n</think>[9]`", cuts={4})
def test_no_number_that_cites_nothing_comes_out_and_borders_of_pieces_change_nothing(text, cuts):
    out, begins = through(text, cuts)
    assert (out, begins) == through(text) == through(text, range(1, len(text)))
    assert set(numbers_in(out[begins:])) <= set(range(1, COUNT + 1))


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("<think>Let me see [1].</think>\n\nMonthly [1].", "Monthly [1]."),
        ("<think>\n\n</think>\n\nMonthly [1].", "Monthly [1]."),
        ("<THINKING>hm</Thinking>  Monthly.", "Monthly."),
        ("<think>It never ends. [1]", ""),
        ("<think>It never ends </thi", ""),
        ("Monthly [1]. <think>More to come", "Monthly [1]. "),
        ("Okay, the kettle [2]...\n</think>\n\nMonthly [1].", "Monthly [1]."),
        ("One</think>two</think>Monthly.", "Monthly."),
        ("All of it was thinking.</think>", ""),
        ("The tag `<think>` stays.", "The tag `<think>` stays."),
        ("```\n<think>\n```\nStays.", "```\n<think>\n```\nStays."),
        ("I <thoroughly> agree, [thinking] aloud.", "I <thoroughly> agree, [thinking] aloud."),
        ("a\0b", "ab"),
    ],
)
def test_what_a_model_writes_to_itself_is_no_part_of_the_answer(written, answer):
    assert shown(written) == answer
    assert shown(written, range(len(written))) == answer


def test_words_in_parentheses_come_out_before_these_are_closed():
    gate = AnswerGate(COUNT)
    assert gate.feed("It is (for") == "It is (for"
    assert gate.feed(" now, see") == " now, see"
    assert gate.feed(" (sou") == ""
    assert gate.feed("p is on") == " (soup is on"
