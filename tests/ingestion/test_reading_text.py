"""Encodings, cleaning, languages, tables and headings of plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.clean import clean
from ingestion.parsers.decode import decode
from ingestion.parsers.tables import table_blocks
from ingestion.parsers.text import paragraphs
from kb.language import language_of

SIMPLIFIED = "云杉知识库的默认端口是8426，数据每晚两点备份。"
TRADITIONAL = "雲杉知識庫的預設連接埠是8426，資料每晚兩點備份。"
JAPANESE = "杉の木ナレッジベースの既定ポートは8426です。データは毎晩2時にバックアップされます。"
KOREAN = "가문비 지식베이스의 기본 포트는 8426입니다. 데이터는 매일 밤 2시에 백업됩니다."
RUSSIAN = "Порт базы знаний по умолчанию 8426. Данные копируются каждую ночь в два часа."
FRENCH = "Le port par défaut de la base est 8426 ; les données sont sauvées chaque nuit à deux heures."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((SIMPLIFIED, e) for e in ("gb18030", "gb2312", "hz", "utf-8", "utf-8-sig")),
        *((SIMPLIFIED, e) for e in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        *((TRADITIONAL, e) for e in ("big5", "big5hkscs")),
        *((JAPANESE, e) for e in ("cp932", "euc_jp", "iso2022_jp")),
        (KOREAN, "cp949"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (FRENCH, "cp1252"), (FRENCH, "mac_roman"),
    ],
)  # fmt: skip
def test_text_is_read_in_its_encoding(text, encoding):
    assert decode("\n".join([text] * 4).encode(encoding)) == "\n".join([text] * 4)


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_to_be_read(data):
    assert isinstance(decode(data), str)


@given(st.text(max_size=200))
def test_utf_8_is_never_taken_for_something_else(text):
    assert clean(decode(text.encode("utf-8", "ignore"))) == clean(text.encode("utf-8", "ignore").decode("utf-8"))


@given(st.text())
def test_cleaned_text_is_safe_to_store_and_stays_as_it_is(text):
    cleaned = clean(text)
    assert "\0" not in cleaned
    assert "\r" not in cleaned
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("pass\u200bword", "password"), ("va\u200cult", "vault"), ("e\u0301te\u0301", "été"), ("a\0b", "ab"),
        ("\x1b[31mred\x1b[0m", "red"), ("\u202egnp.exe", "gnp.exe"), ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("Z" + "\u0301" * 500, "\u0179" + "\u0301" * 3), ("👩\u200d👩", "👩\u200d👩"), ("\U000e0041hidden", "hidden"),
    ],
)  # fmt: skip
def test_what_hides_or_breaks_is_taken_out(text, cleaned):
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (SIMPLIFIED, "zh"), (TRADITIONAL, "zh"), (JAPANESE, "ja"), (KOREAN, "ko"), (RUSSIAN, "ru"), (FRENCH, "fr"),
        ("The harbour of Norvale was opened in 1887 and it has two basins.", "en"), ("12 34", ""), ("", ""),
        ("Der Hafen ist seit dem Jahr 1887 in Betrieb und hat zwei Becken, die nicht sehr tief sind.", "de"),
        ("El puerto de la ciudad tiene dos muelles y un faro que se ve desde el mar.", "es"),
    ],
)  # fmt: skip
def test_the_language_is_told(text, language):
    assert language_of([text]) == language


def blocks(text):
    return [(block.kind, block.depth, block.text) for block in paragraphs(text)]


def test_chinese_chapters_are_headings():
    assert blocks("第一章 总则\n本章说明。\n\n第二节　范围\n\n一、目的\n\n正文在此。") == [
        ("heading", 2, "第一章 总则"), ("paragraph", 0, "本章说明。"), ("heading", 3, "第二节　范围"),
        ("heading", 3, "一、目的"), ("paragraph", 0, "正文在此。"),
    ]  # fmt: skip


def test_numbered_and_underlined_lines_are_headings():
    assert blocks("Report\n======\n\n1.2 The harbour\n\nIn 1887 it was opened.\nThen it grew.") == [
        ("heading", 1, "Report"), ("heading", 2, "1.2 The harbour"),
        ("paragraph", 0, "In 1887 it was opened.\nThen it grew."),
    ]  # fmt: skip


def test_an_ordinary_sentence_is_no_heading():
    assert [kind for kind, *_ in blocks("1887 was a good year.\n\nShort line\n\n第一章的内容很长，不是标题。")] == [
        "paragraph"
    ] * 3


def test_list_items_stand_alone():
    assert [kind for kind, *_ in blocks("Take:\n- a rope\n- a lamp")] == ["paragraph", "list_item", "list_item"]


def test_each_row_names_its_columns():
    table = next(table_blocks([["Boat", "Owner"], ["Heron", "Ines"], ["Tern", ""]]))
    assert table.text == "Boat: Heron; Owner: Ines\nBoat: Tern"
    assert table.table == (("Boat", "Owner"), ("Heron", "Ines"), ("Tern",))


def test_a_long_table_repeats_its_header():
    parts = list(table_blocks([["number", "word"], *([str(n), "harbour"] for n in range(500))]))
    assert len(parts) > 5
    assert all(part.table[0] == ("number", "word") for part in parts)
    assert sum(len(part.table) - 1 for part in parts) == 500


def test_a_table_of_numbers_has_no_header():
    assert next(table_blocks([["1", "2"], ["3", "4"]])).text == "1 | 2\n3 | 4"


def test_a_caption_above_a_table_is_not_its_header():
    caption, table = table_blocks([["Boats of 2025", "", ""], ["Boat", "Owner"], ["Heron", "Ines"]])
    assert caption.text == "Boats of 2025"
    assert table.text == "Boat: Heron; Owner: Ines"
