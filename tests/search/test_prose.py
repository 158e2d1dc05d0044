"""An answer's small Markdown as blocks: pure, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.prose import blocks_of


def plain(answer: str) -> list[tuple]:
    """Kind and the runs of each item, as (kind, text) pairs."""
    return [
        (block.kind, [[(run.kind, run.text) for run in item] for item in block.items]) for block in blocks_of(answer)
    ]


@pytest.mark.parametrize(
    ("answer", "blocks"),
    [
        ("", []),
        ("One.\n\nTwo.", [("paragraph", [[("text", "One.")]]), ("paragraph", [[("text", "Two.")]])]),
        ("One [12].", [("paragraph", [[("text", "One "), ("cite", "12"), ("text", ".")]])]),
        ("[1][2]", [("paragraph", [[("cite", "1"), ("cite", "2")]])]),
        ("**Bold** and `code [1]`", [("paragraph", [[("strong", "Bold"), ("text", " and "), ("code", "code [1]")]])]),
        ("- a\n- b", [("bullets", [[("text", "a")], [("text", "b")]])]),
        ("1. a\n2) b", [("numbers", [[("text", "a")], [("text", "b")]])]),
        ("Text\n- a", [("paragraph", [[("text", "Text")]]), ("bullets", [[("text", "a")]])]),
        ("## Head", [("heading", [[("text", "Head")]])]),
        ("```\nx = [1]\n```", [("code", [[("text", "x = [1]")]])]),
        ("```\nunfinished", [("code", [[("text", "unfinished")]])]),
        ("```one line", [("code", [[("text", "one line")]])]),
        ("```\na\n``` b\n```", [("code", [[("text", "a\n``` b")]])]),
        ("<b>[x](javascript:1)</b>", [("paragraph", [[("text", "<b>[x](javascript:1)</b>")]])]),
        ("![a](http://evil)", [("paragraph", [[("text", "![a](http://evil)")]])]),
    ],
)
def test_blocks(answer, blocks):
    assert plain(answer) == blocks


def test_a_list_begins_at_its_first_number():
    assert blocks_of("3. c\n4. d")[0].start == 3


@given(st.text(alphabet="ab 1.[]*`#-\n\r中", max_size=200))
def test_any_text_gives_blocks_and_no_letter_is_lost(answer):
    shown = "".join(run.text for block in blocks_of(answer) for item in block.items for run in item)
    for letter in "ab中":
        assert shown.count(letter) == answer.count(letter)
