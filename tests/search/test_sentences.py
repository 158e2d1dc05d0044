"""Sentences of English, Chinese, lists, tables and code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.sentences import LONGEST, sentences_of, split_sentences


def texts(passage):
    return [sentence.text for sentence in split_sentences(passage)]


def kinds(passage):
    return [sentence.kind for sentence in split_sentences(passage)]


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        ("He left. She stayed!", ["He left.", "She stayed!"]),
        (
            "Dr. Smith paid $3.50 in the U.S. on Jan. 5. He left.",
            ["Dr. Smith paid $3.50 in the U.S. on Jan. 5.", "He left."],
        ),
        ("J. R. Tolkien wrote it. I did not.", ["J. R. Tolkien wrote it.", "I did not."]),
        ('"Why?" she asked. "No." He went.', ['"Why?" she asked.', '"No."', "He went."]),
        ("See e.g. Fig. 3 and No. 4. Done.", ["See e.g. Fig. 3 and No. 4.", "Done."]),
        ("他来了。她走了！为什么？因为下雨；很大", ["他来了。", "她走了！", "为什么？", "因为下雨；", "很大"]),
        ("他问：“去吗？”她点头。价格是3.5元。", ["他问：“去吗？”", "她点头。", "价格是3.5元。"]),
        ("これは本です。あれはペンです。", ["これは本です。", "あれはペンです。"]),
        (
            "A line that is wrapped at\nthe margin. Another one.",
            ["A line that is wrapped at\nthe margin.", "Another one."],
        ),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_prose_is_split_at_its_full_stops(passage, expected):
    assert texts(passage) == expected


def test_an_item_begins_at_its_marker_and_goes_on_over_wrapped_lines():
    passage = "Steps:\n- Open the box\n  and look.\n1. Close it.\n（二）再看一次。"
    assert texts(passage) == ["Steps:", "- Open the box\n  and look.", "1. Close it.", "（二）再看一次。"]
    assert kinds(passage)[1:] == ["item", "item", "item"]


def test_each_row_of_a_table_is_one():
    passage = "Name: Bob; Age: 3\nName: Al; Age: 4\n\n| a | b |\n| 1. x | 2 |\n\na\tb"
    assert texts(passage) == ["Name: Bob; Age: 3", "Name: Al; Age: 4", "| a | b |", "| 1. x | 2 |", "a\tb"]
    assert set(kinds(passage)) == {"row"}


def test_code_stays_together_with_its_indentation():
    passage = "Call it:\n\n```python\nx = 1\n\ny = 2\n```\n\nOr so:\n\n    for x in y:\n        print(x)\n"
    assert texts(passage) == [
        "Call it:",
        "```python\nx = 1\n\ny = 2\n```",
        "Or so:",
        "    for x in y:\n        print(x)",
    ]
    assert kinds(passage) == ["prose", "code", "prose", "code"]


def test_a_text_without_a_full_stop_is_cut_into_readable_pieces():
    assert all(len(text) <= LONGEST for text in texts("word, " * 1000 + "字" * 3000))


@given(st.text(alphabet="aA1 .!?。；“”\"'\n\t|-:`…字)(") | st.text())
def test_nothing_but_white_space_is_lost_and_the_order_is_kept(passage):
    at = 0
    for sentence in split_sentences(passage):
        assert passage[sentence.start : sentence.end] == sentence.text
        assert sentence.text.strip()
        assert not passage[at : sentence.start].strip()
        at = sentence.end
    assert not passage[at:].strip()


def test_known_parts_are_taken_for_what_they_are():
    code = "rsync -a var/ /backup/\n\nsync"
    text = f"So it is. Do this:\n\nBackup\n\n{code}\n\na: 1\nb: 2\n\nKeep the key"
    pieces = {"So it is. Do this:": "paragraph", "Backup": "heading", code: "code", "a: 1\nb: 2": "table",
              "Keep the key": "list_item"}  # fmt: skip
    spans = [(text.index(piece), text.index(piece) + len(piece), kind) for piece, kind in pieces.items()]
    found = sentences_of(text, spans)
    assert [(one.text, one.kind) for one in found] == [
        ("So it is.", "prose"), ("Do this:", "prose"), (code, "code"), ("a: 1", "row"), ("b: 2", "row"),
        ("Keep the key", "item"),
    ]  # fmt: skip
    assert all(text[one.start : one.end] == one.text for one in found)


def test_what_stands_before_the_first_known_part_is_not_lost():
    assert [one.text for one in sentences_of("One. Two. Three.", [(10, 16, "paragraph")])] == ["One.", "Two.", "Three."]
