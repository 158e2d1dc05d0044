"""Numbers that cite nothing never reach the reader; the marks lie on what was said."""

import uuid
from dataclasses import replace

from search.cite import blocks_of, checked, cite, in_order, numbers_in, without
from search.highlight import Segment, segments
from search.passage import Part, Passage


def passage(text, start=0):
    return Passage(
        chunk_id=1, document_id=uuid.uuid4(), knowledge_base_id=uuid.uuid4(), title="Rules", text=text, start=start,
        end=start + len(text),
    )  # fmt: skip


def test_a_number_that_cites_nothing_is_taken_out():
    assert checked("True [1]. False [7]. Both [2, 9]. None [0][12].", 2) == "True [1]. False. Both [2]. None."


def test_brackets_that_are_no_citations_stay():
    text = "`a[9]` and \\[9\\] and [9](http://x.org)\n\n```\nb[9]\n```\n[1]"
    assert checked(text, 1) == text
    assert numbers_in(text) == (1,)


def test_a_citation_takes_the_passage_as_it_is_and_marks_the_sentence_said():
    found = passage("Cats sleep a lot. Dogs bark at night. Fish swim.", start=100)
    (source,) = cite("Dogs bark at night. [1]", [found])
    assert source.marks == ((118, 137),)
    assert (source.number, source.text, source.start, source.is_cited) == (1, found.text, 100, True)


def test_what_was_only_found_is_kept_unmarked():
    sources = cite("Dogs bark. [2]", [passage("Cats sleep."), passage("Dogs bark.")])
    assert [(source.number, source.is_cited, source.marks) for source in sources] == [
        (1, False, ()),
        (2, True, ((0, 10),)),
    ]


def test_an_answer_in_other_words_marks_the_nearest_sentence():
    (source,) = cite(
        "At night, barking can be heard from dogs. [1]", [passage("Cats sleep. Dogs bark at night, loudly.")]
    )
    assert source.marks == ((12, 39),)


def test_neighbouring_sentences_are_one_mark():
    (source,) = cite("Cats sleep. Dogs bark. [1]", [passage("Cats sleep. Dogs bark. Fish swim.")])
    assert source.marks == ((0, 22),)


def test_what_rests_on_a_hidden_source_goes_and_so_does_what_cites_nothing():
    answer = "Open. [1]\n\n- one [1]\n- two [2]\n\n```\nsecret\n\ncode\n```\n[2]\n\nUncited."
    assert without(answer, {2}) == "Open. [1]\n\n- one [1]"
    assert without(answer, set()) == answer


def test_code_with_blank_lines_is_one_block():
    assert blocks_of("a\n\n```\nb\n\nc\n```\n[1]\n\nd") == ["a", "```\nb\n\nc\n```\n[1]", "d"]


def test_segments_part_the_text_at_the_marks():
    assert segments("abcdef", 10, [[12, 14]]) == [Segment("ab", False), Segment("cd", True), Segment("ef", False)]


def test_marks_that_overlap_or_lie_outside_lose_no_text():
    pieces = segments("abcdef", 10, [[8, 12], [11, 13], [15, 99]])
    assert "".join(piece.text for piece in pieces) == "abcdef"
    assert [piece.text for piece in pieces if piece.is_marked] == ["ab", "c", "f"]
    assert segments("", 0, [[0, 3]]) == []


def parted(text: str, *parts: Part) -> Passage:
    return replace(passage(text), parts=parts)


def test_a_source_stands_on_the_page_of_the_first_sentence_that_is_said():
    first, second = "The harbour opened in 1887.", "Every boat pays twelve crowns."
    text = f"{first}\n\n{second}"
    start = passage(text).start
    found = parted(
        text,
        Part(start, start + len(first), "paragraph", 1, ("History",)),
        Part(start + len(first) + 2, start + len(text), "paragraph", 2, ("Rules",)),
    )
    (source,) = cite(f"{second} [1]", [found])
    assert (source.page, source.heading_path) == (2, ("Rules",))


def test_a_heading_is_never_marked():
    text = "The data folder\n\nThe data folder is on a disk of the machine itself."
    start = passage(text).start
    found = parted(
        text, Part(start, start + 15, "heading", None, ()), Part(start + 17, start + len(text), "paragraph", None, ())
    )
    (source,) = cite("The data folder is on a disk of the machine itself. [1]", [found])
    assert source.marks == ((start + 17, start + len(text)),)


def test_sources_are_numbered_in_the_order_in_which_they_are_cited():
    passages = [passage(text) for text in ("One.", "Two.", "Three.")]
    answer, ordered = in_order("Three says so. [3] And one, too. [1][3]", passages)
    assert answer == "Three says so. [1] And one, too. [2][1]"
    assert [found.text for found in ordered] == ["Three.", "One.", "Two."]
