"""Chunking: nothing is lost, order and offsets are right, and the model reads all of every passage."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.chunk import ChunkSpan, Piece, chunk, document_text
from ingestion.measure import count_tokens
from search.tokenize import EstimatingTokenizer, tokenizer_named

MINILM = tokenizer_named("sentence-transformers/all-MiniLM-L6-v2")
READS = 256
CHINESE = "知识库是团队共用的文件集合每个人都可以上传提问并且看到答案的出处管理员决定谁能阅读"

letters = st.text(alphabet=st.characters(), max_size=300)
chinese = st.text(alphabet=CHINESE + "。！？；，”", min_size=1, max_size=600)
english = st.text(alphabet="abc defg hijk. lmn, opq! rst\n", max_size=600)
prose = st.one_of(letters, chinese, english)
kinds = st.sampled_from(["heading", "paragraph", "list_item", "table", "code"])
documents = st.lists(st.tuples(kinds, prose), max_size=12)


def pieces_of(*parts: tuple[str, str], path: tuple[str, ...] = ()) -> list[Piece]:
    """Sections as the parser leaves them; "heading" may carry its depth: "heading2"."""
    pieces: list[Piece] = []
    start = 0
    for kind, text in parts:
        depth = int(kind[7:] or 1) if kind.startswith("heading") else 0
        table = [line.split(" | ") for line in text.splitlines()] if kind == "table" and text else None
        pieces.append(Piece(text, kind.rstrip("0123456789"), start, depth=depth, heading_path=path, table=table))
        start += len(text) + 2
    return pieces


def chunked(pieces, *, title="Travel policy", limit=40, overlap=8, reads=READS, tokenizer=MINILM, instruction=""):
    return chunk(
        pieces,
        title=title,
        tokenizer=tokenizer,
        limit=limit,
        overlap=overlap,
        max_model_tokens=reads,
        instruction=instruction,
    )


def assert_sound(pieces: list[Piece], spans: list[ChunkSpan], *, limit: int, reads: int = READS) -> None:
    text = document_text([piece.text for piece in pieces])
    covered = bytearray(len(text))
    for span in spans:
        assert span.text == text[span.start : span.end]
        covered[span.start : span.end] = b"\1" * (span.end - span.start)
    assert all(covered[place] or letter.isspace() for place, letter in enumerate(text))
    assert [span.start for span in spans] == sorted({span.start for span in spans})
    assert [span.end for span in spans] == sorted({span.end for span in spans})
    assert [span.tokens for span in spans] == count_tokens(MINILM, [span.embedded_text for span in spans], special=True)
    assert max((span.tokens for span in spans), default=0) <= reads
    assert max(count_tokens(MINILM, [span.text for span in spans]), default=0) <= limit


@given(documents, st.integers(5, 300), st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_nothing_is_too_long(parts, limit, overlap):
    pieces = pieces_of(*parts, path=("Chapter", "Section"))
    assert_sound(pieces, chunked(pieces, limit=limit, overlap=overlap), limit=limit)


@given(documents, letters, letters)
@settings(max_examples=60, deadline=None)
def test_an_absurd_title_and_heading_still_leave_room_for_the_passage(parts, title, heading):
    pieces = pieces_of(*parts, path=(heading * 20, "Section", heading * 3))
    assert_sound(pieces, chunked(pieces, title=title * 9, limit=220), limit=220)


@pytest.mark.parametrize(
    "text",
    [
        CHINESE * 300,
        (CHINESE + "。") * 300,
        "x" * 50_000,
        "word " * 10_000,
        "\x01" * 50_000,
        " " * 50_000 + "end",
        "\U0001f468‍\U0001f469‍\U0001f467é" * 3_000,
        "\ud800abc " * 3_000,
        "",
        " \n\t ",
    ],
    ids=[
        "chinese",
        "chinese-sentences",
        "one-word",
        "one-line",
        "controls",
        "blanks",
        "emoji",
        "surrogates",
        "empty",
        "white",
    ],
)
def test_text_of_any_kind_is_cut_safely(text):
    pieces = pieces_of(("paragraph", text))
    assert_sound(pieces, chunked(pieces, limit=220, overlap=30), limit=220)


def test_a_heading_starts_a_passage_and_stays_with_what_follows():
    body = "Trains are booked by the office. " * 4
    pieces = pieces_of(("heading1", "Trains"), ("paragraph", body), ("heading1", "Hotels"), ("paragraph", body))
    assert [span.text.split("\n")[0] for span in chunked(pieces)] == ["Trains", "Hotels"]


def test_a_heading_is_never_left_behind_at_the_end_of_a_passage():
    body = "Trains are booked by the office. " * 3
    pieces = pieces_of(("paragraph", "Short."), ("heading2", "Trains"), ("paragraph", body * 5))
    assert not any(span.text.endswith("Trains") for span in chunked(pieces))


def test_small_neighbours_share_a_passage():
    pieces = pieces_of(*[("list_item", f"Item {number}") for number in range(5)])
    assert len(chunked(pieces)) == 1


def test_a_paragraph_that_fits_is_not_divided():
    first, second = "One two three four. " * 6, "Five six seven eight. " * 6
    spans = chunked(pieces_of(("paragraph", first.strip()), ("paragraph", second.strip())), overlap=0)
    assert [span.text for span in spans] == [first.strip(), second.strip()]


def test_sentences_stay_whole_in_english_and_in_chinese():
    english = chunked(pieces_of(("paragraph", "Dr. Smith books the train, e.g. at night. " * 20)), overlap=0)
    chinese = chunked(pieces_of(("paragraph", "他说：“火车票由办公室预订。”谁来付钱？" * 20)), overlap=0)
    assert all(span.text.startswith("Dr. Smith") and span.text.endswith("night.") for span in english)
    assert all(span.text.endswith(("。”", "？")) for span in chinese)


def test_the_overlap_repeats_whole_sentences():
    sentences = " ".join(f"Sentence number {number} is here." for number in range(30))
    spans = chunked(pieces_of(("paragraph", sentences)), limit=40, overlap=10)
    for before, after in itertools.pairwise(spans):
        shared = before.text[after.start - before.start :]
        assert shared.startswith("Sentence number")
        assert shared.endswith("here.")


def test_no_overlap_runs_across_a_heading():
    body = "Trains are booked by the office. " * 6
    pieces = pieces_of(("heading1", "Trains"), ("paragraph", body), ("heading1", "Hotels"), ("paragraph", body))
    spans = chunked(pieces)
    (hotels,) = [span for span in spans if span.text.startswith("Hotels")]
    assert all(span.end <= hotels.start for span in spans if span.start < hotels.start)


def test_rows_of_a_long_table_are_read_below_its_header():
    rows = ["City | Night"] + [f"City {number} | {number} euros" for number in range(60)]
    first, *others = chunked(pieces_of(("table", "\n".join(rows))))
    assert first.text.startswith("City | Night")
    assert "City | Night" not in first.context
    assert others
    assert all(span.embedded_text.startswith("Travel policy\nCity | Night\nCity ") for span in others)


def test_title_and_headings_are_read_with_the_passage():
    (span,) = chunked(pieces_of(("paragraph", "Book early."), path=("Trains", "Tickets")))
    assert span.embedded_text == "Travel policy > Trains > Tickets\nBook early."
    assert span.heading_path == ("Trains", "Tickets")


def test_a_heading_that_the_passage_shows_is_not_read_twice():
    heading = Piece("Trains", "heading", 0, depth=1)
    body = Piece("Book early.", "paragraph", 8, heading_path=("Trains",))
    (span,) = chunked([heading, body])
    assert (span.context, span.heading_path) == ("Travel policy", ("Trains",))


def test_a_passage_over_two_sections_stands_under_what_they_share():
    parts = [
        Piece("One.", "paragraph", 0, heading_path=("A", "B")),
        Piece("Two.", "paragraph", 6, heading_path=("A", "C")),
    ]
    (span,) = chunked(parts)
    assert span.heading_path == ("A",)


def test_a_passage_knows_its_page_and_where_its_lines_stand():
    lines = ((0, 5, 3, 0.1, 0.2, 0.9, 0.22), (5, 9, 4, 0.1, 0.1, 0.9, 0.12))
    piece = Piece(["One.\nTwo.", "Other"][0] + "  ", "paragraph", 0, page=3, lines=lines)
    (span,) = chunked([piece])
    assert span.page == 3
    assert span.boxes == ((3, 0.1, 0.2, 0.9, 0.22), (4, 0.1, 0.1, 0.9, 0.12))


def test_the_instruction_of_a_model_takes_its_room():
    pieces = pieces_of(("paragraph", "word " * 2000))
    instruction = "Represent this passage for retrieval: " * 4
    spans = chunked(pieces, limit=500, instruction=instruction)
    assert max(count_tokens(MINILM, [instruction + span.embedded_text for span in spans], special=True)) <= READS


def test_sections_that_stand_elsewhere_are_refused():
    with pytest.raises(ValueError, match="do not stand"):
        chunked([Piece("One.", "paragraph", 5)])


def test_a_tokenizer_that_is_not_here_is_estimated_too_high():
    texts = ["Expenses are paid back within thirty days.", CHINESE, "\U0001f600" * 5, "id_0x1f = f(a, b)"]
    estimated, real = count_tokens(EstimatingTokenizer(), texts), count_tokens(MINILM, texts)
    assert all(mine >= theirs for mine, theirs in zip(estimated, real, strict=True))


@given(documents)
@settings(max_examples=40, deadline=None)
def test_chunking_by_an_estimate_loses_nothing_either(parts):
    pieces = pieces_of(*parts)
    spans = chunked(pieces, tokenizer=EstimatingTokenizer(), limit=60)
    text = document_text([piece.text for piece in pieces])
    missing = set(range(len(text))).difference(*(range(span.start, span.end) for span in spans))
    assert all(text[place].isspace() for place in missing)
