"""Source code: kept as it is, cut where a function, a class or an empty line begins something new."""

import re
from collections.abc import Iterator

from ingestion.parsers import Block, Draft, Source
from ingestion.parsers.decode import decode

_PIECE = 1500  # characters: a block ends at the next good place after half of this, at the latest here
_BEGINNING = re.compile(
    r"(?:@\w|(?:export |public |private |protected |static |async |pub |abstract |final )*"
    r"(?:def|class|function|func|fn|interface|struct|enum|trait|impl|module|namespace|type|CREATE|create)\b)"
)


def parse_code(source: Source) -> Draft:
    return Draft(code_blocks(decode(source.path.read_bytes())))


def code_blocks(text: str, page: int | None = None) -> Iterator[Block]:
    piece: list[str] = []
    size = 0
    empty = True
    for line in text.expandtabs(4).splitlines():
        good = bool(_BEGINNING.match(line)) or (empty and not line[:1].isspace())
        if piece and (size + len(line) > _PIECE or (good and size > _PIECE // 2)):
            yield Block("\n".join(piece), "code", 0, page)
            piece, size = [], 0
        piece.append(line.rstrip())
        size += len(line) + 1
        empty = not line.strip()
    if piece:
        yield Block("\n".join(piece), "code", 0, page)
