"""RTF: text, tables and outline levels, in whatever code page its fonts name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ingestion.errors import IngestionError
from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.decode import decode
from ingestion.parsers.tables import table_blocks
from ingestion.sentence import sentence as _

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.DOTALL
)
_SKIPPED = frozenset(
    b"fonttbl colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr footerf "
    b"themedata colorschememapping datastore latentstyles listtable listoverridetable rsidtbl generator xmlnstbl "
    b"fldinst bkmkstart bkmkend objdata nonshppict mmathPr revtbl filetbl pgptbl blipuid listtext pntext".split()
)
_CHARACTERS = {
    b"tab": "\t", b"line": "\n", b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘", b"rquote": "’",
    b"ldblquote": "“", b"rdblquote": "”", b"emspace": " ", b"enspace": " ", b"qmspace": " ",
}  # fmt: skip
_CHARSETS = {128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253", 162: "cp1254", 163: "cp1258",
             177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250"}  # fmt: skip
_DEEPEST = 2_000  # groups within groups


@dataclass(frozen=True)
class _State:
    skipping: bool = False
    hidden: bool = False
    font: int = 0
    skip_after_unicode: int = 1


@dataclass
class _Reader:
    code_page: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    waiting: bytearray = field(default_factory=bytearray)  # bytes of a character that may not be whole yet
    waiting_font: int = 0
    cells: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    level: int = 0
    is_item: bool = False
    in_table: bool = False
    to_skip: int = 0

    def encoding(self, font: int) -> str:
        return self.fonts.get(font, self.code_page)

    def flush_bytes(self) -> None:
        if self.waiting:
            self.text.append(self.waiting.decode(self.encoding(self.waiting_font), "replace"))
            self.waiting.clear()

    def put(self, text: str) -> None:
        self.flush_bytes()
        self.text.append(text)

    def taken(self) -> str:
        self.flush_bytes()
        text = _whole("".join(self.text)).strip()
        self.text.clear()
        return text

    def end_paragraph(self) -> None:
        if self.in_table:
            self.put("\n")
            return
        self.end_table()
        if text := self.taken():
            kind = "heading" if self.level else "list_item" if self.is_item else "paragraph"
            self.blocks.append(Block(text, kind, self.level))

    def end_row(self) -> None:
        if rest := self.taken():
            self.cells.append(rest)
        if self.cells:
            self.rows.append(self.cells)
        self.cells = []

    def end_table(self) -> None:
        if self.rows:
            self.blocks += table_blocks(self.rows)
            self.rows = []


def parse_rtf(source: Source) -> Draft:
    data = source.path.read_bytes()
    reader = _Reader()
    code_page = re.search(rb"\\ansicpg(\d{3,5})", data[:2000])
    if code_page and (name := _known(f"cp{code_page[1].decode()}")):
        reader.code_page = name
    reader.fonts = dict(_fonts(data[:200_000]))
    _walk(data, reader)
    reader.in_table = False
    reader.end_paragraph()
    reader.end_table()
    title = re.search(rb"{\\title ([^{}\\]{3,200})}", data[:100_000])
    return Draft(reader.blocks, decode(title[1]) if title else "")


def _known(name: str) -> str:
    name = {"cp936": "gb18030", "cp10000": "mac_roman", "cp65001": "utf-8"}.get(name, name)
    try:
        "".encode(name)
    except LookupError:
        return ""
    return name


def _fonts(data: bytes) -> Iterator[tuple[int, str]]:
    for font, charset in re.findall(rb"\\f(\d{1,6})(?:\\f[a-z]+)*\\fcharset(\d{1,3})", data):
        if int(charset) in _CHARSETS:
            yield int(font), _CHARSETS[int(charset)]


def _walk(data: bytes, reader: _Reader) -> None:
    states = [_State()]
    starts_group = False
    for match in _TOKEN.finditer(data):
        word, number, code, symbol, brace, plain = match.groups()
        state = states[-1]
        if brace:
            reader.to_skip = 0
            starts_group = _group(brace, states)
            continue
        if word:
            if word == b"bin" and number:
                raise IngestionError(_("This RTF file holds binary data in a form that cannot be read."))
            states[-1] = _word(word, int(number) if number else None, state, reader, starts_group)
        elif symbol == b"*" and starts_group:
            states[-1] = replace(state, skipping=True)
        elif not (state.skipping or state.hidden):
            _characters(code, symbol, plain, state, reader)
        starts_group = False


def _group(brace: bytes, states: list[_State]) -> bool:
    if brace == b"{":
        if len(states) > _DEEPEST:
            raise IngestionError(_("This RTF file is nested too deeply to be read."))
        states.append(states[-1])
        return True
    if len(states) > 1:
        states.pop()
    return False


def _characters(code: bytes | None, symbol: bytes | None, plain: bytes | None, state: _State, reader: _Reader) -> None:
    if code is not None:
        if reader.to_skip:
            reader.to_skip -= 1
            return
        if reader.waiting and reader.waiting_font != state.font:
            reader.flush_bytes()
        reader.waiting_font = state.font
        reader.waiting += bytes([int(code, 16)])
    elif symbol is not None:
        if symbol in b"{}\\":
            reader.put(symbol.decode("ascii"))
        elif symbol in b"~_":
            reader.put(" " if symbol == b"~" else "-")
        elif symbol in b"\r\n":
            reader.end_paragraph()
    elif plain is not None:
        skipped = min(reader.to_skip, len(plain))
        reader.to_skip -= skipped
        _plain(plain[skipped:], state, reader)


def _plain(text: bytes, state: _State, reader: _Reader) -> None:
    if reader.waiting and text:  # the second byte of a character may look like a letter
        encoding = reader.encoding(reader.waiting_font)
        if _is_cut(reader.waiting, encoding):
            reader.waiting += text[:1]
            text = text[1:]
    if text:
        reader.put(text.decode(reader.encoding(state.font), "replace") if not text.isascii() else text.decode("ascii"))


def _is_cut(data: bytearray, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return error.end >= len(data) and encoding in ("cp932", "cp949", "gb18030", "big5")
    return False


def _word(word: bytes, number: int | None, state: _State, reader: _Reader, starts_group: bool) -> _State:
    if word in _SKIPPED and starts_group:
        return replace(state, skipping=True)
    if state.skipping:
        return state
    match word:
        case b"u" if number is not None:
            if not state.hidden:
                reader.put(chr(number & 0xFFFF))
            reader.to_skip = state.skip_after_unicode
        case b"uc":
            return replace(state, skip_after_unicode=max(0, min(number or 0, 16)))
        case b"f":
            return replace(state, font=number or 0)
        case b"v":
            return replace(state, hidden=number != 0)
        case b"plain":
            return replace(state, hidden=False)
        case _:
            _structure(word, number, reader)
    return state


def _structure(word: bytes, number: int | None, reader: _Reader) -> None:
    match word:
        case b"par" | b"sect" | b"page":
            reader.end_paragraph()
        case b"pard":
            reader.level, reader.is_item, reader.in_table = 0, False, False
        case b"intbl":
            reader.in_table = True
        case b"cell":
            reader.cells.append(reader.taken())
        case b"row":
            reader.end_row()
        case b"outlinelevel":
            reader.level = (number or 0) + 1 if (number or 0) < 6 else 0
        case b"ls":
            reader.is_item = True
        case _ if word in _CHARACTERS:
            reader.put(_CHARACTERS[word])


def _whole(text: str) -> str:
    """Characters beyond the first plane come as two halves."""
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
